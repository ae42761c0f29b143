"""An account's alias: at most one, and no two accounts with the same."""

from __future__ import annotations

import re
from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.model import Account
from sidedoor.identity.pages import marked_page

_ALIAS = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")


def create_account_alias(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html

    A new alias takes the place of the one that was there (IAM user guide, "Your AWS account ID and its alias").
    """
    alias = request["AccountAlias"]
    if not _ALIAS.fullmatch(alias):
        raise errors.ValidationError(f"The account alias '{alias}' is not valid: 3 to 63 of the characters a-z, 0-9 and -.")
    if any(alias in account.aliases for account in call.tables.accounts.where()):
        raise errors.EntityAlreadyExists(f"The account alias {alias} already exists.")
    account = _account(call)
    call.tables.accounts.update(account, replace(account, aliases=(alias,)))
    return {}


def _account(call: Call) -> Account:
    """The caller's account, which in dev mode nobody need have created."""
    found = call.tables.accounts.find(call.account)
    return found or call.tables.accounts.add(Account(id=call.account, name=call.account, created=call.now))


def list_account_aliases(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html"""
    account = call.tables.accounts.find(call.account)
    shown, rest = marked_page(call, request, account.aliases if account else (), key=str)
    return {"AccountAliases": shown, **rest}


def delete_account_alias(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountAlias.html"""
    alias = request["AccountAlias"]
    account = call.tables.accounts.find(call.account)
    if account is None or alias not in account.aliases:
        raise errors.NoSuchEntity(f"The account alias {alias} cannot be found.")
    call.tables.accounts.update(account, replace(account, aliases=tuple(one for one in account.aliases if one != alias)))
    return {}

"""Accounts: making one with its root access key, and listing them. For the operator; there is no API operation for it."""

from __future__ import annotations

import re
from datetime import datetime

from sidedoor import errors, ids
from sidedoor.identity.credentials import new_key, root
from sidedoor.identity.model import AccessKey, Account
from sidedoor.store.tables import Tables


def create_account(
    tables: Tables, name: str, now: datetime, entropy: ids.Entropy, account_id: str | None = None
) -> tuple[Account, AccessKey]:
    """A new account and its root's access key. Raises ``ValidationError`` and ``EntityAlreadyExists``."""
    if not name.strip():
        raise errors.ValidationError("An account needs a name.")
    if account_id is None:
        account_id = _free_id(tables, entropy)
    elif not re.fullmatch(r"\d{12}", account_id, re.ASCII):
        raise errors.ValidationError(f"'{account_id}' is not an account id: it must have 12 digits.")
    elif tables.accounts.find(account_id) is not None:
        raise errors.EntityAlreadyExists(kind="Account", name=account_id)
    account = tables.accounts.add(Account(id=account_id, name=name, created=now))
    return account, tables.access_keys.add(new_key(root(account_id), now, entropy, user_name=None))


def list_accounts(tables: Tables) -> list[Account]:
    """All accounts, oldest first."""
    return tables.accounts.where()


def _free_id(tables: Tables, entropy: ids.Entropy) -> str:
    while True:
        account_id = f"{int.from_bytes(entropy(8), 'big') % 10**12:012}"
        if tables.accounts.find(account_id) is None:
            return account_id

"""``sidedoor accounts``: works on the database directly, whether Sidedoor runs or not."""

from __future__ import annotations

import os

from sidedoor import errors
from sidedoor.app.database import opened
from sidedoor.clock import utc_now
from sidedoor.identity import accounts
from sidedoor.settings import Settings, SettingsError


def create(settings: Settings, name: str, account_id: str | None) -> dict[str, str]:
    """A new account with an access key for its root. Raises ``SettingsError``."""
    with opened(settings) as store, store.write() as tables:
        if account_id is not None and tables.accounts.find(account_id) is not None:
            raise SettingsError(f"Account {account_id} exists already: give another --id, or leave it out.")
        try:
            account, key = accounts.create_account(tables, name, utc_now(), os.urandom, account_id)
        except errors.ApiError as error:
            raise SettingsError(error.message) from None
        return {"AccountId": account.id, "Name": account.name, "AccessKeyId": key.id, "SecretAccessKey": key.secret}


def listed(settings: Settings) -> list[dict[str, str]]:
    with opened(settings) as store, store.read() as tables:
        return [{"AccountId": one.id, "Name": one.name} for one in accounts.list_accounts(tables)]

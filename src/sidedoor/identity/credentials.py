"""Access keys: making them, and telling who a request's key belongs to.

Rule 1: the caller of this module verifies the signature with the secret that it gets; here no secret is compared.
Rule 2: without dev mode only keys that are there, active and not expired have a caller.
Rule 3: in dev mode every secret is accepted (None is returned for it); a key id that nobody made is a root's: a 12-digit
one that account's, any other ``DEV_ACCOUNT``'s.
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import datetime

from sidedoor import errors, ids
from sidedoor.identity.model import AccessKey, Caller, CallerKind, root_arn
from sidedoor.store.tables import Tables

DEV_ACCOUNT = "123456789012"


def authenticate(
    tables: Tables, access_key_id: str, session_token: str | None, now: datetime, dev: bool
) -> tuple[str | None, Caller]:
    """The secret with which the request must be signed (None: any) and the caller.

    Raises ``InvalidClientTokenId`` and ``ExpiredToken``.
    """
    key = tables.access_keys.find(access_key_id)
    if key is None:
        if not dev:
            raise errors.InvalidClientTokenId
        return None, root(_dev_account(access_key_id), access_key_id)
    if not key.active or not _same(session_token, key.session_token):
        raise errors.InvalidClientTokenId
    if key.expires is not None and key.expires <= now:
        raise errors.ExpiredToken
    return None if dev else key.secret, _caller(key)


def _same(given: str | None, expected: str | None) -> bool:
    """Whether the request's session token is the key's, in constant time; a permanent key has none."""
    return hmac.compare_digest((given or "").encode(), (expected or "").encode())


def account_of_key(tables: Tables, access_key_id: str, dev: bool) -> str | None:
    """The account that a key belongs to, or None where there is no such key."""
    key = tables.access_keys.find(access_key_id)
    if key is not None:
        return key.account
    return _dev_account(access_key_id) if dev else None


def _dev_account(access_key_id: str) -> str:
    return access_key_id if re.fullmatch(r"\d{12}", access_key_id, re.ASCII) else DEV_ACCOUNT


def root(account: str, access_key_id: str = "") -> Caller:
    """An account's root as a caller."""
    arn = root_arn(account)
    return Caller(
        account=account, arn=arn, user_id=account, principal=arn, kind=CallerKind.ROOT, access_key_id=access_key_id
    )  # fmt: skip


def _caller(key: AccessKey) -> Caller:
    return Caller(
        account=key.account, arn=key.arn, user_id=key.user_id, principal=key.principal, kind=key.kind, access_key_id=key.id
    )  # fmt: skip


def new_key(caller: Caller, now: datetime, entropy: ids.Entropy, *, user_name: str | None) -> AccessKey:
    """A permanent key with which one is ``caller``, whose ``access_key_id`` does not count."""
    return AccessKey(
        id=f"AKIA{ids.base32(16, entropy)}", account=caller.account, secret=_secret(entropy), kind=caller.kind,
        arn=caller.arn, user_id=caller.user_id, principal=caller.principal, created=now, user_name=user_name,
    )  # fmt: skip


def new_temporary_key(
    caller: Caller, now: datetime, entropy: ids.Entropy, *, expires: datetime, user_name: str | None
) -> AccessKey:
    """A key with a session token, with which one is ``caller`` until it expires."""
    return AccessKey(
        id=f"ASIA{ids.base32(16, entropy)}", account=caller.account, secret=_secret(entropy), kind=caller.kind,
        arn=caller.arn, user_id=caller.user_id, principal=caller.principal, created=now, user_name=user_name,
        session_token=base64.b64encode(entropy(96)).decode(), expires=expires,
    )  # fmt: skip


def _secret(entropy: ids.Entropy) -> str:
    return base64.b64encode(entropy(30)).decode()

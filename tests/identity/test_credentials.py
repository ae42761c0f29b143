"""Whom a request's key belongs to, with and without dev mode."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.accounts import create_account
from sidedoor.identity.credentials import authenticate, new_temporary_key
from sidedoor.identity.model import AccessKey, Caller, CallerKind


def caller_of(world: Any, key_id: str, token: str | None = None, *, dev: bool = False) -> tuple[str | None, Caller]:
    with world.store.read() as tables:
        return authenticate(tables, key_id, token, world.now, dev)


@pytest.fixture
def root_key(world: Any) -> AccessKey:
    with world.store.write() as tables:
        return create_account(tables, "provider", world.now, world.random.randbytes, "111111111111")[1]


@pytest.fixture
def session_key(world: Any) -> AccessKey:
    arn = "arn:aws:iam::111111111111:role/r"
    who = Caller(
        account="111111111111", arn="arn:aws:sts::111111111111:assumed-role/r/s", user_id="AROA1:s", principal=arn,
        kind=CallerKind.ASSUMED_ROLE, access_key_id="",
    )  # fmt: skip
    expires = world.now + timedelta(hours=1)
    with world.store.write() as tables:
        key = new_temporary_key(who, world.now, world.random.randbytes, expires=expires, user_name=None)
        added: AccessKey = tables.access_keys.add(key)
        return added


def test_a_key_gives_its_secret_and_its_caller(world: Any, root_key: AccessKey) -> None:
    secret, caller = caller_of(world, root_key.id)
    assert (secret, caller.account, caller.arn) == (root_key.secret, "111111111111", "arn:aws:iam::111111111111:root")
    assert (caller.user_id, caller.kind, caller.access_key_id) == ("111111111111", CallerKind.ROOT, root_key.id)
    assert len(root_key.secret) == 40


@pytest.mark.parametrize("key_id", ["AKIAUNKNOWN", "111111111111", ""])
def test_a_key_that_nobody_made_is_unknown(world: Any, root_key: AccessKey, key_id: str) -> None:
    with pytest.raises(errors.InvalidClientTokenId):
        caller_of(world, key_id)


def test_an_inactive_key_is_unknown(world: Any, root_key: AccessKey) -> None:
    with world.store.write() as tables:
        tables.access_keys.update(root_key, replace(root_key, active=False))
    for dev in (False, True):
        with pytest.raises(errors.InvalidClientTokenId):
            caller_of(world, root_key.id, dev=dev)


def test_a_permanent_key_has_no_session_token(world: Any, root_key: AccessKey) -> None:
    with pytest.raises(errors.InvalidClientTokenId):
        caller_of(world, root_key.id, "token")


@pytest.mark.parametrize("dev", [False, True])
def test_a_temporary_key_works_with_its_token_until_it_expires(world: Any, session_key: AccessKey, dev: bool) -> None:
    secret, caller = caller_of(world, session_key.id, session_key.session_token, dev=dev)
    assert secret == (None if dev else session_key.secret)
    assert (caller.arn, caller.principal) == (session_key.arn, "arn:aws:iam::111111111111:role/r")
    for token in (None, "", "wrong", "é"):
        with pytest.raises(errors.InvalidClientTokenId):
            caller_of(world, session_key.id, token, dev=dev)
    world.now = session_key.expires
    with pytest.raises(errors.ExpiredToken):
        caller_of(world, session_key.id, session_key.session_token, dev=dev)


@pytest.mark.parametrize(
    ("key_id", "account"),
    [("222222222222", "222222222222"), ("test", "123456789012"), ("AKIAUNKNOWN", "123456789012"), ("12345", "123456789012")],
)
def test_in_dev_mode_any_key_is_a_root(world: Any, key_id: str, account: str) -> None:
    secret, caller = caller_of(world, key_id, dev=True)
    assert secret is None
    assert (caller.account, caller.arn, caller.kind) == (account, f"arn:aws:iam::{account}:root", CallerKind.ROOT)


def test_in_dev_mode_a_known_key_is_still_its_owners(world: Any, root_key: AccessKey) -> None:
    secret, caller = caller_of(world, root_key.id, dev=True)
    assert (secret, caller.account) == (None, "111111111111")

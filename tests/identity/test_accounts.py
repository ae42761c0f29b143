"""Accounts, as the operator makes and lists them, and their aliases."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.accounts import create_account, list_accounts
from sidedoor.identity.aliases import create_account_alias, delete_account_alias, list_account_aliases

PROVIDER, CONSUMER = "111111111111", "222222222222"


def test_accounts_are_listed_in_the_order_in_which_they_were_made(world: Any) -> None:
    with world.store.write() as tables:
        first, first_key = create_account(tables, "first", world.now, world.random.randbytes)
        second, second_key = create_account(tables, "second", world.now.replace(year=2027), world.random.randbytes, PROVIDER)
    with world.store.read() as tables:
        assert list_accounts(tables) == [first, second]
        assert tables.access_keys.find(first_key.id) == first_key
    assert second.id == PROVIDER
    assert len(first.id) == 12
    assert first.id.isdecimal()
    assert first_key.id.startswith("AKIA")
    assert first_key.id != second_key.id


@pytest.mark.parametrize("account_id", ["1", "abcdefabcdef", "1234567890123", "", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_an_account_id_has_twelve_digits(world: Any, account_id: str) -> None:
    with world.store.write() as tables, pytest.raises(errors.ValidationError, match="12 digits"):
        create_account(tables, "a", world.now, world.random.randbytes, account_id)


def test_an_account_is_made_once_and_has_a_name(world: Any) -> None:
    with world.store.write() as tables:
        create_account(tables, "a", world.now, world.random.randbytes, PROVIDER)
        with pytest.raises(errors.EntityAlreadyExists, match=PROVIDER):
            create_account(tables, "b", world.now, world.random.randbytes, PROVIDER)
        with pytest.raises(errors.ValidationError):
            create_account(tables, " ", world.now, world.random.randbytes)


def test_an_account_has_no_alias_at_first(world: Any) -> None:
    assert world.ask(list_account_aliases) == {"AccountAliases": [], "IsTruncated": False}


def test_a_new_alias_takes_the_place_of_the_old_one(world: Any) -> None:
    world.ask(create_account_alias, AccountAlias="provider")
    world.ask(create_account_alias, AccountAlias="provider-2")
    assert world.ask(list_account_aliases)["AccountAliases"] == ["provider-2"]
    assert world.ask(list_account_aliases, account=CONSUMER)["AccountAliases"] == []
    world.ask(delete_account_alias, AccountAlias="provider-2")
    assert world.ask(list_account_aliases)["AccountAliases"] == []
    with pytest.raises(errors.NoSuchEntity):
        world.ask(delete_account_alias, AccountAlias="provider-2")


def test_no_two_accounts_have_the_same_alias(world: Any) -> None:
    world.ask(create_account_alias, AccountAlias="shared")
    with pytest.raises(errors.EntityAlreadyExists):
        world.ask(create_account_alias, account=CONSUMER, AccountAlias="shared")
    with pytest.raises(errors.NoSuchEntity):
        world.ask(delete_account_alias, account=CONSUMER, AccountAlias="shared")


@pytest.mark.parametrize("alias", ["ab", "-abc", "abc-", "a--b", "Abc", "x" * 64])
def test_an_alias_that_aws_does_not_take_is_refused(world: Any, alias: str) -> None:
    with pytest.raises(errors.ValidationError):
        world.ask(create_account_alias, AccountAlias=alias)

"""Finding, adding, updating and removing records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from record_samples import ODD_TEXT, START, bare_record, full_record, vpc

from sidedoor.networks.model import SecurityGroupRule
from sidedoor.store.engine import Store
from sidedoor.store.schema import KINDS, Kind
from sidedoor.store.tables import Duplicate, Records, Superseded, Tables


def records_of(tables: Tables, kind: Kind[Any]) -> Records[Any]:
    return Records(tables.connection, tables.journal, kind)


def uniques(kind: Kind[Any]) -> list[list[str]]:
    return [
        [column.name for column in constraint.columns]
        for constraint in kind.table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]


def test_every_kind_of_record_has_a_place_among_the_tables(any_store: Store) -> None:
    with any_store.read() as tables:
        assert all(isinstance(getattr(tables, kind.name), Records) for kind in KINDS)


@pytest.mark.parametrize("sample", [full_record, bare_record])
def test_a_record_of_every_kind_is_read_as_it_was_written(any_store: Store, sample: Callable[[Kind[Any]], Any]) -> None:
    with any_store.write() as tables:
        written = {kind.name: records_of(tables, kind).add(sample(kind)) for kind in KINDS}
    with any_store.read() as tables:
        for kind in KINDS:
            # repr, because a StrEnum equals its plain text.
            assert repr(records_of(tables, kind).find("id-1")) == repr(written[kind.name])


def test_two_records_of_a_kind_cannot_have_one_id(any_store: Store) -> None:
    for kind in KINDS:
        with pytest.raises(Duplicate), any_store.write() as tables:
            records_of(tables, kind).add(full_record(kind))
            records_of(tables, kind).add(full_record(kind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if uniques(kind)], ids=lambda kind: kind.name)
def test_unique_fields_are_unique_together_and_not_one_by_one(any_store: Store, kind: Kind[Any]) -> None:
    first = full_record(kind)
    for names in uniques(kind):
        with pytest.raises(Duplicate), any_store.write() as tables:
            records_of(tables, kind).add(first)
            records_of(tables, kind).add(full_record(kind, "id-2"))
        for name in names:
            other = getattr(first, name) + (1 if name == "port" else "-other")
            with any_store.write() as tables:
                records_of(tables, kind).add(first)
                records_of(tables, kind).add(replace(full_record(kind, "id-2"), **{name: other}))
                records_of(tables, kind).remove_all(records_of(tables, kind).where())


def test_an_update_cannot_take_anothers_unique_fields(any_store: Store) -> None:
    (kind,) = (kind for kind in KINDS if kind.name == "users")
    with any_store.write() as tables:
        tables.users.add(full_record(kind))
        second = tables.users.add(replace(full_record(kind, "id-2"), name="second"))
    with pytest.raises(Duplicate), any_store.write() as tables:
        tables.users.update(second, replace(second, name=ODD_TEXT))


def test_a_transaction_that_met_a_duplicate_leaves_the_store_usable(any_store: Store) -> None:
    with pytest.raises(Duplicate), any_store.write() as tables:
        tables.vpcs.add(vpc(1))
        tables.vpcs.add(vpc(1))
    with any_store.write() as tables:
        assert tables.vpcs.find("vpc-1") is None
        tables.vpcs.add(vpc(1))


def test_the_version_counts_the_writes(any_store: Store) -> None:
    with any_store.write() as tables:
        first = tables.vpcs.add(vpc())
        second = tables.vpcs.update(first, replace(first, tags={"Name": "web"}))
        found = tables.vpcs.find("vpc-1")
    assert (first.version, second.version) == (1, 2)
    assert found == second


def test_an_update_that_changes_nothing_writes_nothing(any_store: Store) -> None:
    with any_store.write() as tables:
        added = tables.vpcs.add(vpc())
    with any_store.write() as tables:
        assert tables.vpcs.update(added, replace(added)) == added
    with any_store.read() as tables:
        assert tables.revision() == 1


def test_a_slow_writer_does_not_undo_a_newer_write(any_store: Store) -> None:
    with any_store.write() as tables:
        stale = tables.vpcs.add(vpc())
    with any_store.write() as tables:
        tables.vpcs.update(stale, replace(stale, dns_support=False))
    with pytest.raises(Superseded, match="vpc-1"), any_store.write() as tables:
        tables.vpcs.update(stale, replace(stale, tenancy="dedicated"))
    with pytest.raises(Superseded, match="vpc-1"), any_store.write() as tables:
        tables.vpcs.remove(stale)
    with any_store.read() as tables:
        found = tables.vpcs.find("vpc-1")
    assert found is not None
    assert (found.dns_support, found.tenancy, found.version) == (False, "default", 2)


def test_what_was_removed_cannot_be_updated(any_store: Store) -> None:
    with any_store.write() as tables:
        added = tables.vpcs.add(vpc())
        tables.vpcs.remove(added)
    with pytest.raises(Superseded), any_store.write() as tables:
        tables.vpcs.update(added, replace(added, tenancy="dedicated"))


def test_where_compares_values_collections_and_none(any_store: Store) -> None:
    rule = SecurityGroupRule(
        id="sgr-1", account="1", region="r", group_id="sg-1", egress=False, protocol="tcp", from_port=80, to_port=80
    )
    with any_store.write() as tables:
        tables.security_group_rules.add(rule)
        tables.security_group_rules.add(replace(rule, id="sgr-2", egress=True, cidr="10.0.0.0/8"))
        tables.security_group_rules.add(replace(rule, id="sgr-3", group_id="sg-2"))
    with any_store.read() as tables:

        def ids(**equal: Any) -> list[str]:
            return [found.id for found in tables.security_group_rules.where(**equal)]

        assert ids() == ["sgr-1", "sgr-2", "sgr-3"]
        assert ids(group_id="sg-1", egress=True) == ["sgr-2"]
        assert ids(group_id={"sg-2", "sg-3"}) == ["sgr-3"]
        assert ids(group_id=()) == []
        assert ids(cidr=None) == ["sgr-1", "sgr-3"]


def test_the_oldest_comes_first_and_equally_old_ones_by_the_bytes_of_their_ids(any_store: Store) -> None:
    with any_store.write() as tables:
        tables.vpcs.add(vpc("late", created=START + timedelta(microseconds=1)))
        for name in ("b", "B", "a", "A", "a-b", "ab"):
            tables.vpcs.add(vpc(name))
    with any_store.read() as tables:
        found = [one.id.removeprefix("vpc-") for one in tables.vpcs.where()]
    assert found == ["A", "B", "a", "a-b", "ab", "b", "late"]


def test_a_moment_is_the_same_in_whatever_zone_it_was_said(any_store: Store) -> None:
    from datetime import timezone

    tokyo = START.astimezone(timezone(timedelta(hours=9)))
    with any_store.write() as tables:
        tables.vpcs.add(vpc(created=tokyo))
    with any_store.read() as tables:
        found = tables.vpcs.find("vpc-1")
    assert found is not None
    assert repr(found.created) == repr(START)


def test_the_oldest_by_a_time_are_found_up_to_it_and_so_many(any_store: Store) -> None:
    with any_store.write() as tables:
        for number in (3, 1, 2, 4):
            tables.vpcs.add(vpc(number, created=START + timedelta(microseconds=number)))
        now = START + timedelta(microseconds=3)
        assert [one.id for one in tables.vpcs.until("created", now, 9)] == ["vpc-1", "vpc-2", "vpc-3"]
        assert [one.id for one in tables.vpcs.until("created", now, 2)] == ["vpc-1", "vpc-2"]
        assert tables.vpcs.until("created", START, 9) == []
        assert tables.access_keys.add(bare_record(KINDS_BY_NAME["access_keys"])).expires is None
        assert tables.access_keys.until("expires", START + timedelta(days=9999), 9) == [], "what has no such time is not found"


KINDS_BY_NAME = {kind.name: kind for kind in KINDS}

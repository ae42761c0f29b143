"""The agent's disk cache: real files, real records, and files that somebody damaged."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidedoor.codec import to_document
from sidedoor.dataplane.cache import Cache, Change
from sidedoor.networks.model import Subnet, Vpc

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VPC = Vpc(id="vpc-1", account="111111111111", region="us-east-1", cidr="10.0.0.0/16", created=CREATED, tags={"a": "\u2028é"})
SUBNET = Subnet(
    id="subnet-1", account="111111111111", region="us-east-1", vpc_id="vpc-1", cidr="10.0.0.0/24", zone_id="use1-az1",
    created=CREATED,
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


@pytest.fixture
def cache(path: Path) -> Iterator[Cache]:
    opened = Cache(path)
    yield opened
    opened.close()


def change(kind: str, record: Vpc | Subnet) -> Change:
    return kind, record.id, to_document(record)


def test_a_new_cache_holds_nothing(cache: Cache) -> None:
    assert cache.load() == (None, [])


def test_a_snapshot_and_changes_are_there_after_a_restart(cache: Cache, path: Path) -> None:
    cache.replace(7, [change("vpcs", VPC), change("subnets", SUBNET)])
    other = replace(VPC, id="vpc-2", dns_hostnames=True)
    cache.apply(8, [change("vpcs", other), ("subnets", "subnet-1", None), ("subnets", "subnet-never", None)])
    cache.close()
    again = Cache(path)
    assert again.load() == (8, [("vpcs", VPC), ("vpcs", other)])
    again.close()


def test_a_change_takes_the_place_of_the_older_record(cache: Cache) -> None:
    cache.replace(1, [change("vpcs", VPC)])
    changed = replace(VPC, version=1, dns_support=False)
    cache.apply(2, [change("vpcs", changed)])
    assert cache.load() == (2, [("vpcs", changed)])


def test_a_snapshot_forgets_what_it_does_not_name(cache: Cache) -> None:
    cache.replace(1, [change("vpcs", VPC), change("subnets", SUBNET)])
    cache.replace(2, [change("vpcs", VPC)])
    assert cache.load() == (2, [("vpcs", VPC)])


def test_changes_without_a_snapshot_below_them_are_not_kept(cache: Cache, path: Path) -> None:
    cache.apply(5, [change("vpcs", VPC)])
    assert cache.load() == (None, [])
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM records").fetchone() == (0,)
    db.close()


def test_a_kind_of_a_newer_version_is_kept_and_left_out(cache: Cache, path: Path) -> None:
    cache.replace(1, [change("vpcs", VPC), ("gateways", "gw-1", {"id": "gw-1"})])
    assert cache.load() == (1, [("vpcs", VPC)])
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT document FROM records WHERE kind = 'gateways'").fetchall() == [('{"id":"gw-1"}',)]
    db.close()


def test_only_its_owner_can_read_the_file(cache: Cache, path: Path) -> None:
    cache.replace(1, [change("vpcs", VPC)])
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes["agent.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_change_writes_only_what_it_changes(cache: Cache, path: Path) -> None:
    cache.replace(1, [change("vpcs", replace(VPC, id=f"vpc-{n}")) for n in range(500)])
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE written (id TEXT)")
        db.execute("CREATE TRIGGER seen AFTER INSERT ON records BEGIN INSERT INTO written VALUES (new.id); END")
    db.close()
    cache.apply(2, [change("vpcs", VPC)])
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT id FROM written").fetchall() == [("vpc-1",)]
    db.close()


def no_database(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 100)


def torn_pages(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)


def another_layout(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def no_json(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE records SET document = '{'")
    db.close()


def another_record(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute('UPDATE records SET document = \'{"id": "vpc-1"}\'')
    db.close()


@pytest.mark.parametrize("damage", [no_database, torn_pages, another_layout, no_json, another_record])
def test_a_file_that_cannot_be_used_is_put_aside_and_the_cache_begins_anew(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    first = Cache(path)
    first.replace(1, [change("vpcs", replace(VPC, id=f"vpc-{n}")) for n in range(100)])
    first.close()
    damage(path)
    cache = Cache(path)
    assert cache.load() == (None, [])
    assert path.with_name("agent.db.bad").exists()
    assert "cache.put_aside" in [getattr(record, "action", None) for record in caplog.records]
    cache.replace(2, [change("vpcs", VPC)])
    cache.close()
    again = Cache(path)
    assert again.load() == (2, [("vpcs", VPC)])
    again.close()


def test_a_write_that_fails_leaves_the_older_state_whole_until_the_next_snapshot(cache: Cache, path: Path) -> None:
    cache.replace(1, [change("vpcs", VPC)])
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON records WHEN new.kind = 'subnets' BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    cache.apply(2, [("vpcs", "vpc-1", None), change("subnets", SUBNET)])
    assert cache.load() == (1, [("vpcs", VPC)])
    cache.apply(3, [("vpcs", "vpc-1", None)])
    assert cache.load() == (1, [("vpcs", VPC)])
    db.execute("DROP TRIGGER full")
    db.close()
    cache.replace(4, [change("subnets", SUBNET)])
    cache.apply(5, [change("vpcs", VPC)])
    assert cache.load() == (5, [("subnets", SUBNET), ("vpcs", VPC)])


def test_where_a_bad_file_cannot_be_put_aside_the_state_is_kept_in_memory(path: Path) -> None:
    aside = path.with_name("agent.db.bad")
    for directory in (path, aside):
        directory.mkdir()
        (directory / "in the way").touch()
    cache = Cache(path)
    assert cache.load() == (None, [])
    cache.replace(7, [change("vpcs", VPC)])
    assert cache.load() == (7, [("vpcs", VPC)])
    cache.close()
    assert path.is_dir()

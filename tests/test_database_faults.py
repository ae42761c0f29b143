"""A database that is locked or full: what the API answers meanwhile, and that nothing is lost or half done."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlalchemy as sa
from botocore.config import Config
from botocore.exceptions import ClientError

from api_server import served_here
from sidedoor.store import engine as engine_module
from sidedoor.store.engine import DatabaseUnavailable, Store
from store_dump import differences, dump

ACCOUNT = "111111111111"


@dataclass
class Site:
    store: Store
    path: Path
    ec2: Any


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("faults") / "sidedoor.db"
    shutil.copyfile(migrated, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "_BUSY_SECONDS", 0.05)
        yield from served(path)


def served(path: Path) -> Iterator[Site]:
    store = Store(f"sqlite:///{path}")
    with served_here(store) as url:
        config = Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
        keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "any", "region_name": "us-east-1"}
        ec2 = boto3.client("ec2", endpoint_url=url, config=config, **keys)
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
        yield Site(store, path, ec2)
    store.close()


def unavailable(call: Any, **request: Any) -> str:
    """The message of the error after which an SDK tries again."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    message: str = caught.value.response["Error"]["Message"]
    return message


def test_a_locked_database_refuses_changes_reads_on_and_has_lost_nothing(site: Site) -> None:
    before = dump(site.store)
    with closing(sqlite3.connect(site.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = unavailable(site.ec2.create_vpc, CidrBlock="10.9.0.0/16")
        assert told == "The database cannot be used now (database is locked). Nothing was changed; try again."
        assert site.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"]
        other.execute("ROLLBACK")
    assert differences(before, dump(site.store)) == {}
    assert site.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["CidrBlock"] == "10.9.0.0/16"


def test_a_full_database_refuses_changes_reads_on_and_has_lost_nothing(site: Site) -> None:
    full = True

    def limit(connection: Any, *_: object) -> None:
        """SQLite then says what it says on a full disk (sqlite.org/pragma.html, max_page_count)."""
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if full else 1 << 30}")

    sa.event.listen(site.store.engine, "checkout", limit)
    try:
        names = iter(range(1000))
        while True:
            before = dump(site.store)
            try:
                site.ec2.create_security_group(GroupName=f"g{next(names)}", Description="x" * 200)
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ServiceUnavailable"
                assert "database or disk is full" in error.response["Error"]["Message"]
                break
        assert differences(before, dump(site.store)) == {}
        assert site.ec2.describe_vpcs()["Vpcs"]
        full = False
        assert site.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["CidrBlock"] == "10.8.0.0/16"
    finally:
        sa.event.remove(site.store.engine, "checkout", limit)


def test_a_fault_in_a_statement_is_still_a_fault(site: Site) -> None:
    with (
        pytest.raises(sqlite3.OperationalError, match="no such table"),
        site.store.read(),
        closing(sqlite3.connect(site.path)) as connection,
    ):
        connection.execute("SELECT * FROM absent")
    with pytest.raises(DatabaseUnavailable), site.store.read():
        raise sa.exc.TimeoutError

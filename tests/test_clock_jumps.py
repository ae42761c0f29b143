"""The wall clock jumps: what looks at it is known, and the control plane loses nothing by it."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from api_server import served_here
from sidedoor.identity import accounts
from sidedoor.store.engine import Store
from store_dump import differences, dump

DATAPLANE = Path(__file__).resolve().parents[1] / "src" / "sidedoor" / "dataplane"
DAY = timedelta(days=1)


LOOKING = {
    "bookkeeper.py": "which minute a metric is counted for",
    "agent.py": "hands the clock to the ground",
    "ground.py": "when the draining of a target ends, which its record says as a moment",
}


def test_of_what_carries_and_answers_only_what_is_listed_looks_at_the_wall_clock() -> None:
    asking = ("time.time(", "datetime.now(", "utcnow(", "CLOCK_REALTIME", "date.today(", "utc_now")
    files = [*DATAPLANE.rglob("*.py"), *DATAPLANE.with_name("names").rglob("*.py")]
    assert len(files) > 30
    assert {path.name for path in files if any(one in path.read_text() for one in asking)} == LOOKING.keys()


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["ahead", "back"])
def test_a_jump_refuses_what_was_signed_by_the_right_time_and_loses_nothing(migrated: Path, tmp_path: Path, jump: Any) -> None:
    shutil.copyfile(migrated, tmp_path / "sidedoor.db")
    store = Store(f"sqlite:///{tmp_path / 'sidedoor.db'}")
    off = timedelta(0)
    with store.write() as tables:
        _, key = accounts.create_account(tables, "anna", datetime.now(UTC), os.urandom, None)
    with served_here(store, dev=False, clock=lambda: datetime.now(UTC) + off) as url:
        config = Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
        keys = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret, "region_name": "us-east-1"}
        ec2 = boto3.client("ec2", endpoint_url=url, config=config, **keys)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        before, described = dump(store), ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        off = jump
        with pytest.raises(ClientError) as caught:
            ec2.describe_vpcs(VpcIds=[vpc])
        assert caught.value.response["Error"]["Code"] == "RequestExpired"
        off = timedelta(0)
        assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"] == described
    assert differences(before, dump(store)) == {}
    store.close()

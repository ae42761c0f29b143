"""Which answers change with time alone: those may not be given again, however little was written meanwhile."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import one_of_everything as everything
from api_client import botocore_model
from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.call import TIMED, Call, Settings, only_reads
from sidedoor.metrics.model import Datum, Unit, sample, series
from sidedoor.metrics.record import record
from sidedoor.store.engine import Store
from world import World, root

ACCOUNT = "111111111111"
READING = sorted((service, name) for service, names in OPERATIONS.items() for name in names if only_reads(name))


@dataclass(frozen=True, kw_only=True)
class Watched(Call):
    """A call that notices when somebody asks it for the time, or for chance."""

    asked: list[str]

    def __getattribute__(self, name: str) -> Any:
        if name in ("now", "entropy"):
            object.__getattribute__(self, "asked").append(name)
        return object.__getattribute__(self, name)


@dataclass
class Ground:
    store: Store
    have: dict[str, str]


@pytest.fixture(scope="module")
def ground(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    store = Store(f"sqlite:///{shutil.copyfile(migrated, tmp_path_factory.mktemp('timed') / 'sidedoor.db')}")
    world = World(store)

    def ask(service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        return world.ask(OPERATIONS[service][operation], account=ACCOUNT, **request)

    have = everything.make(ask, ACCOUNT, "a")
    counted = series(ACCOUNT, "us-east-1", everything.METRIC["Namespace"], everything.METRIC["MetricName"], {}, Unit.BYTES)
    record(store, [Datum(series=counted, minute=world.now, statistics=sample(1))], source="agent", now=world.now)
    yield Ground(store, have)
    store.close()


@pytest.mark.parametrize(("service", "operation"), READING)
def test_an_answer_that_is_given_again_asks_neither_for_the_time_nor_for_chance(
    service: str, operation: str, ground: Ground
) -> None:
    shape = botocore_model(service, operation).input_shape
    asked: list[str] = []
    with ground.store.read() as tables:
        call = Watched(
            caller=root(ACCOUNT), region="us-east-1", now=datetime(2026, 1, 2, tzinfo=UTC), request_id="req-1",
            operation=operation, tables=tables, entropy=random.Random(1).randbytes,
            settings=Settings(paging_secret=b"s" * 32), asked=asked,
        )  # fmt: skip
        for request in (everything.request_for(service, operation, shape, ground.have), named(service, operation, ground)):
            try:
                OPERATIONS[service][operation](call, request)
            except errors.ApiError:
                continue
    assert (asked == []) is (operation not in TIMED)


def named(service: str, operation: str, ground: Ground) -> dict[str, Any]:
    """A request that names by id what the account has."""
    shape = botocore_model(service, operation).input_shape
    request = everything.request_for(service, operation, shape, ground.have)
    for path, kind in everything.named_things(service, operation, shape):
        if len(path) == 1:
            return everything.request_with(service, operation, ground.have, path, ground.have[kind])
    return request

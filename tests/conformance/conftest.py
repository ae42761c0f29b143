"""One running system for each placement, for the whole session, and the list of what is excused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "system"))

from engine_exceptions import exempt  # noqa: E402
from fleet import Fleet  # noqa: E402
from running_system import PLACEMENTS, envoy_in  # noqa: E402

from sidedoor.demo.screen import StepFailed  # noqa: E402

Made = dict[str, Fleet | pytest.skip.Exception]

LAST = ("test_idle_", "test_after_a_restart_")
"""What takes a minute by the clock comes when most of that is over, and what would disturb it after that."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.name) if item.path.is_relative_to(HERE) else 0)


def _place(name: str) -> int:
    return next((number for number, prefix in enumerate(LAST, 1) if name.startswith(prefix)), 0)


@pytest.fixture(scope="session")
def fleets() -> Iterator[Made]:
    """Placement -> what stands there, or why nothing does. All begin at once, so that their clocks run together."""
    made: Made = {}
    with ExitStack() as systems:
        for placement in PLACEMENTS:
            try:
                made[placement] = Fleet(systems.enter_context(envoy_in(placement)))
            except pytest.skip.Exception as reason:
                made[placement] = reason
        yield made


@pytest.fixture(scope="session", params=PLACEMENTS)
def standing(fleets: Made, request: pytest.FixtureRequest) -> Fleet:
    found = fleets[request.param]
    if isinstance(found, pytest.skip.Exception):
        raise found
    return found


@pytest.fixture
def fleet(standing: Fleet) -> Iterator[Fleet]:
    yield standing
    standing.clear()


@pytest.fixture(autouse=True)
def excused(request: pytest.FixtureRequest) -> None:
    """A rule that is on the list has to be broken still."""
    if "fleet" in request.fixturenames:
        given = request.getfixturevalue("fleet").given
        line = exempt(given.engine, given.placement, request.node.originalname.removeprefix("test_"))
        if line is not None:
            failures = (AssertionError, StepFailed)
            request.applymarker(pytest.mark.xfail(reason=line.reason, raises=failures, strict=True))

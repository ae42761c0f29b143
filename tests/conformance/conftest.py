"""One running system for each placement, for the whole session, and the list of what is excused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "system"))

from engine_exceptions import exempt  # noqa: E402
from fleet import Fleet  # noqa: E402
from running_system import PLACEMENTS, envoy_in  # noqa: E402

from sidedoor.demo.screen import StepFailed  # noqa: E402


@pytest.fixture(scope="session")
def fleet_in() -> Iterator[Callable[[str], Fleet]]:
    """Placement -> what stands there."""
    made: dict[str, Fleet] = {}
    with ExitStack() as systems:

        def of(placement: str) -> Fleet:
            if placement not in made:
                made[placement] = Fleet(systems.enter_context(envoy_in(placement)))
            return made[placement]

        yield of


@pytest.fixture(scope="session", params=PLACEMENTS)
def fleet(fleet_in: Callable[[str], Fleet], request: pytest.FixtureRequest) -> Fleet:
    return fleet_in(request.param)


@pytest.fixture(autouse=True)
def excused(request: pytest.FixtureRequest) -> None:
    """A rule that is on the list has to be broken still."""
    if "fleet" in request.fixturenames:
        given = request.getfixturevalue("fleet").given
        line = exempt(given.engine, given.placement, request.node.originalname.removeprefix("test_"))
        if line is not None:
            failures = (AssertionError, StepFailed)
            request.applymarker(pytest.mark.xfail(reason=line.reason, raises=failures, strict=True))

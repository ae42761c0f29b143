"""Whole systems: ``sidedoor up`` with real packets, on a state directory of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from staged import requested

from sidedoor.demo.play import Play
from sidedoor.demo.system import System, running


@pytest.fixture(scope="module", params=["auto", "loopback"])
def network(request: pytest.FixtureRequest) -> str:
    placement: str = request.param
    return placement


@pytest.fixture(scope="module")
def system(network: str) -> Iterator[System]:
    with running("--network", network) as started:
        if network == "auto" and started.placement["mode"] == "loopback":
            pytest.skip("network namespaces are not possible here (neither root nor user namespaces): sidedoor doctor says why")
        yield started


@pytest.fixture(scope="module")
def play(system: System) -> Play:
    return requested(system)

"""What the agent's parts stand on together: what is wanted, where it is placed, and whom they tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sidedoor.clock import utc_now
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.reports import Reports
from sidedoor.dataplane.wanted import Unit, Wanted

Look = Callable[[set[Unit]], None]
"""Has these units compared with what is, and mended."""


def nobody() -> None:
    """The process that carries flows, where there is none."""


@dataclass(slots=True)
class Ground:
    """``broken``: the VPCs whose networks do not stand. ``fresh``: a complete state has come in this agent's life.

    ``carrier``: the id of the process that has the flows, if there is one now. ``now``: the time by which targets drain.
    """

    driver: Driver
    ads: AdsServer
    reports: Reports
    look: Look
    wanted: Wanted = field(default_factory=Wanted)
    broken: set[str] = field(default_factory=set)
    fresh: bool = False
    carrier: Callable[[], int | None] = nobody
    now: Callable[[], datetime] = utc_now

    def expect_network(self, vpc_id: str) -> None:
        """Raises ``DriverError`` where the VPC's network does not stand, so that the unit is tried again."""
        if vpc_id in self.broken:
            raise DriverError(f"the network of {vpc_id} does not stand yet")

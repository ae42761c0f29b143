"""The driver of a placement: apart from the agent, so that ``plan`` does not load what carries bytes."""

from __future__ import annotations

from sidedoor.app.placement import Placement
from sidedoor.dataplane.driver import Driver
from sidedoor.settings import Settings


def driver(settings: Settings, placement: Placement) -> Driver:
    if placement.mode == "netns":
        from sidedoor.dataplane.netns.driver import NetnsDriver

        return NetnsDriver(settings.run, settings.connections_per_target)
    from sidedoor.dataplane.loopback.driver import LoopbackDriver

    return LoopbackDriver(settings.state)

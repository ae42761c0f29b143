"""Sidedoor with Envoy, as the conformance suite is given it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from given import Part
from parts import kill

from sidedoor.demo.system import System, running

PLACEMENTS = ("netns", "loopback")

PROCESSES = {Part.CONTROL_PLANE: "serve", Part.AGENT: "agent", Part.ENGINE: "envoy"}


class EnvoyGiven:
    """A ``Given``: what it does not say here, the system says (``client``, ``start``, ``addresses``)."""

    engine = "envoy"

    def __init__(self, system: System, placement: str) -> None:
        self.placement = placement
        self.client, self.start, self.addresses, self.state = system.client, system.start, system.addresses, system.state
        self._system = system

    def kill(self, part: Part) -> None:
        kill(self._system, PROCESSES[part])


@contextmanager
def envoy_in(placement: str) -> Iterator[EnvoyGiven]:
    with running("--dev", "--network", "auto" if placement == "netns" else placement) as system:
        if system.placement["mode"] != placement:
            pytest.skip("network namespaces are not possible here (neither root nor user namespaces): sidedoor doctor says why")
        rightless = placement == "loopback" and os.geteuid() != 0
        yield EnvoyGiven(system, "loopback without root" if rightless else placement)

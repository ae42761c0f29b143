"""Sidedoor with Envoy, as the conformance suite is given it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from given import Part
from parts import kill

from sidedoor.dataplane import flows
from sidedoor.demo.system import System, running, until

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
        until(self._answers, "the API answers")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._system.url}/healthz", verify=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def envoy_in(placement: str) -> Iterator[EnvoyGiven]:
    network = "auto" if placement == "netns" else placement
    with running("--dev", "--network", network, listen="127.0.0.1:{free}") as system:
        if system.placement["mode"] != placement:
            pytest.skip("network namespaces are not possible here (neither root nor user namespaces): sidedoor doctor says why")
        rightless = placement == "loopback" and not flows.can_end("127.0.0.1")
        yield EnvoyGiven(system, "loopback without rights" if rightless else placement)

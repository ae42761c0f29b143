"""The demonstration's play, brought to the place where a test begins."""

from __future__ import annotations

from sidedoor.demo.play import Play
from sidedoor.demo.screen import Screen
from sidedoor.demo.system import System


def requested(system: System) -> Play:
    """A provider and a consumer with the same CIDR, and an endpoint that waits for acceptance."""
    play = Play(system, Screen())
    play.prepare()
    play.offer()
    play.request()
    return play


def accepted(system: System) -> Play:
    """A provider, a consumer and an endpoint that carries requests."""
    play = requested(system)
    play.accept()
    return play

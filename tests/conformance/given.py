"""What the conformance suite is given. Whatever carries the bytes, it is this much that the suite knows of it.

An engine is what carries the bytes, a placement where the networks stand. Another engine brings another ``Given`` and its own
lines in ``engine_exceptions.py``; the rules stay as they are.
"""

from __future__ import annotations

import subprocess
from enum import StrEnum
from typing import Any, Protocol

import boto3


class Part(StrEnum):
    """What can be killed, and comes back by itself."""

    CONTROL_PLANE = "control plane"
    AGENT = "agent"
    ENGINE = "engine"


class Given(Protocol):
    """A running system with the AWS API in front, on which accounts need no preparation."""

    engine: str
    placement: str

    def client(self, session: boto3.Session, service: str) -> Any:
        """boto3's client of a service (``ec2``, ``elbv2``) for the account whose session that is."""

    def start(self, interface_id: str, *command: str, talk: bool = False) -> subprocess.Popen[str]:
        """A program in the place that a network interface is: it finds the place's address in $SIDEDOOR_ADDRESS.

        ``talk``: with a pipe for its input, beside those for its output and errors. It ends with the system at the latest.
        """

    def addresses(self) -> dict[str, str]:
        """``vpc-.../address`` -> the address that programs use for it, where that is not the same."""

    def kill(self, part: Part) -> None:
        """SIGKILL. Comes back when another process does the work."""

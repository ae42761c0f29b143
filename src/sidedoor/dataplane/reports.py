"""What the agent tells the control plane: gathered while a report is on its way, sent again until it has arrived.

A report says what is, so a newer one about the same thing takes the place of an older one that was not sent yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from sidedoor.dataplane.health import TargetReport
from sidedoor.endpoints.model import Endpoint

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

RETRY_SECONDS = 0.25


class Reports:
    """The reports that are still to be sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._endpoints: dict[str, dict[str, Any]] = {}
        self._balancers: set[str] = set()
        self._targets: dict[str, dict[str, Any]] = {}
        self._revision: int | None = None
        self._woken = asyncio.Event()

    def endpoint(self, endpoint: Endpoint, status: str, message: str = "") -> None:
        """``status``: ready, failed (with a message), removed; it is about the endpoint's present generation."""
        self._endpoints[endpoint.id] = {
            "id": endpoint.id, "generation": endpoint.generation, "status": status, "message": message
        }  # fmt: skip
        self._woken.set()

    def active(self, balancer_id: str) -> None:
        self._balancers.add(balancer_id)
        self._woken.set()

    def target(self, target: TargetReport) -> None:
        self._targets[target.target_id] = {
            "id": target.target_id, "target_group_id": target.target_group_id, "state": target.state,
            "reason": target.reason, "codes": list(target.codes),
        }  # fmt: skip
        self._woken.set()

    def applied(self, revision: int | None) -> None:
        """Everything up to this revision stands."""
        self._revision = revision
        self._woken.set()

    async def run(self) -> None:
        """Sends for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            body = self._take()
            while not await self._sent(body):
                await asyncio.sleep(RETRY_SECONDS)
                body = self._merged(body)

    def _take(self) -> dict[str, Any]:
        body = {
            "revision": self._revision,
            "endpoints": list(self._endpoints.values()),
            "load_balancers": sorted(self._balancers),
            "targets": list(self._targets.values()),
        }
        self._endpoints, self._balancers, self._targets = {}, set(), {}
        return body

    def _merged(self, older: dict[str, Any]) -> dict[str, Any]:
        """What could not be sent, with what has come since in its place."""
        self._endpoints = {one["id"]: one for one in older["endpoints"]} | self._endpoints
        self._balancers |= set(older["load_balancers"])
        self._targets = {one["id"]: one for one in older["targets"]} | self._targets
        return self._take()

    async def _sent(self, body: dict[str, Any]) -> bool:
        try:
            await self._send(body)
        except httpx.HTTPError as error:
            log.debug("the control plane cannot be told: %s", error, extra={"action": "agent.report_failed"})
            return False
        return True

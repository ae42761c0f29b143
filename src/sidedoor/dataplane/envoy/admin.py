"""Questions to a running Envoy, over the unix socket of its admin interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from sidedoor.dataplane.envoy import tally
from sidedoor.dataplane.envoy.resources import CLUSTER, LISTENER


class AdminError(Exception):
    """Envoy did not answer, or not as expected."""


class Admin:
    """A client of the admin interface: ``async with Admin(path) as admin: ...``."""

    def __init__(self, path: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(path), verify=False)  # or it would load the host's certificates, unused
        self._http = httpx.AsyncClient(transport=transport, base_url="http://envoy", timeout=10.0)

    async def __aenter__(self) -> Admin:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def ready(self) -> bool:
        """Whether Envoy has started and taken its first configuration."""
        try:
            answer = await self._http.get("/ready")
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    async def versions(self) -> dict[str, dict[str, str]]:
        """Type -> name -> version of the listeners and clusters that serve now. Raises ``AdminError``."""
        listeners = await self._configs("dynamic_listeners")
        clusters = await self._configs("dynamic_active_clusters")
        return {
            LISTENER: {one["name"]: one["active_state"]["version_info"] for one in listeners if "active_state" in one},
            CLUSTER: {one["cluster"]["name"]: one["version_info"] for one in clusters},
        }

    async def _configs(self, resource: str) -> list[Mapping[str, Any]]:
        answer = await self._get(f"/config_dump?resource={resource}")
        return list(answer.json().get("configs", ()))

    async def counters(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match a regular expression. Raises ``AdminError``."""
        answer = await self._get("/stats", params={"filter": pattern, "format": "text"})
        return dict(_numbers(answer.text))

    async def tallies(self) -> str:
        """What was counted, as ``tally.read`` reads it. Raises ``AdminError``."""
        return (await self._get(tally.QUESTION)).text

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            return (await self._http.get(path, params=params)).raise_for_status()
        except httpx.HTTPError as error:
            raise AdminError(f"Envoy's admin interface did not answer {path}: {error}") from error


def _numbers(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, value = line.rpartition(": ")
        if value.isdigit():
            yield name, int(value)

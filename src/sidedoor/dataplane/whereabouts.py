"""Where a network namespace is that somebody else made: by a path, a process, or a container's name.

A place is written as ``path:/run/netns/web``, as ``pid:4711:88231`` (a process, and when it started, so that a later process
with the same id is not taken for it), or as ``docker:web`` and ``podman:web`` (a container, whose process is asked for at its
engine each time, so that it is found again after a restart).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sidedoor.dataplane.attachments import LONGEST_PLACE, AttachError, NotYet
from sidedoor.dataplane.processes import started

ENGINES = {"docker": Path("/run/docker.sock"), "podman": Path("/run/podman/podman.sock")}
"""Sockets on which container engines answer Docker's API ("Docker Engine API", GET /containers/{id}/json)."""

NAMED = Path("/run/netns")
"""Where ip-netns(8) keeps namespaces by their names."""

PATIENCE_SECONDS = 3.0

_PROCESS = re.compile(r"(?:/proc/)?([0-9]+)(?:/ns/net)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A network namespace that is there. ``pid``: a process in it whose files are known to be the workload's."""

    path: str
    device: int
    inode: int
    pid: int | None = None
    started: int | None = None

    @property
    def lives(self) -> bool:
        """Whether the process is still the one that it was. A namespace without a process is looked up each time."""
        return self.pid is not None and started(self.pid) == self.started


def written(text: str) -> str:
    """What a user names as a place: a process id, a path, a namespace's name, or ``docker:NAME``. Raises ``AttachError``."""
    engine, colon, name = text.partition(":")
    if colon and engine in ENGINES and _NAME.fullmatch(name):
        place = text
    elif process := _PROCESS.fullmatch(text):
        place = f"pid:{process[1]}:{_started_now(int(process[1]))}"
    elif "/" in text:
        place = f"path:{Path(text).absolute()}"
    elif _NAME.fullmatch(text):
        place = f"path:{NAMED / text}"
    else:
        raise AttachError(
            f"{text} names no network namespace: give a process id, a path such as /run/netns/web, a name that `ip netns` "
            "knows, or docker:NAME or podman:NAME."
        )
    if len(place) > LONGEST_PLACE:
        raise AttachError(f"{place} is longer than {LONGEST_PLACE} characters: give the namespace a shorter name.")
    return place


def find(place: str) -> Site:
    """The namespace that is there now. Raises ``AttachError``."""
    kind, _, rest = place.partition(":")
    if kind == "pid":
        number, _, at = rest.partition(":")
        if started(int(number)) != int(at):
            raise AttachError(f"Process {number} has ended: attach the one that came after it, or detach.")
        return _site(f"/proc/{number}/ns/net", int(number))
    if kind == "path":
        return _site(rest)
    pid = _pid_of_container(kind, rest)
    return _site(f"/proc/{pid}/ns/net", pid)


def _started_now(pid: int) -> int:
    at = started(pid)
    if at is None:
        raise AttachError(f"There is no process {pid} on this host.")
    return at


def _site(path: str, pid: int | None = None) -> Site:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path of /proc means what stat(2) makes of it
    except FileNotFoundError:
        raise AttachError(f"There is no network namespace {path}.") from None
    except OSError as error:
        raise AttachError(f"{path} cannot be looked at: {error.strerror}.") from None
    return Site(path=path, device=found.st_dev, inode=found.st_ino, pid=pid, started=started(pid) if pid else None)


def _pid_of_container(engine: str, name: str) -> int:
    import httpx  # Not for ``sidedoor attach``, which asks no engine.

    socket = ENGINES[engine]
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=PATIENCE_SECONDS, trust_env=False) as client:
            answer = client.get(f"http://{engine}/containers/{name}/json")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise AttachError(f"{engine} has no container {name}.")
        pid = answer.raise_for_status().json()["State"]["Pid"]
    except httpx.HTTPError as error:
        raise NotYet(f"{engine} does not answer on {socket}: {str(error) or type(error).__name__}.") from None
    except (ValueError, LookupError, TypeError):
        raise NotYet(f"{engine} does not say which process the container {name} is.") from None
    if not isinstance(pid, int) or pid <= 0:
        raise AttachError(f"The container {name} does not run.")
    return pid

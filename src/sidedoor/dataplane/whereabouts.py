"""Where a network namespace is that somebody else made: by a path, a process, or a container's name.

A place is written as ``path:/run/netns/web``, as ``pid:4711:88231`` (a process, and when it started, so that a later process
with the same id is not taken for it), or as ``docker:web`` and ``podman:web`` (a container, whose process is asked for at its
engine each time, so that it is found again after a restart).
"""

from __future__ import annotations

import json
import os
import re
import socket
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from sidedoor.dataplane.attachments import LONGEST_PLACE, AttachError, NotYet
from sidedoor.processes import started

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
    if colon and engine in ENGINES:
        place = text if _NAME.fullmatch(name) else ""
    elif process := _PROCESS.fullmatch(text):
        place = f"pid:{process[1]}:{_started_now(int(process[1]))}"
    elif "/" in text:
        place = f"path:{Path(text).absolute()}"
    elif _NAME.fullmatch(text):
        place = f"path:{NAMED / text}"
    else:
        place = ""
    if not place:
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
    with closing(_Connection(ENGINES[engine])) as connection:
        try:
            connection.request("GET", f"/containers/{name}/json", headers={"Host": engine})
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise NotYet(f"{engine} does not answer on {ENGINES[engine]}: {reason}.") from None
    if status == HTTPStatus.NOT_FOUND:
        raise AttachError(f"{engine} has no container {name}.")
    try:
        pid = json.loads(text)["State"]["Pid"] if status == HTTPStatus.OK else None
    except (ValueError, LookupError, TypeError):
        pid = None
    if not isinstance(pid, int):
        raise NotYet(f"{engine} does not say which process the container {name} is.")
    if pid <= 0:
        raise AttachError(f"The container {name} does not run.")
    return pid


class _Connection(HTTPConnection):
    """To a server on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

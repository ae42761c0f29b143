"""Runs a program inside a workload's interface: its addresses, its routes, its VPC's resolver; the files are the host's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NoReturn

from sidedoor.dataplane.netns import kernel
from sidedoor.dataplane.netns.holder import HolderError, enter, find_holder
from sidedoor.dataplane.netns.namespaces import opened

_RESOLV_CONF = Path("/etc/resolv.conf")

_OTHER_RESOLVERS = (Path("/run/systemd/resolve/io.systemd.Resolve"), Path("/run/nscd/socket"))
"""Sockets over which the C library asks the host's own resolver or cache, past /etc/resolv.conf (nss-resolve(8), nscd(8))."""


class EnterError(Exception):
    """The program cannot be run inside the interface. The message is one sentence with what to do about it."""


def exec_in(run_dir: Path, interface_id: str, resolv_conf_text: str, argv: list[str]) -> NoReturn:
    """Becomes the program ``argv`` inside an interface's namespace. Raises ``EnterError``."""
    try:
        holder = find_holder(run_dir)
        if holder is not None:
            enter(holder)
        elif os.geteuid() != 0:
            raise EnterError(
                f"Nothing runs below {run_dir} for this user; start `sidedoor up`, or use sudo if root started it."
            )
        _enter_interface(run_dir / "netns", interface_id)
        _hide_host_resolver(resolv_conf_text)
    except HolderError as error:
        raise EnterError(f"{interface_id} cannot be entered: {error}.") from error
    except OSError as error:
        raise EnterError(f"{interface_id} cannot be entered: {error.strerror}.") from error
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise EnterError(f"{argv[0]} cannot be run: {error.strerror}.") from error


def stands(run_dir: Path, interface_id: str) -> bool:
    """Whether the interface can be entered now. An interface has a name when it is complete (``namespaces.py``)."""
    holder = find_holder(run_dir)
    seen_from = Path(f"/proc/{holder.pid}/root") if holder is not None else Path("/")
    path = seen_from / run_dir.absolute().relative_to("/") / "netns" / interface_id
    try:
        with opened(str(path)):
            return True
    except OSError:
        return False


def _enter_interface(names: Path, interface_id: str) -> None:
    """Also leaves the directory of names behind: a copy of it would keep alive what the agent removes later."""
    try:
        with opened(str(names / interface_id)) as namespace:
            kernel.setns(namespace, kernel.CLONE_NEWNET)
    except FileNotFoundError:
        remedy = "`aws ec2 describe-network-interfaces` lists those that there are"
        raise EnterError(f"There is no interface {interface_id} on this host; {remedy}.") from None
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_SLAVE)
    kernel.unmount(str(names.absolute()))


def _hide_host_resolver(resolv_conf_text: str) -> None:
    try:
        target = _RESOLV_CONF.resolve(strict=True)
    except FileNotFoundError as error:
        raise EnterError(f"{error.filename} is missing, so the VPC's resolver cannot stand in its place; create it.") from None
    _cover(target, resolv_conf_text)
    for path in _OTHER_RESOLVERS:
        if path.exists():
            _cover(path, "")


def _cover(target: Path, text: str) -> None:
    """Shows other contents in a file's place. The file that holds them lives as long as the mount does."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        kernel.mount(file.name, str(target), None, kernel.MS_BIND)

"""The few system calls that Python 3.11 has no function for. Each raises ``OSError`` with what it was about.

Rule: nothing here knows what Sidedoor is. Constants are those of sched.h, mount.h and nsfs.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED = 4096, 16384, 1 << 18, 1 << 19, 1 << 20

_MNT_DETACH = 2
_NS_GET_NSTYPE = 0xB703

_SYS_OPEN_TREE, _SYS_MOVE_MOUNT = 428, 429  # the same on every architecture (Linux 5.2)
_AT_FDCWD = -100
_OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = 1, 4

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Gives the calling thread namespaces of its own (a user namespace: the process, which must have one thread)."""
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Moves the calling thread into the namespace behind a file descriptor."""
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    arguments = [None if one is None else one.encode() for one in (source, target, kind)]
    data = None if options is None else options.encode()
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), data), f"mount on {target}")


def unmount(target: str) -> bool:
    """Takes away what is mounted on ``target``, with all below it, even if in use. Returns whether something was."""
    try:
        _check(_libc.umount2(target.encode(), _MNT_DETACH), f"unmount {target}")
    except (FileNotFoundError, OSError) as error:
        if error.errno in (2, 22):  # ENOENT; EINVAL: "target is not a mount point" (umount2(2))
            return False
        raise
    return True


def open_tree(path: str) -> int:
    """A copy of the mount of a file, attached nowhere yet (open_tree(2)). The descriptor may cross mount namespaces."""
    return _call(_SYS_OPEN_TREE, _AT_FDCWD, path.encode(), _OPEN_TREE_CLONE | os.O_CLOEXEC, what=f"open_tree {path}")


def move_mount(descriptor: int, target: str) -> None:
    """Attaches what ``open_tree`` made (move_mount(2))."""
    arguments = (descriptor, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
    _call(_SYS_MOVE_MOUNT, *arguments, what=f"mount on {target}")


def is_network_namespace(descriptor: int) -> bool:
    try:
        return fcntl.ioctl(descriptor, _NS_GET_NSTYPE) == CLONE_NEWNET
    except OSError:
        return False


def set_sysctl(name: str, value: str) -> None:
    """Sets a parameter below ``/proc/sys/net``, which shows the network namespace of the thread that looks."""
    Path("/proc/sys/net", name).write_text(value, encoding="ascii")


def set_sysctl_if_there(name: str, value: str) -> None:
    """Like ``set_sysctl``, for what some kernels do not have."""
    try:
        set_sysctl(name, value)
    except FileNotFoundError:
        return


def _call(number: int, *arguments: object, what: str) -> int:
    """A system call that the C library may not have a function for."""
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    _check(min(result, 0), what)
    return result


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")

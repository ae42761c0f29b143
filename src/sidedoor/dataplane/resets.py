"""Resets TCP connections that another process of ours has, through its own descriptors: pidfd_getfd(2), then connect(2).

Connecting a socket to no address (AF_UNSPEC) dissolves its connection: the other end gets a RST, and the process reads
ECONNRESET, just as if the other end had reset it. SOCK_DESTROY does the first and shows the process ECONNABORTED instead, which
Envoy passes on to its client as an orderly end. And this needs no rights over the network, only over the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
import struct
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

_PIDFD_GETFD = 438
"""The same number on every architecture, as for all system calls since Linux 5.1 (include/uapi/asm-generic/unistd.h)."""

_NOWHERE = struct.pack("=H14x", socket.AF_UNSPEC)

_libc = ctypes.CDLL(None, use_errno=True)


def sockets(pid: int) -> dict[int, int]:
    """A process's sockets: inode -> descriptor. Empty where there is no such process."""
    found: dict[int, int] = {}
    with suppress(FileNotFoundError), os.scandir(Path("/proc", str(pid), "fd")) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                match = re.fullmatch(r"socket:\[(\d+)\]", str(Path(entry.path).readlink()))
                if match is not None:
                    found[int(match[1])] = int(entry.name)
    return found


def reset(pid: int, descriptors: Mapping[int, int]) -> int:
    """Resets these sockets of a process, given as ``sockets`` does. Returns how many that were.

    Raises ``PermissionError`` where this process has no right over that one.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0
    try:
        return sum(_reset_one(process, number, inode) for inode, number in descriptors.items())
    finally:
        os.close(process)


def _reset_one(process: int, number: int, inode: int) -> bool:
    """The descriptor may be another socket's by now: what was taken decides, and what is not meant is let go."""
    taken = _libc.syscall(_PIDFD_GETFD, process, number, 0)
    if taken < 0:
        error = ctypes.get_errno()
        if error in (errno.EBADF, errno.ESRCH):  # it was closed in the meantime, or the process has ended
            return False
        raise OSError(error, os.strerror(error))
    if os.fstat(taken).st_ino != inode:
        os.close(taken)
        return False
    with closing(socket.socket(fileno=taken)) as copy:
        return bool(_libc.connect(copy.fileno(), _NOWHERE, len(_NOWHERE)) == 0)

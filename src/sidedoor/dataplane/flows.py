"""Finds TCP flows, and ends them at once from outside of the programs that hold them: SOCK_DESTROY of sock_diag(7).

Rule: plain system calls only, so that it can be called where nothing may wait.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from sidedoor.dataplane import resets

NETLINK_SOCK_DIAG = 4

_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY = 20, 21
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP = 1, 4, 0x300

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST_HEAD = struct.Struct("=BBBxI")  # inet_diag_req_v2 up to its sockid: family, protocol, extensions, states
_SOCKET_ID = slice(4, 52)  # inet_diag_msg: four bytes, then the sockid of 48
_SOCKET_ID_LENGTH = 48
_PEER = struct.Struct("!2xH16x4s")  # in the sockid: the other end's port, and after our address its address
_INODE = struct.Struct("=68xI")  # inet_diag_msg: after the sockid expires, rqueue, wqueue, uid
_BYTECODE = 1  # INET_DIAG_REQ_BYTECODE
_SOURCE_MATCHES = 7  # INET_DIAG_BC_S_COND

_CLOSED, _LISTENING, _TIME_WAIT = 7, 10, 6
_FLOWS = 0xFFFF & ~(1 << _CLOSED | 1 << _LISTENING | 1 << _TIME_WAIT)
_CHUNK = 1 << 16


Diagnosis = socket.socket


def open_diagnosis() -> Diagnosis:
    """A socket with which flows of the calling thread's network namespace can be ended."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)


@dataclass(frozen=True, slots=True)
class Flow:
    """A TCP socket that is connected, or being so. ``id``: the kernel's name for it; ``peer``: the other end."""

    id: bytes
    peer: tuple[str, int]
    inode: int


def end_flows(diagnosis: socket.socket, address: str) -> int:
    """Ends every TCP flow with this local address. Returns how many. Raises ``OSError`` where the kernel does not do that."""
    return sum(_end(diagnosis, flow) for flow in list(_flows(diagnosis, address)))


def reset_flows(diagnosis: socket.socket, address: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
    """Ends the TCP flows from a local address to these others, if the process ``holder`` has them. Returns how many.

    It does so through the holder's own descriptors, so that both ends see a reset; where that is not allowed the kernel is
    asked, which the holder sees as an abort. Raises ``OSError`` where neither is possible.
    """
    found = [flow for flow in _flows(diagnosis, address) if flow.peer in peers]
    if not found or holder is None:
        return 0
    descriptors = resets.sockets(holder)
    held = [flow for flow in found if flow.inode in descriptors]
    try:
        return resets.reset(holder, {flow.inode: descriptors[flow.inode] for flow in held})
    except PermissionError:
        return sum(_end(diagnosis, flow) for flow in held)


def _end(diagnosis: socket.socket, flow: Flow) -> bool:
    diagnosis.send(_message(_SOCK_DESTROY, _REQUEST | _ACK, _inquiry(_FLOWS, flow.id)))
    _, body = next(_messages(diagnosis.recv(_CHUNK)))
    number = -struct.unpack_from("=i", body)[0]
    if number not in (0, errno.ENOENT):  # ENOENT: it ended by itself in the meantime
        raise OSError(number, os.strerror(number))
    return bool(number == 0)


def _flows(diagnosis: socket.socket, address: str) -> Iterator[Flow]:
    """The flows of a local address. The kernel picks them out itself: the cost does not depend on the others."""
    inquiry = _inquiry(_FLOWS, bytes(_SOCKET_ID_LENGTH)) + _only_from(address)
    diagnosis.send(_message(_SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, inquiry))
    while True:
        for kind, body in _messages(diagnosis.recv(_CHUNK)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -struct.unpack_from("=i", body)[0]
                raise OSError(number, os.strerror(number))
            name = body[_SOCKET_ID]
            port, other = _PEER.unpack_from(name)
            yield Flow(name, (str(IPv4Address(other)), port), _INODE.unpack_from(body)[0])


def _inquiry(states: int, socket_id: bytes) -> bytes:
    return _REQUEST_HEAD.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, states) + socket_id


def _only_from(address: str) -> bytes:
    """A filter of one instruction: if the local address is this one, go on to the end, which accepts; else jump past it."""
    condition = struct.pack("=BBxxi", socket.AF_INET, 32, -1) + IPv4Address(address).packed
    size = 4 + len(condition)
    return struct.pack("=HHBBH", 4 + size, _BYTECODE, _SOURCE_MATCHES, size, size + 4) + condition


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]

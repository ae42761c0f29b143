"""Finds TCP flows, says how long nothing passed over them, and ends them from outside of the programs that hold them:
sock_diag(7), inet_diag and SOCK_DESTROY.

Rule: plain system calls only, so that it can be called where nothing may wait.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from sidedoor.dataplane import resets
from sidedoor.dataplane.driver import Sight

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
_PORT, _ADDRESS, _COOKIE = slice(4, 6), slice(8, 12), slice(44, 52)  # of this end, in that message
_MESSAGE_LENGTH = 72
_SOCKET_ID_OF_LISTENER = struct.Struct("=2s2x4s32xQ")
_ANY_COOKIE = 0xFFFF_FFFF_FFFF_FFFF
_ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
_TCP_INFO = 2  # INET_DIAG_INFO
_WITH_TCP_INFO = 1 << _TCP_INFO - 1
_SILENCE = struct.Struct("=44xI4xII80xI")  # tcp_info: last_data_sent, last_data_recv, last_ack_recv in ms, and segs_in
_BYTECODE = 1  # INET_DIAG_REQ_BYTECODE
_SOURCE_MATCHES = 7  # INET_DIAG_BC_S_COND

_CLOSED, _LISTENING, _TIME_WAIT = 7, 10, 6
_FLOWS = 0xFFFF & ~(1 << _CLOSED | 1 << _LISTENING | 1 << _TIME_WAIT)
_ESTABLISHED, _FIN_WAIT1, _FIN_WAIT2, _CLOSE_WAIT = 1, 4, 5, 8
_OPEN = 1 << _ESTABLISHED | 1 << _FIN_WAIT1 | 1 << _FIN_WAIT2 | 1 << _CLOSE_WAIT
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


def place(address: str, port: int) -> bytes:
    """The form in which a flow has its own address and port."""
    return port.to_bytes(2, "big") + IPv4Address(address).packed


def open_flows(diagnosis: Diagnosis, network: str, places: Collection[bytes]) -> list[Sight]:
    """The flows that stand at these places, half-closed ones too. ``network``: an IPv4 network in which they all are."""
    found = []
    inquiry = _inquiry(_OPEN, bytes(_SOCKET_ID_LENGTH), _WITH_TCP_INFO) + _only_from(network)
    for body in _dump(diagnosis, inquiry):
        where = body[_PORT] + body[_ADDRESS]
        if where in places and (info := _attribute(body, _TCP_INFO)) is not None:
            *ages, segments = _SILENCE.unpack_from(info)
            inode = _INODE.unpack_from(body)[0]
            found.append(Sight(where, body[_COOKIE], body[_SOCKET_ID], inode, min(ages) / 1000, segments))
    return found


def end(diagnosis: Diagnosis, flows: Mapping[int, bytes], holder: int | None) -> int:
    """Ends these flows of the process ``holder``, inode -> the kernel's name, as ``reset_flows`` does. Returns how many."""
    if not flows or holder is None:
        return 0
    descriptors = resets.sockets(holder)
    held = [inode for inode in flows if inode in descriptors]
    try:
        return resets.reset(holder, {inode: descriptors[inode] for inode in held})
    except PermissionError:
        return sum(_end(diagnosis, flows[inode]) for inode in held)


def can_end(address: str) -> bool:
    """Whether the kernel ends sockets for us in this thread's network namespace: it is asked to end one of our own."""
    with open_diagnosis() as diagnosis, socket.create_server((address, 0)) as own:
        port: int = own.getsockname()[1]
        name = _SOCKET_ID_OF_LISTENER.pack(port.to_bytes(2, "big"), IPv4Address(address).packed, _ANY_COOKIE)
        try:
            return _end(diagnosis, name)
        except OSError:
            return False


def end_flows(diagnosis: socket.socket, address: str) -> int:
    """Ends every TCP flow with this local address. Returns how many. Raises ``OSError`` where the kernel does not do that."""
    return sum(_end(diagnosis, flow.id) for flow in list(_flows(diagnosis, address)))


def reset_flows(diagnosis: socket.socket, address: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
    """Ends the TCP flows from a local address to these others, if the process ``holder`` has them. Returns how many.

    It does so through the holder's own descriptors, so that both ends see a reset; where that is not allowed the kernel is
    asked, which the holder sees as an abort. Raises ``OSError`` where neither is possible.
    """
    return end(diagnosis, {flow.inode: flow.id for flow in _flows(diagnosis, address) if flow.peer in peers}, holder)


def _end(diagnosis: Diagnosis, name: bytes) -> bool:
    diagnosis.send(_message(_SOCK_DESTROY, _REQUEST | _ACK, _inquiry(_FLOWS, name)))
    _, body = next(_messages(diagnosis.recv(_CHUNK)))
    number = -struct.unpack_from("=i", body)[0]
    if number not in (0, errno.ENOENT):  # ENOENT: it ended by itself in the meantime
        raise OSError(number, os.strerror(number))
    return bool(number == 0)


def _flows(diagnosis: socket.socket, address: str) -> Iterator[Flow]:
    """The flows of a local address. The kernel picks them out itself: the cost does not depend on the others."""
    for body in _dump(diagnosis, _inquiry(_FLOWS, bytes(_SOCKET_ID_LENGTH)) + _only_from(address)):
        name = body[_SOCKET_ID]
        port, other = _PEER.unpack_from(name)
        yield Flow(name, (str(IPv4Address(other)), port), _INODE.unpack_from(body)[0])


def _dump(diagnosis: Diagnosis, inquiry: bytes) -> Iterator[bytes]:
    diagnosis.send(_message(_SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, inquiry))
    while True:
        for kind, body in _messages(diagnosis.recv(_CHUNK)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -struct.unpack_from("=i", body)[0]
                raise OSError(number, os.strerror(number))
            yield body


def _attribute(body: bytes, wanted: int) -> bytes | None:
    offset = _MESSAGE_LENGTH
    while offset < len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if kind == wanted:
            return body[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return None


def _inquiry(states: int, socket_id: bytes, extensions: int = 0) -> bytes:
    return _REQUEST_HEAD.pack(socket.AF_INET, socket.IPPROTO_TCP, extensions, states) + socket_id


def _only_from(network: str) -> bytes:
    """A filter of one instruction: where the local address is of this network, it goes on to its end, which accepts."""
    found = IPv4Network(network)
    condition = struct.pack("=BBxxi", socket.AF_INET, found.prefixlen, -1) + found.network_address.packed
    size = 4 + len(condition)
    return struct.pack("=HHBBH", 4 + size, _BYTECODE, _SOURCE_MATCHES, size, size + 4) + condition


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(data):
        length, kind, *_ = _HEADER.unpack_from(data, offset)
        yield kind, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3

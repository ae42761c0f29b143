"""The plain question, which nearly all are, read and answered as bytes. Pure.

Rule 1: what is not plain is not read (None): another opcode, records besides one question and one OPT of version 0, or anything
that does not end where it should. ``zone`` takes such a question to dnspython, which knows everything.
Rule 2: an answer says exactly what dnspython would make of the same verdict. A test holds the two equal.

RFC 1035, 4.1; RFC 6891, 6.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address

_HEADER = struct.Struct("!HBBHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHHIH")
_OPT = struct.Struct("!BHHBBHH")
_TIMES = struct.Struct("!IIIII")
_A, _SOA, _IN, _OPT_TYPE = 1, 6, 1, 41
_POINTER = 0xC000
_FIRST_NAME = 12
_QR, _AA, _RD, _RA, _UNUSUAL = 0x80, 0x04, 0x01, 0x80, 0xFA
_LONGEST_NAME, _LONGEST_LABEL = 255, 63

SERIAL, REFRESH, RETRY, EXPIRE = 1, 7200, 900, 1_209_600


@dataclass(frozen=True, slots=True)
class Question:
    """``name``: lower case, without its final dot; a dot inside a label is a backslash, which no real name has.

    ``name_end`` and ``end``: where in the bytes the name and the whole question end. ``payload``: what the client takes over
    UDP, None where it speaks no EDNS.
    """

    name: str
    rdtype: int
    rdclass: int
    name_end: int
    end: int
    payload: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is said to a question.

    ``domain``: whose start of authority is said along, as the answer or as the reason of a no.
    """

    rcode: int = 0
    authoritative: bool = True
    addresses: tuple[str, ...] = ()
    domain: str | None = None
    domain_is_the_answer: bool = False


def read(question: bytes) -> Question | None:
    """The question in these bytes, or None where it is not plain."""
    try:
        _, flags, _, questions, answers, authorities, additional = _HEADER.unpack_from(question)
        if flags & _UNUSUAL or questions != 1 or answers or authorities or additional > 1:
            return None
        name, name_end = _name(question)
        rdtype, rdclass = _QUESTION.unpack_from(question, name_end)
        end = name_end + _QUESTION.size
        payload = _payload(question, end) if additional else None
    except (struct.error, IndexError, ValueError):
        return None
    if not additional and end != len(question):
        return None
    return Question(name, rdtype, rdclass, name_end, end, payload)


def end_of_question(question: bytes) -> int | None:
    """Where the first question in these bytes ends, whatever comes after it; None where there is none."""
    try:
        _, end = _name(question)
    except (IndexError, ValueError):
        return None
    return end + _QUESTION.size if end + _QUESTION.size <= len(question) else None


def _name(question: bytes) -> tuple[str, int]:
    """The name and where it ends. Raises ``ValueError`` for what is no name, and for one that points elsewhere."""
    labels, place = [], _FIRST_NAME
    while length := question[place]:
        if length > _LONGEST_LABEL or place + length >= len(question):
            raise ValueError
        labels.append(question[place + 1 : place + 1 + length].lower().replace(b".", b"\\"))
        place += 1 + length
    if place + 1 - _FIRST_NAME > _LONGEST_NAME:
        raise ValueError
    return b".".join(labels).decode("latin-1"), place + 1


def _payload(question: bytes, place: int) -> int:
    """Of the OPT record that stands here and ends the message. Raises ``ValueError`` where it is something else."""
    root, kind, payload, _, version, _, length = _OPT.unpack_from(question, place)
    if root or kind != _OPT_TYPE or version or place + _OPT.size + length != len(question) or length:
        raise ValueError
    return int(payload)


def write(question: bytes, asked: Question, verdict: Verdict, *, ttl: int, negative_ttl: int, udp_size: int) -> bytes:
    """The answer, in the question's own spelling: clients compare the case."""
    records = [_address(one, ttl) for one in verdict.addresses]
    soa = [_start_of_authority(verdict.domain, asked.name_end, negative_ttl)] if verdict.domain is not None else []
    answers, authorities = (soa, []) if verdict.domain_is_the_answer else (records, soa)
    opt = [] if asked.payload is None else [_OPT.pack(0, _OPT_TYPE, udp_size, 0, 0, 0, 0)]
    header = _HEADER.pack(
        int.from_bytes(question[:2], "big"),
        _QR | (_AA if verdict.authoritative else 0) | question[2] & _RD,
        _RA | verdict.rcode,
        1,
        len(answers),
        len(authorities),
        len(opt),
    )
    return b"".join((header, question[_FIRST_NAME : asked.end], *answers, *authorities, *opt))


@lru_cache(maxsize=4096)
def _address(address: str, ttl: int) -> bytes:
    """An A record of the name that was asked for."""
    return _RECORD.pack(_POINTER | _FIRST_NAME, _A, _IN, ttl, 4) + IPv4Address(address).packed


@lru_cache(maxsize=4096)
def _start_of_authority(domain: str, name_end: int, ttl: int) -> bytes:
    """The SOA record of a domain at the end of the name that was asked for, for which a no may be remembered (RFC 2308)."""
    at = struct.pack("!H", _POINTER | name_end - len(domain) - 2)
    times = _TIMES.pack(SERIAL, REFRESH, RETRY, EXPIRE, ttl)
    data = b"\x02ns" + at + b"\x0ahostmaster" + at + times
    return at + _RECORD.pack(0, _SOA, _IN, ttl, len(data))[2:] + data

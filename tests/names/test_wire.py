"""The plain question as bytes: answered without dnspython exactly as with it, and left to it where it is not plain."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidedoor.names import wire, zone
from sidedoor.names.zone import DOMAINS, find, with_parents

OURS = DOMAINS | {"example.com", "api.example.com"}
TABLE = with_parents(
    {
        "vpce-0a.svc.us-east-1.vpce.amazonaws.com": ("10.0.0.10", "10.0.1.10", "10.0.2.10"),
        "api.example.com": ("10.0.0.30",),
        "*.example.com": ("10.0.0.20",),
        "many.example.com": tuple(f"10.1.{number}.1" for number in range(60)),
        "ip-10-0-0-5.ec2.internal": ("10.0.0.5",),
    },
    OURS,
)
LABELS = [
    "vpce-0a",
    "svc",
    "us-east-1",
    "vpce",
    "amazonaws",
    "com",
    "API",
    "example",
    "many",
    "x",
    "10",
    "in-addr",
    "arpa",
    "com",
]
NAMES = [
    "vpce-0a.svc.us-east-1.vpce.amazonaws.com", "VPCE-0A.svc.US-EAST-1.vpce.amazonaws.com", "svc.us-east-1.vpce.amazonaws.com",
    "vpce.amazonaws.com", "gone.vpce.amazonaws.com", "api.example.com", "Example.com", "a.b.example.com", "many.example.com",
    "x.api.example.com", "ip-10-0-0-5.ec2.internal", "ec2.internal", "example.net", "4.0.0.10.in-addr.arpa", ".",
    "a" * 63 + ".example.com", ".".join(["a" * 49] * 4) + "." + "b" * 40 + ".example.com",
]  # fmt: skip
TYPES = ["A", "AAAA", "ANY", "SOA", "TXT", "PTR", "AXFR", "TYPE65000"]


def lookup(name: str) -> tuple[str, ...] | None:
    return find(name, TABLE, OURS)


def both(question: bytes, rotation: int, *, stream: bool) -> tuple[bytes | None, bytes]:
    """What is answered, and what dnspython alone would answer."""
    return (
        zone.answer(question, lookup, OURS, rotation=rotation, stream=stream),
        zone._answer_any(question, lookup, OURS, rotation, stream),
    )


@settings(deadline=None)
@given(
    st.one_of(st.sampled_from(NAMES), st.lists(st.sampled_from(LABELS), min_size=1, max_size=7).map(".".join)),
    st.sampled_from(TYPES),
    st.sampled_from(["IN", "CH", "ANY"]),
    st.sampled_from([None, 0, 512, 700, 1232, 65535]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 200),
)
def test_a_plain_question_is_answered_as_dnspython_would(
    name: str, kind: str, rdclass: str, payload: int | None, recursion: bool, stream: bool, rotation: int
) -> None:
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}
    query = dns.message.make_query(name, "A", rdclass, **edns)
    query.question[0].rdtype = dns.rdatatype.from_text(kind)
    query.flags = dns.flags.RD if recursion else dns.flags.Flag(0)
    question = query.to_wire()
    assert wire.read(question) is not None
    found, expected = both(question, rotation, stream=stream)
    assert found is not None
    reply, other = dns.message.from_wire(found), dns.message.from_wire(expected)
    assert reply == other
    assert (reply.edns, reply.payload, reply.ednsflags) == (other.edns, other.payload, other.ednsflags)
    assert [one.ttl for one in reply.answer + reply.authority] == [one.ttl for one in other.answer + other.authority]
    assert [list(one) for one in reply.answer] == [list(one) for one in other.answer]
    assert len(found) <= max(len(expected), 512)


@pytest.mark.parametrize("place", [2, 4, 5, 6, 8, 10, 11])
def test_a_question_with_anything_more_in_its_header_is_not_plain(place: int) -> None:
    question = bytearray(dns.message.make_query("api.example.com", "A").to_wire())
    question[place] ^= 0x82
    assert wire.read(bytes(question)) is None


def test_a_question_with_options_or_junk_or_a_newer_edns_is_not_plain() -> None:
    query = dns.message.make_query("api.example.com", "A", use_edns=0, options=[dns.edns.CookieOption(b"12345678", b"")])
    assert wire.read(query.to_wire()) is None
    assert wire.read(dns.message.make_query("api.example.com", "A", use_edns=1).to_wire()) is None
    assert wire.read(dns.message.make_query("api.example.com", "A").to_wire() + b"x") is None


def test_a_name_that_points_elsewhere_or_is_too_long_is_not_plain() -> None:
    query = dns.message.make_query("api.example.com", "A").to_wire()
    assert wire.read(query[:12] + b"\xc0\x0c" + query[-4:]) is None
    assert wire.read(query[:12] + (b"\x3f" + b"a" * 63) * 4 + b"\x00" + query[-4:]) is None


@given(st.binary(min_size=12, max_size=80), st.integers(0, 80))
def test_what_is_read_is_what_dnspython_reads(garbage: bytes, cut: int) -> None:
    question = dns.message.make_query("a.api.example.com", "A", use_edns=0).to_wire()
    damaged = question[:cut] + garbage[: len(question) - cut]
    read = wire.read(damaged)
    if read is not None:
        (asked,) = dns.message.from_wire(damaged).question
        assert (zone._text(asked.name), asked.rdtype, asked.rdclass) == (read.name, read.rdtype, read.rdclass)

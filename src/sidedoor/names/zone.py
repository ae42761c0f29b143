"""A DNS question to its answer, both as bytes. Pure.

Rule 1: no I/O, no clock, no randomness: the order of addresses follows from a number that is passed in.
Rule 2: any bytes may come in. What is no question has no answer (None); nothing raises.
Rule 3: only names that the lookup knows, and the domains that are ours, are spoken about. Everything else is REFUSED, or where
the resolver forwards, somebody else's to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from sidedoor.names import wire

Lookup = Callable[[str], tuple[str, ...] | None]
"""The IPv4 addresses of a name (lower case, no final dot): empty where the name has none, None where there is no such name."""

PRIVATE_REVERSE = (
    "10.in-addr.arpa",
    *(f"{n}.172.in-addr.arpa" for n in range(16, 32)),
    "168.192.in-addr.arpa",
    "127.in-addr.arpa",
)
"""The reverse zones of private addresses. A resolver answers them itself (RFC 6303): nobody else knows these names."""

DOMAINS: frozenset[str] = frozenset({"vpce.amazonaws.com", *PRIVATE_REVERSE})
"""The domains in which a name that the lookup does not know does not exist."""

TTL = 60
"""Seconds, as AWS's names of load balancers and endpoints have it (NLB guide, "DNS name")."""

NEGATIVE_TTL = 5
"""Seconds for which a client may remember that a name or type is missing: short, because endpoints come and go in tests."""

UDP_SIZE = 1232
"""The largest UDP answer, whatever the client offers: it fits every path without fragments (DNS Flag Day 2020)."""

_HEADER = 12
_PLAIN_UDP_SIZE = 512
_TRANSFERS = frozenset({dns.rdatatype.AXFR, dns.rdatatype.IXFR})


def with_parents(names: Mapping[str, tuple[str, ...]], domains: Collection[str] = DOMAINS) -> dict[str, tuple[str, ...]]:
    """The names, and with no addresses every name between them and their domain.

    Such a name exists (RFC 8020): a resolver that asks for one label after the other would take its NXDOMAIN as the end of
    everything below it.
    """
    table: dict[str, tuple[str, ...]] = {}
    for name in names:
        domain = _domain_of(name, domains)
        while domain and name != domain:
            name = name.partition(".")[2]
            if name != domain:
                table[name] = ()
    return table | dict(names)


def find(name: str, table: Mapping[str, tuple[str, ...]], domains: Collection[str] = DOMAINS) -> tuple[str, ...] | None:
    """A ``Lookup`` in a table that has its parents (``with_parents``).

    A name that is not in it may be meant by a wildcard: by the one at its nearest ancestor that is there (RFC 4592, 3.3.1),
    within the longest of our domains that it is in. The domain itself is not meant by a wildcard below it.
    """
    domain = _domain_of(name, domains)
    if name in table or domain is None or name == domain:
        return table.get(name)
    ancestor = name.partition(".")[2]
    while ancestor != domain and ancestor not in table:
        ancestor = ancestor.partition(".")[2]
    return table.get(f"*.{ancestor}")


def answer(
    question: bytes, lookup: Lookup, domains: Collection[str] = DOMAINS, *, rotation: int = 0, stream: bool = False
) -> bytes | None:
    """The answer to a question, or None where the bytes deserve none: too short, or themselves an answer.

    ``rotation``: which of a name's addresses comes first. ``stream``: over TCP, where nothing has to be cut short.
    """
    plain = wire.read(question)
    if plain is not None:
        verdict = _verdict(plain.name, plain.rdtype, plain.rdclass, lookup, domains, rotation)
        reply = wire.write(question, plain, verdict, ttl=TTL, negative_ttl=NEGATIVE_TTL, udp_size=UDP_SIZE)
        if len(reply) <= _limit(plain.payload, stream):
            return reply
    if len(question) < _HEADER or question[2] & 0x80:
        return None
    if dns.opcode.from_flags(int.from_bytes(question[2:4], "big")) is not dns.opcode.QUERY:
        return _bare(question, dns.rcode.NOTIMP)
    return _answer_any(question, lookup, domains, rotation, stream)


def _answer_any(question: bytes, lookup: Lookup, domains: Collection[str], rotation: int, stream: bool) -> bytes:
    """By dnspython, which takes every question apart, says what is wrong with it, and cuts an answer short."""
    try:
        query = dns.message.from_wire(question)
    except dns.exception.DNSException:
        return _bare(question, dns.rcode.FORMERR)
    if len(query.question) != 1:
        return _bare(question, dns.rcode.FORMERR)
    response = dns.message.make_response(query, recursion_available=True, our_payload=UDP_SIZE)
    if query.edns > 0:
        response.set_rcode(dns.rcode.BADVERS)
    else:
        _fill(response, lookup, domains, rotation)
    limit = _limit(query.payload if query.edns >= 0 else None, stream)
    return response.to_wire(max_size=limit, prefer_truncation=True, want_shuffle=False)


def _limit(payload: int | None, stream: bool) -> int:
    """How long an answer may be for a client that takes so much over UDP; None: that speaks no EDNS."""
    if stream:
        return 65535
    return _PLAIN_UDP_SIZE if payload is None else min(max(payload, _PLAIN_UDP_SIZE), UDP_SIZE)


def is_for_others(question: bytes, reply: bytes) -> bool:
    """Whether somebody else may be asked: we refused because the name is none of ours, and the question asks us to find out."""
    if reply[3] & 0x0F != dns.rcode.REFUSED or not question[2] & 0x01:
        return False
    plain = wire.read(question)
    if plain is not None:
        return plain.rdclass == dns.rdataclass.IN and plain.rdtype not in _TRANSFERS
    asked = dns.message.from_wire(question).question[0]
    return asked.rdclass == dns.rdataclass.IN and asked.rdtype not in _TRANSFERS


def passed_on(question: bytes, found: bytes | None, *, stream: bool = False) -> bytes:
    """What the client is told of somebody else's answer: all of it, that it is too long for UDP, or that there is none."""
    query = dns.message.from_wire(question)
    if found is not None and len(found) <= _limit(query.payload if query.edns >= 0 else None, stream):
        return found
    response = dns.message.make_response(query, recursion_available=True, our_payload=UDP_SIZE)
    if found is None:
        response.set_rcode(dns.rcode.SERVFAIL)
    else:
        response.flags |= dns.flags.TC
    return response.to_wire()


def _bare(question: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """A header alone: for a question that cannot be repeated, because it was not understood."""
    opcode_and_rd = question[2] & 0x79
    return question[:2] + bytes((0x80 | opcode_and_rd, rcode)) + bytes(8)


def _verdict(name: str, rdtype: int, rdclass: int, lookup: Lookup, domains: Collection[str], rotation: int) -> wire.Verdict:
    """Decides what a question gets."""
    addresses = lookup(name)
    domain = _domain_of(name, domains)
    if rdclass != dns.rdataclass.IN or rdtype in _TRANSFERS or (addresses is None and domain is None):
        return wire.Verdict(rcode=dns.rcode.REFUSED, authoritative=False)
    if rdtype in (dns.rdatatype.A, dns.rdatatype.ANY) and addresses:
        first = rotation % len(addresses)
        return wire.Verdict(addresses=(*addresses[first:], *addresses[:first]))
    authority = domain or name
    if rdtype == dns.rdatatype.SOA and name == authority:
        return wire.Verdict(domain=authority, domain_is_the_answer=True)
    missing = addresses is None and name != domain
    return wire.Verdict(rcode=dns.rcode.NXDOMAIN if missing else dns.rcode.NOERROR, domain=authority)


def _fill(response: dns.message.Message, lookup: Lookup, domains: Collection[str], rotation: int) -> None:
    """Says to the one question of ``response`` what it gets. Its name is used as it came: clients compare the case."""
    asked = response.question[0]
    verdict = _verdict(_text(asked.name), asked.rdtype, asked.rdclass, lookup, domains, rotation)
    response.set_rcode(dns.rcode.Rcode(verdict.rcode))
    if verdict.authoritative:
        response.flags |= dns.flags.AA
    if verdict.addresses:
        response.answer.append(dns.rrset.from_rdata_list(asked.name, TTL, [_a(one) for one in verdict.addresses]))
    if verdict.domain is not None:
        (response.answer if verdict.domain_is_the_answer else response.authority).append(_soa(verdict.domain))


def _text(name: dns.name.Name) -> str:
    """The name in lower case and without its final dot. A dot inside a label becomes a backslash, which no real name has."""
    labels = (label.lower().replace(b".", b"\\") for label in name.labels[:-1])
    return b".".join(labels).decode("latin-1")


def _domain_of(name: str, domains: Collection[str]) -> str | None:
    """The domain that a name is in, or None."""
    while name and name not in domains:
        name = name.partition(".")[2]
    return name or None


@lru_cache(maxsize=4096)
def _a(address: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.A, address)


@lru_cache(maxsize=4096)
def _soa(domain: str) -> dns.rrset.RRset:
    """The record that says for how long "no" may be remembered (RFC 2308)."""
    times = f"{wire.SERIAL} {wire.REFRESH} {wire.RETRY} {wire.EXPIRE} {NEGATIVE_TTL}"
    text = f"ns.{domain}. hostmaster.{domain}. {times}"
    return dns.rrset.from_text(f"{domain}.", NEGATIVE_TTL, "IN", "SOA", text)

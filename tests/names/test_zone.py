"""Questions and answers as bytes, without a socket."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidedoor.names.zone import DOMAINS, NEGATIVE_TTL, TTL, UDP_SIZE, answer, find, with_parents

SERVICE = "vpce-svc-0123456789abcdef0.us-east-1.vpce.amazonaws.com"
REGIONAL = f"vpce-0aaaaaaaaaaaaaaaa-abcd1234.{SERVICE}"
ZONAL = f"vpce-0aaaaaaaaaaaaaaaa-abcd1234-us-east-1a.{SERVICE}"
MANY = f"vpce-0bbbbbbbbbbbbbbbb-abcd1234.{SERVICE}"
PRIVATE = "api.example.com"

TABLE = with_parents(
    {
        REGIONAL: ("10.0.0.10", "10.0.1.10", "10.0.2.10"),
        ZONAL: ("10.0.0.10",),
        MANY: tuple(f"10.0.{n // 200}.{n % 200}" for n in range(300)),
        PRIVATE: ("10.0.0.10",),
    }
)


def ask(query: dns.message.Message, *, rotation: int = 0, stream: bool = False) -> dns.message.Message:
    wire = answer(query.to_wire(), TABLE.get, rotation=rotation, stream=stream)
    assert wire is not None
    reply = dns.message.from_wire(wire)
    assert query.is_response(reply)
    return reply


def addresses(reply: dns.message.Message) -> list[str]:
    return [rdata.address for rrset in reply.answer for rdata in rrset]


def test_a_known_name_has_its_addresses_for_a_minute() -> None:
    reply = ask(dns.message.make_query(ZONAL, "A"))
    assert reply.rcode() == dns.rcode.NOERROR
    assert addresses(reply) == ["10.0.0.10"]
    assert reply.answer[0].ttl == TTL
    assert reply.flags & dns.flags.AA
    assert reply.flags & dns.flags.RA


def test_the_rotation_chooses_which_address_comes_first() -> None:
    query = dns.message.make_query(REGIONAL, "A")
    first = [addresses(ask(query, rotation=n))[0] for n in range(4)]
    assert first == ["10.0.0.10", "10.0.1.10", "10.0.2.10", "10.0.0.10"]
    assert addresses(ask(query, rotation=2)) == ["10.0.2.10", "10.0.0.10", "10.0.1.10"]


def test_the_answer_repeats_the_case_of_the_question() -> None:
    mixed = "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(REGIONAL))
    reply = ask(dns.message.make_query(mixed, "A"))
    assert len(addresses(reply)) == 3
    assert reply.question[0].name.to_text() == f"{mixed}."
    assert reply.answer[0].name.to_text() == f"{mixed}."


@pytest.mark.parametrize("kind", ["AAAA", "TXT", "MX", "HTTPS", "TYPE65000"])
def test_another_type_of_a_known_name_is_no_error_and_says_for_how_long(kind: str) -> None:
    reply = ask(dns.message.make_query(REGIONAL, kind))
    assert reply.rcode() == dns.rcode.NOERROR
    assert not reply.answer
    (soa,) = reply.authority
    assert soa.name.to_text() == "vpce.amazonaws.com."
    assert (soa.ttl, soa[0].minimum) == (NEGATIVE_TTL, NEGATIVE_TTL)


@pytest.mark.parametrize(
    "name",
    [
        f"vpce-0ccc-abcd1234.{SERVICE}",
        f"x.{REGIONAL}",
        "nothing.vpce.amazonaws.com",
        "1.0.0.10.in-addr.arpa",
        "1.20.172.in-addr.arpa",
    ],
)
def test_an_unknown_name_of_our_domains_does_not_exist(name: str) -> None:
    reply = ask(dns.message.make_query(name, "PTR" if name.endswith("arpa") else "A"))
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA]
    assert not reply.answer


@pytest.mark.parametrize("name", [SERVICE, "us-east-1.vpce.amazonaws.com", "vpce.amazonaws.com"])
def test_a_name_that_only_has_names_below_it_exists(name: str) -> None:
    reply = ask(dns.message.make_query(name, "A"))
    assert (reply.rcode(), len(reply.answer), len(reply.authority)) == (dns.rcode.NOERROR, 0, 1)


@pytest.mark.parametrize("name", ["example.com", "amazonaws.com", "xvpce.amazonaws.com", "8.8.8.8.in-addr.arpa", "."])
def test_a_name_that_is_not_ours_is_refused(name: str) -> None:
    reply = ask(dns.message.make_query(name, "A"))
    assert reply.rcode() == dns.rcode.REFUSED
    assert not reply.authority
    assert not reply.flags & dns.flags.AA


def test_a_private_name_is_answered_and_speaks_for_itself() -> None:
    assert addresses(ask(dns.message.make_query(PRIVATE, "A"))) == ["10.0.0.10"]
    missing = ask(dns.message.make_query(PRIVATE, "AAAA"))
    assert missing.rcode() == dns.rcode.NOERROR
    assert missing.authority[0].name.to_text() == f"{PRIVATE}."


def test_a_dot_inside_a_label_is_no_separator() -> None:
    head, _, rest = REGIONAL.partition(".")
    glued = dns.name.Name((f"{head}.{rest.partition('.')[0]}".encode(), *dns.name.from_text(rest).labels[1:]))
    assert ask(dns.message.make_query(glued, "A")).rcode() == dns.rcode.NXDOMAIN
    outside = dns.name.Name((b"vpce.amazonaws", b"com", b""))
    assert ask(dns.message.make_query(outside, "A")).rcode() == dns.rcode.REFUSED


def test_the_start_of_authority_can_be_asked_for() -> None:
    reply = ask(dns.message.make_query("VPCE.amazonaws.com", "SOA"))
    assert [rrset.rdtype for rrset in reply.answer] == [dns.rdatatype.SOA]


def test_edns_is_answered_with_edns_and_plain_with_plain() -> None:
    assert ask(dns.message.make_query(ZONAL, "A")).edns == -1
    reply = ask(dns.message.make_query(ZONAL, "A", use_edns=0, payload=4096))
    assert (reply.edns, reply.payload) == (0, UDP_SIZE)


def test_a_newer_edns_is_told_that_it_is_too_new() -> None:
    assert ask(dns.message.make_query(ZONAL, "A", use_edns=1)).rcode() == dns.rcode.BADVERS


@pytest.mark.parametrize(("payload", "size"), [(None, 512), (100, 512), (700, 700), (4096, UDP_SIZE), (65535, UDP_SIZE)])
def test_an_answer_over_udp_never_exceeds_what_the_client_takes(payload: int | None, size: int) -> None:
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}
    query = dns.message.make_query(MANY, "A", **edns)
    wire = answer(query.to_wire(), TABLE.get)
    assert wire is not None
    assert len(wire) <= size
    reply = dns.message.from_wire(wire)
    assert reply.flags & dns.flags.TC
    assert query.is_response(reply)


def test_what_fits_is_not_cut() -> None:
    assert not ask(dns.message.make_query(REGIONAL, "A")).flags & dns.flags.TC


def test_over_tcp_everything_is_said() -> None:
    reply = ask(dns.message.make_query(MANY, "A"), stream=True)
    assert not reply.flags & dns.flags.TC
    assert len(addresses(reply)) == 300


@pytest.mark.parametrize("opcode", [dns.opcode.IQUERY, dns.opcode.STATUS, dns.opcode.NOTIFY, dns.opcode.UPDATE, 15])
def test_only_queries_are_implemented(opcode: int) -> None:
    wire = bytearray(dns.message.make_query(ZONAL, "A").to_wire())
    wire[2] = opcode << 3 | 1
    reply = answer(bytes(wire), TABLE.get)
    assert reply is not None
    assert reply[:2] == wire[:2]
    assert reply[2:] == bytes((0x80 | opcode << 3 | 1, dns.rcode.NOTIMP)) + bytes(8)


@pytest.mark.parametrize("kind", ["AXFR", "IXFR"])
def test_a_zone_transfer_is_refused(kind: str) -> None:
    query = dns.message.make_query("vpce.amazonaws.com", "A")
    query.question[0].rdtype = dns.rdatatype.from_text(kind)
    assert ask(query).rcode() == dns.rcode.REFUSED


def test_another_class_than_internet_is_refused() -> None:
    assert ask(dns.message.make_query(ZONAL, "A", rdclass=dns.rdataclass.CH)).rcode() == dns.rcode.REFUSED


def test_a_header_without_a_question_or_with_two_is_a_format_error() -> None:
    query = dns.message.make_query(ZONAL, "A")
    none = dns.message.Message(id=7)
    query.question.append(dns.message.make_query(REGIONAL, "A").question[0])
    for message in (none, query):
        wire = answer(message.to_wire(), TABLE.get)
        assert wire is not None
        assert dns.message.from_wire(wire).rcode() == dns.rcode.FORMERR


def test_a_question_that_ends_too_early_is_a_format_error() -> None:
    wire = dns.message.make_query(ZONAL, "A").to_wire()
    reply = answer(wire[:-3], TABLE.get)
    assert reply is not None
    assert dns.message.from_wire(reply).rcode() == dns.rcode.FORMERR


def test_an_answer_and_a_scrap_are_not_answered() -> None:
    wire = answer(dns.message.make_query(ZONAL, "A").to_wire(), TABLE.get)
    assert wire is not None
    assert answer(wire, TABLE.get) is None
    assert answer(wire[:11], TABLE.get) is None
    assert answer(b"", TABLE.get) is None


@given(st.binary(max_size=600), st.booleans())
def test_no_bytes_raise(garbage: bytes, stream: bool) -> None:
    _is_sound(garbage, answer(garbage, TABLE.get, stream=stream))


VALID = [
    dns.message.make_query(REGIONAL, "A").to_wire(),
    dns.message.make_query(MANY, "AAAA", use_edns=0, options=[dns.edns.ECSOption("10.0.0.0", 8)]).to_wire(),
    dns.message.make_query("nothing.vpce.amazonaws.com", "ANY", want_dnssec=True).to_wire(),
]


@given(
    st.sampled_from(VALID), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), st.binary(max_size=40)
)
def test_no_damaged_question_raises(wire: bytes, changes: list[tuple[int, int]], tail: bytes) -> None:
    damaged = bytearray(wire + tail)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    _is_sound(bytes(damaged), answer(bytes(damaged), TABLE.get))


def _is_sound(question: bytes, reply: bytes | None) -> None:
    if reply is None:
        assert len(question) < 12 or question[2] & 0x80
        return
    assert reply[:2] == question[:2]
    assert reply[2] & 0x80
    dns.message.from_wire(reply)


# --- private names ------------------------------------------------------------------------------------------------

OURS = DOMAINS | {"example.com", "api.example.com", "deep.shop.example.com", "example.org"}
PRIVATE_TABLE = with_parents(
    {
        REGIONAL: ("10.0.0.10",),
        "*.example.com": ("10.0.0.20",),
        "api.example.com": ("10.0.0.30",),
        "*.deep.shop.example.com": ("10.0.0.40",),
        "example.org": ("10.0.0.50",),
    },
    OURS,
)


def ask_privately(name: str, kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    wire = answer(query.to_wire(), lambda one: find(one, PRIVATE_TABLE, OURS), OURS)
    assert wire is not None
    return dns.message.from_wire(wire)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a.example.com", "10.0.0.20"),
        ("a.b.c.example.com", "10.0.0.20"),  # a wildcard covers more than one label (RFC 4592, 2.2.1)
        ("A.Example.COM", "10.0.0.20"),
        ("*.example.com", "10.0.0.20"),
        ("xapi.example.com", "10.0.0.20"),
        ("shop.example.com", "10.0.0.20"),
        ("api.example.com", "10.0.0.30"),
        ("a.deep.shop.example.com", "10.0.0.40"),
        ("example.org", "10.0.0.50"),
        (REGIONAL, "10.0.0.10"),
    ],
)
def test_a_private_name_is_answered_by_the_longest_that_fits(name: str, address: str) -> None:
    reply = ask_privately(name)
    assert reply.rcode() == dns.rcode.NOERROR
    assert addresses(reply) == [address]
    assert reply.answer[0].name.to_text() == f"{name}."


@pytest.mark.parametrize("name", ["example.com", "deep.shop.example.com"])
def test_the_domain_of_a_wildcard_is_there_and_has_no_address(name: str) -> None:
    reply = ask_privately(name)
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert reply.authority[0].name.to_text() == f"{name}."


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("a.api.example.com", "api.example.com"),  # not the wildcard's: a longer domain decides alone
        ("www.example.org", "example.org"),
        ("a.*.example.com", "example.com"),  # below the wildcard itself, which is a name (RFC 4592, 2.2.1)
    ],
)
def test_what_is_in_a_private_domain_and_does_not_fit_does_not_exist(name: str, domain: str) -> None:
    reply = ask_privately(name)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.authority[0].name.to_text() == f"{domain}."


@pytest.mark.parametrize("name", ["com", "org", "example.net", "notexample.com"])
def test_what_is_above_or_beside_a_private_domain_is_not_ours(name: str) -> None:
    assert ask_privately(name).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("name", ["api.example.com", "a.example.com"])
@pytest.mark.parametrize("kind", ["AAAA", "TXT", "HTTPS"])
def test_another_type_of_a_private_name_is_empty(name: str, kind: str) -> None:
    reply = ask_privately(name, kind)
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


def test_a_wildcard_reaches_no_name_of_ours_that_is_missing() -> None:
    assert ask_privately(f"missing.{SERVICE}").rcode() == dns.rcode.NXDOMAIN


@given(st.lists(st.sampled_from(["a", "api", "*", "deep", "shop", "example", "com", "org"]), min_size=1, max_size=6))
def test_find_ends_for_every_name(labels: list[str]) -> None:
    name = ".".join(labels)
    found = find(name, PRIVATE_TABLE, OURS)
    assert found is None or name in PRIVATE_TABLE or name.endswith(".example.com")

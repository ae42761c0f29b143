"""What a host should have of TLS, computed from listeners and certificates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from records import AT, BALANCER, BALANCER_RECORD, ENDPOINT, GROUP, GROUP_RECORD, LISTENER, LISTENER_RECORD, change, wanted

from sidedoor.dataplane import desired
from sidedoor.dataplane.certificates import Certificate, Tls, of_balancer
from sidedoor.dataplane.wanted import Unit, UnitKind, Wanted
from sidedoor.identity.model import ServerCertificate

SHORT = LISTENER.rpartition(":")[2]
DEFAULT = f"{SHORT}/default"
TOUCHED = {Unit(UnitKind.BALANCER, BALANCER), Unit(UnitKind.ENDPOINT, ENDPOINT)}


def certificate(letter: str, *domains: str, **more: Any) -> ServerCertificate:
    return ServerCertificate(
        id=letter, account=BALANCER_RECORD.account, name=letter, path="/", created=AT, expires=AT, domains=domains,
        in_use=True, certificate=f"certificate {letter}\n", private_key=f"key {letter}\n", **more,
    )  # fmt: skip


def told(*certificates: ServerCertificate, **more: Any) -> Wanted:
    """A TLS listener with these certificates, the first of which is its default one."""
    records = wanted()
    for one in certificates:
        records.put("server_certificates", one)
    further = tuple(one.id for one in certificates[1:])
    of_tls = {"protocol": "TLS", "certificate_id": certificates[0].id, "more_certificate_ids": further}
    records.put("listeners", replace(LISTENER_RECORD, **of_tls, **more))
    return records


def tls(records: Wanted) -> Tls:
    (found,) = {one.tls for one in desired.doors(records, ENDPOINT)}
    assert found is not None
    return found


def test_a_tcp_door_has_no_tls_and_a_load_balancer_without_tls_no_certificates() -> None:
    assert {one.tls for one in desired.doors(wanted(), ENDPOINT)} == {None}
    assert of_balancer(wanted(), BALANCER) == {}


def test_a_tls_door_names_its_policies_and_its_certificate() -> None:
    records = told(certificate("a", "a.example.com"), ssl_policy="ELBSecurityPolicy-TLS13-1-3-2021-06", alpn_policy="HTTP2Only")
    assert tls(records) == Tls(policy="ELBSecurityPolicy-TLS13-1-3-2021-06", alpn=("h2",), default=DEFAULT, further=())


def test_a_certificates_content_is_its_body_its_chain_and_its_key() -> None:
    records = told(certificate("a", chain="chain\n\n"))
    assert of_balancer(records, BALANCER) == {DEFAULT: Certificate(chain="certificate a\nchain\n", private_key="key a\n")}


def test_a_listener_that_is_given_another_certificate_keeps_its_doors_as_they_are() -> None:
    records = told(certificate("a", "a.example.com"))
    before = desired.doors(records, ENDPOINT)
    records.put("server_certificates", certificate("b", "b.example.com"))
    change(records, "listeners", LISTENER, certificate_id="b")
    assert desired.doors(records, ENDPOINT) == before
    assert of_balancer(records, BALANCER)[DEFAULT].private_key == "key b\n"


def test_each_further_certificate_is_chosen_by_its_domains_and_shares_those_that_others_have_too() -> None:
    records = told(
        certificate("a", "a.example.com", "both.example.com"),
        certificate("b", "b.example.com", "both.example.com"),
        certificate("c", "*.example.com"),
    )
    b, c = f"{SHORT}/b", f"{SHORT}/c"
    assert dict(tls(records).further) == {
        (DEFAULT,): ("a.example.com",),
        (b,): ("b.example.com",),
        (c,): ("*.example.com",),
        (DEFAULT, b): ("both.example.com",),
    }
    assert tls(records).names == {DEFAULT, b, c} == of_balancer(records, BALANCER).keys()


def test_a_certificate_keeps_its_place_though_another_takes_all_its_domains() -> None:
    """So that its filter chain stays, and with it its flows."""
    before = told(certificate("a"), certificate("b", "b.example.com"))
    after = told(certificate("a"), certificate("b", "b.example.com"), certificate("c", "b.example.com"))
    assert {names for names, _ in tls(before).further} <= {names for names, _ in tls(after).further}


def test_the_default_certificate_in_the_list_of_the_further_ones_changes_nothing() -> None:
    one = certificate("a", "a.example.com")
    assert tls(told(one, one)) == tls(told(one))


def test_without_its_certificate_a_listener_has_no_door() -> None:
    records = told(certificate("a"), certificate("b"))
    assert desired.doors(records, ENDPOINT)
    records.drop("server_certificates", "b")
    assert desired.doors(records, ENDPOINT) == ()


def test_a_changed_certificate_touches_the_load_balancers_that_have_it_and_their_endpoints() -> None:
    records = told(certificate("a"), certificate("b"))
    assert records.put("server_certificates", certificate("b", "new.example.com")) == TOUCHED
    assert records.put("server_certificates", certificate("unused")) == set()


@pytest.mark.parametrize(
    ("policy", "offered"),
    [("HTTP1Only", ("http/1.1", "http/1.0")), ("HTTP2Only", ("h2",)), ("HTTP2Preferred", ()), ("None", ()), (None, ())],
)
def test_targets_are_offered_a_protocol_where_client_and_target_cannot_choose_differently(
    policy: str | None, offered: tuple[str, ...]
) -> None:
    records = told(certificate("a"), alpn_policy=policy)
    records.put("target_groups", replace(GROUP_RECORD, id=GROUP, protocol="TLS"))
    assert {(one.tls, one.alpn) for one in desired.clusters(records, BALANCER)} == {(True, offered)}


def test_a_private_key_is_not_represented() -> None:
    records = told(certificate("a"))
    assert "key a" not in repr(of_balancer(records, BALANCER))
    assert "key a" not in repr(records.server_certificates)

"""TLS listeners: their certificates, policies and rules; and which protocols there are not."""

from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import OWNER, STRANGER, Site

from certificate_authority import an_authority
from sidedoor import errors
from sidedoor.identity.server_certificates import (
    delete_server_certificate,
    update_server_certificate,
    upload_server_certificate,
)
from sidedoor.loadbalancers.certificates import (
    add_listener_certificates,
    describe_listener_certificates,
    remove_listener_certificates,
)
from sidedoor.loadbalancers.listeners import create_listener, delete_listener, describe_listeners, modify_listener
from sidedoor.loadbalancers.load_balancers import delete_load_balancer
from sidedoor.loadbalancers.model import CERTIFICATES_PER_LOAD_BALANCER

AUTHORITY = an_authority()
PAIR = AUTHORITY.issue("web.example.com")
ACM = f"arn:aws:acm:us-east-1:{OWNER}:certificate/12345678-1234-1234-1234-123456789012"
NOT_THERE = f"arn:aws:iam::{OWNER}:server-certificate/gone"


def upload(site: Site, name: str, account: str = OWNER) -> str:
    made = site.world.ask(upload_server_certificate, account=account, ServerCertificateName=name, **PAIR.upload)
    arn: str = made["ServerCertificateMetadata"]["Arn"]
    return arn


def one(arn: str) -> list[dict[str, Any]]:
    return [{"CertificateArn": arn}]


@pytest.fixture
def web(site: Site) -> str:
    """The ARN of a certificate."""
    return upload(site, "web")


def tls_listener(site: Site, arn: str, port: int = 443, **request: Any) -> dict[str, Any]:
    return site.listener(site.balancer(), site.group(), port, **{"Protocol": "TLS", "Certificates": one(arn), **request})


def certificates(site: Site, listener: dict[str, Any]) -> list[tuple[str, bool]]:
    answer = site.ask(describe_listener_certificates, ListenerArn=listener["ListenerArn"])
    return [(found["CertificateArn"], found["IsDefault"]) for found in answer["Certificates"]]


def in_use(site: Site) -> set[str]:
    with site.world.store.read() as tables:
        return {record.name for record in tables.server_certificates.where(in_use=True)}


def test_a_tls_listener_is_described_as_aws_describes_it(site: Site, web: str) -> None:
    listener = tls_listener(site, web)
    assert (listener["Protocol"], listener["Certificates"]) == ("TLS", one(web))
    assert listener["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    assert "AlpnPolicy" not in listener
    assert site.ask(describe_listeners, ListenerArns=[listener["ListenerArn"]]) == {"Listeners": [listener]}
    assert certificates(site, listener) == [(web, True)]


def test_policies_are_kept_as_they_are_named(site: Site, web: str) -> None:
    policies = {"SslPolicy": "ELBSecurityPolicy-TLS13-1-3-2021-06", "AlpnPolicy": ["HTTP2Preferred"]}
    listener = tls_listener(site, web, **policies)
    assert listener.items() >= policies.items()
    (changed,) = site.ask(modify_listener, ListenerArn=listener["ListenerArn"], AlpnPolicy=["None"])["Listeners"]
    assert (changed["SslPolicy"], changed["AlpnPolicy"]) == (policies["SslPolicy"], ["None"])


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        ({"Certificates": []}, errors.ValidationError, "A certificate must be specified for TLS listeners"),
        ({"Certificates": one("a") * 2}, errors.TooManyCertificates, "exactly one default certificate"),
        ({"Certificates": one("web")}, errors.ValidationError, "Certificate ARN 'web' is not valid"),
        ({"Certificates": one(ACM)}, errors.CertificateNotFound, f"'{ACM}' not found"),
        ({"Certificates": one(NOT_THERE)}, errors.CertificateNotFound, "not found"),
        ({"Certificates": [{"CertificateArn": "a", "IsDefault": True}]}, errors.ValidationError, "IsDefault"),
        ({"SslPolicy": "Mine"}, errors.SslPolicyNotFound, "Mine"),
        ({"AlpnPolicy": ["HTTP3Only"]}, errors.AlpnPolicyNotFound, "HTTP3Only"),
        ({"AlpnPolicy": ["None", "HTTP1Only"]}, errors.ValidationError, "one ALPN policy"),
        ({"MutualAuthentication": {"Mode": "verify"}}, errors.ValidationError, "Mutual authentication"),
    ],
)
def test_a_tls_listener_that_cannot_be_is_refused(
    site: Site, web: str, request_: dict[str, Any], error: type[errors.ApiError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        tls_listener(site, web, **request_)
    assert in_use(site) == set()


def test_a_certificate_of_another_account_or_under_another_path_is_not_found(site: Site, web: str) -> None:
    theirs = upload(site, "theirs", account=STRANGER)
    balancer, group = site.balancer(), site.group()
    for arn in (theirs, web.replace("/web", "/other/web")):
        with pytest.raises(errors.CertificateNotFound):
            site.listener(balancer, group, 443, Protocol="TLS", Certificates=one(arn))


def test_the_same_tls_listener_again_is_no_duplicate_and_one_with_another_certificate_is(site: Site, web: str) -> None:
    listener, other = tls_listener(site, web), upload(site, "other")
    asked = {"LoadBalancerArn": listener["LoadBalancerArn"], "Protocol": "TLS", "Port": 443}
    asked["DefaultActions"] = [{"Type": "forward", "TargetGroupArn": listener["DefaultActions"][0]["TargetGroupArn"]}]
    site.ask(add_listener_certificates, ListenerArn=listener["ListenerArn"], Certificates=one(other))
    assert site.ask(create_listener, **asked, Certificates=one(web)) == {"Listeners": [listener]}
    with pytest.raises(errors.DuplicateListener):
        site.ask(create_listener, **asked, Certificates=one(other))


def test_a_tls_listener_forwards_to_groups_of_tcp_and_of_tls_and_a_tcp_listener_not_to_tls(site: Site, web: str) -> None:
    balancer = site.balancer()
    for port, protocol in ((443, "TCP"), (444, "TLS")):
        site.listener(balancer, site.group(f"g{port}", Protocol=protocol), port, Protocol="TLS", Certificates=one(web))
    with pytest.raises(errors.IncompatibleProtocols, match=r"TCP .* TLS"):
        site.listener(balancer, site.group("more", Protocol="TLS"), 445)


def test_a_listener_that_becomes_tls_needs_a_certificate_and_one_that_becomes_tcp_loses_all(site: Site, web: str) -> None:
    listener = site.listener(site.balancer(), site.group())
    arn = listener["ListenerArn"]
    with pytest.raises(errors.ValidationError, match="A certificate must be specified"):
        site.ask(modify_listener, ListenerArn=arn, Protocol="TLS")
    (changed,) = site.ask(modify_listener, ListenerArn=arn, Protocol="TLS", Certificates=one(web))["Listeners"]
    assert (changed["SslPolicy"], in_use(site)) == ("ELBSecurityPolicy-2016-08", {"web"})
    with pytest.raises(errors.ValidationError, match="An SSL policy cannot be specified for TCP"):
        site.ask(modify_listener, ListenerArn=arn, Protocol="TCP", SslPolicy="ELBSecurityPolicy-2016-08")
    (back,) = site.ask(modify_listener, ListenerArn=arn, Protocol="TCP")["Listeners"]
    assert (back, in_use(site)) == (listener, set())


def test_further_certificates_are_added_once_and_removed(site: Site, web: str) -> None:
    listener, other = tls_listener(site, web), upload(site, "other")
    arn = listener["ListenerArn"]
    for _ in range(2):
        answer = site.ask(add_listener_certificates, ListenerArn=arn, Certificates=one(other))
        assert answer == {"Certificates": [{"CertificateArn": other, "IsDefault": False}]}
    assert certificates(site, listener) == [(web, True), (other, False)]
    first = site.ask(describe_listener_certificates, ListenerArn=arn, PageSize=1)
    rest = site.ask(describe_listener_certificates, ListenerArn=arn, Marker=first["NextMarker"])
    assert [found["CertificateArn"] for found in first["Certificates"] + rest["Certificates"]] == [web, other]
    assert site.ask(remove_listener_certificates, ListenerArn=arn, Certificates=one(other)) == {}
    assert certificates(site, listener) == [(web, True)]


def test_the_default_certificate_may_stand_in_the_list_too_and_is_not_removed_as_the_default(site: Site, web: str) -> None:
    listener = tls_listener(site, web)
    arn = listener["ListenerArn"]
    with pytest.raises(errors.OperationNotPermitted, match="Default certificate cannot be removed"):
        site.ask(remove_listener_certificates, ListenerArn=arn, Certificates=one(web))
    site.ask(add_listener_certificates, ListenerArn=arn, Certificates=one(web))
    assert certificates(site, listener) == [(web, True), (web, False)]
    site.ask(remove_listener_certificates, ListenerArn=arn, Certificates=one(web))
    assert certificates(site, listener) == [(web, True)]


def test_further_certificates_are_limited_and_named_one_at_a_time(site: Site, web: str) -> None:
    listener = tls_listener(site, web)
    arn = listener["ListenerArn"]
    with site.world.store.write() as tables:
        record = tables.listeners.find(arn)
        assert record is not None
        fields = {name: getattr(record, name) for name in record.__dataclass_fields__}
        full = tuple(f"ASCA{number}" for number in range(CERTIFICATES_PER_LOAD_BALANCER))
        tables.listeners.update(record, type(record)(**{**fields, "more_certificate_ids": full}))
    with pytest.raises(errors.TooManyCertificates, match="25"):
        site.ask(add_listener_certificates, ListenerArn=arn, Certificates=one(web))
    for operation in (add_listener_certificates, remove_listener_certificates):
        with pytest.raises(errors.ValidationError, match="Exactly one certificate"):
            site.ask(operation, ListenerArn=arn, Certificates=one(web) * 2)
        with pytest.raises(errors.CertificateNotFound):
            site.ask(operation, ListenerArn=arn, Certificates=one(NOT_THERE))


def test_a_certificate_cannot_be_deleted_while_a_listener_has_it(site: Site, web: str) -> None:
    listener, other = tls_listener(site, web), upload(site, "other")
    arn = listener["ListenerArn"]
    site.ask(add_listener_certificates, ListenerArn=arn, Certificates=one(other))
    assert in_use(site) == {"web", "other"}
    for name in ("web", "other"):
        with pytest.raises(errors.DeleteConflict, match=f"in use by {arn}"):
            site.world.ask(delete_server_certificate, ServerCertificateName=name)
    site.ask(remove_listener_certificates, ListenerArn=arn, Certificates=one(other))
    site.world.ask(delete_server_certificate, ServerCertificateName="other")
    assert in_use(site) == {"web"}
    site.ask(delete_listener, ListenerArn=arn)
    assert in_use(site) == set()
    site.world.ask(delete_server_certificate, ServerCertificateName="web")


def test_a_deleted_load_balancer_lets_go_of_its_certificates(site: Site, web: str) -> None:
    listener = tls_listener(site, web)
    site.ask(delete_load_balancer, LoadBalancerArn=listener["LoadBalancerArn"])
    assert in_use(site) == set()


def test_a_renamed_certificate_stays_with_its_listener_under_its_new_arn(site: Site, web: str) -> None:
    listener = tls_listener(site, web)
    site.world.ask(update_server_certificate, ServerCertificateName="web", NewServerCertificateName="new")
    (shown,) = site.ask(describe_listeners, ListenerArns=[listener["ListenerArn"]])["Listeners"]
    assert shown["Certificates"] == one(web.replace("/web", "/new"))


def test_the_agent_is_told_of_a_certificate_while_a_listener_has_it(site: Site, web: str) -> None:
    def told(revision: int) -> tuple[list[str], list[str]]:
        """Names of the certificates that the agent is told of, and which of them the changes since a revision name."""
        with site.world.store.read() as tables:
            changed = [record_id for _, kind, record_id in tables.changes_after(revision) if kind == "server_certificates"]
            return [one.name for one in tables.fed("server_certificates")], [
                one.name for one in tables.fed("server_certificates", changed)
            ]

    def revision() -> int:
        with site.world.store.read() as tables:
            return int(tables.revision())

    upload(site, "other")
    assert told(0) == ([], [])
    before = revision()
    listener = tls_listener(site, web)
    assert told(before) == (["web"], ["web"])
    before = revision()
    site.ask(delete_listener, ListenerArn=listener["ListenerArn"])
    assert told(before) == ([], [])


@pytest.mark.parametrize("protocol", ["UDP", "TCP_UDP", "QUIC", "TCP_QUIC"])
def test_protocols_over_udp_are_not_supported(site: Site, protocol: str) -> None:
    balancer, group = site.balancer(), site.group()
    with pytest.raises(errors.UnsupportedProtocol, match=f"Listeners with the protocol {protocol} are not supported: use TCP"):
        site.listener(balancer, group, Protocol=protocol)
    with pytest.raises(errors.UnsupportedProtocol, match=f"groups with the protocol {protocol} are not supported: use TCP"):
        site.group("other", Protocol=protocol)
    listener = site.listener(balancer, group)
    with pytest.raises(errors.UnsupportedProtocol):
        site.ask(modify_listener, ListenerArn=listener["ListenerArn"], Protocol=protocol)

"""Private DNS names of services: kept with the record that proves them, changed, removed, and asked to be verified."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from privatelink_site import CONSUMER, Site
from sidedoor import errors
from sidedoor.services.model import DnsNameState
from sidedoor.services.operations import describe_vpc_endpoint_services, modify_vpc_endpoint_service_configuration
from sidedoor.services.private_dns import start_vpc_endpoint_service_private_dns_verification

modify, start = modify_vpc_endpoint_service_configuration, start_vpc_endpoint_service_private_dns_verification


def change(site: Site, service: dict[str, Any], **request: Any) -> dict[str, Any]:
    site.ask(modify, ServiceId=service["ServiceId"], **request)
    return site.described_service(service)


def test_a_name_waits_for_verification_with_a_record_to_prove_it(site: Site) -> None:
    service = site.service(PrivateDnsName="api.example.com")
    assert service["PrivateDnsName"] == "api.example.com"
    record = service["PrivateDnsNameConfiguration"]
    assert (record["State"], record["Type"]) == ("pendingVerification", "TXT")
    assert re.fullmatch(r"_[a-z0-9]{20}", record["Name"])
    assert re.fullmatch(r"vpce:[a-zA-Z0-9]{20}", record["Value"])
    assert site.described_service(service) == service


def test_a_service_without_a_name_shows_no_record(site: Site) -> None:
    assert not {"PrivateDnsName", "PrivateDnsNameConfiguration"} & site.service().keys()


def test_consumers_see_the_name_and_its_state_but_not_the_record(site: Site) -> None:
    site.open_service(PrivateDnsName="api.example.com")
    (seen,) = site.ask(describe_vpc_endpoint_services, account=CONSUMER)["ServiceDetails"]
    assert (seen["PrivateDnsName"], seen["PrivateDnsNames"]) == ("api.example.com", [{"PrivateDnsName": "api.example.com"}])
    assert seen["PrivateDnsNameVerificationState"] == "pendingVerification"
    assert "PrivateDnsNameConfiguration" not in seen


@pytest.mark.parametrize("name", ["a.b", "*.example.com", f"{'a' * 63}.example.com", "xn--bcher-kva.example", "1.example.com"])
def test_domain_names_and_wildcards_are_taken(site: Site, name: str) -> None:
    assert site.service(PrivateDnsName=name)["PrivateDnsName"] == name


@pytest.mark.parametrize(
    "name",
    ["example", "API.example.com", "-a.example.com", "a-.example.com", "a..com", "a.example.com.", "*.com*", "a b.com", "*",
     f"{'a' * 64}.example.com", ".".join(["a" * 63] * 4) + ".example.com", "a.example.com\n"],
)  # fmt: skip
def test_what_is_no_domain_name_is_refused(site: Site, name: str) -> None:
    with pytest.raises(errors.InvalidParameter, match="private DNS name"):
        site.service(PrivateDnsName=name)


def test_a_new_name_needs_a_new_proof_and_the_same_name_keeps_its_own(site: Site) -> None:
    service = site.service(PrivateDnsName="api.example.com")
    same = change(site, service, PrivateDnsName="api.example.com")
    assert same == service
    other = change(site, service, PrivateDnsName="www.example.com")
    assert other["PrivateDnsName"] == "www.example.com"
    for part in ("Name", "Value"):
        assert other["PrivateDnsNameConfiguration"][part] != service["PrivateDnsNameConfiguration"][part]


@pytest.mark.parametrize("request_part", [{"RemovePrivateDnsName": True}, {"PrivateDnsName": ""}])
def test_a_name_is_removed_by_the_flag_or_by_an_empty_name(site: Site, request_part: dict[str, Any]) -> None:
    service = site.service(PrivateDnsName="api.example.com")
    assert "PrivateDnsName" not in change(site, service, **request_part)


def test_removing_no_name_is_no_error(site: Site) -> None:
    service = site.service()
    assert change(site, service, RemovePrivateDnsName=True) == service


def test_a_name_is_not_removed_while_endpoints_are_attached(site: Site) -> None:
    service = site.open_service(PrivateDnsName="api.example.com")
    endpoint = site.endpoint(service)
    with pytest.raises(errors.ExistingConnections):
        change(site, service, RemovePrivateDnsName=True)
    site.reject(service, endpoint)
    assert "PrivateDnsName" not in change(site, service, RemovePrivateDnsName=True)


def test_a_name_is_not_set_and_removed_at_once(site: Site) -> None:
    service = site.service()
    with pytest.raises(errors.InvalidParameterCombination):
        change(site, service, PrivateDnsName="api.example.com", RemovePrivateDnsName=True)


def test_starting_verification_only_writes_down_that_somebody_should_look_now(site: Site) -> None:
    service = site.service(PrivateDnsName="api.example.com")
    with site.world.store.read() as tables:
        (before,) = tables.services.where()
    assert site.ask(start, ServiceId=service["ServiceId"]) == {"ReturnValue": True}
    assert site.described_service(service) == service
    with site.world.store.read() as tables:
        (after,) = tables.services.where()
    assert before.private_dns_pending_since is not None and after.private_dns_pending_since is not None
    assert after.private_dns_pending_since > before.private_dns_pending_since


def test_verification_that_failed_can_be_started_again(site: Site) -> None:
    service = site.service(PrivateDnsName="api.example.com")
    with site.world.store.write() as tables:
        (record,) = tables.services.where()
        tables.services.update(record, replace(record, private_dns_state=DnsNameState.FAILED))
    assert site.described_service(service)["PrivateDnsNameConfiguration"]["State"] == "failed"
    site.ask(start, ServiceId=service["ServiceId"])
    assert site.described_service(service) == service


def test_verification_needs_a_name_and_the_owner(site: Site) -> None:
    service = site.service()
    with pytest.raises(errors.InvalidParameter, match="no private DNS name"):
        site.ask(start, ServiceId=service["ServiceId"])
    with pytest.raises(errors.ServiceIdNotFound):
        site.ask(start, account=CONSUMER, ServiceId=service["ServiceId"])

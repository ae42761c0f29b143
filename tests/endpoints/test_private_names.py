"""The private name of a service in the consumer's VPC: when an endpoint may have it, and what becomes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from privatelink_site import CONSUMER, STRANGER, Site, root
from sidedoor import errors
from sidedoor.connections import describe_vpc_endpoint_connections
from sidedoor.endpoints.operations import modify_vpc_endpoint
from sidedoor.networks.vpcs import modify_vpc_attribute
from sidedoor.services.operations import describe_vpc_endpoint_services, modify_vpc_endpoint_service_configuration
from sidedoor.services.private_dns import start_vpc_endpoint_service_private_dns_verification

NAME = "api.example.com"


def named(site: Site, name: str = NAME, balancer: str = "named", **request: Any) -> dict[str, Any]:
    """A service with this name, proved, that the consumer may connect to."""
    service = site.open_service(site.balancer(balancer), PrivateDnsName=name, **request)
    site.prove()
    return service


def change(site: Site, endpoint: dict[str, Any], **request: Any) -> dict[str, Any]:
    site.ask(modify_vpc_endpoint, account=CONSUMER, VpcEndpointId=endpoint["VpcEndpointId"], **request)
    return site.described(endpoint)


def rename(site: Site, service: dict[str, Any], **request: Any) -> None:
    site.ask(modify_vpc_endpoint_service_configuration, ServiceId=service["ServiceId"], **request)


def private_names(site: Site, endpoint: dict[str, Any]) -> list[str]:
    return [one["DnsName"] for one in site.described(endpoint)["DnsEntries"] if "vpce.amazonaws" not in one["DnsName"]]


@pytest.fixture(autouse=True)
def names_allowed(site: Site) -> None:
    site.allow_private_names()


def test_private_dns_needs_a_name_of_the_service_that_is_verified(site: Site) -> None:
    for service in (site.open_service(), site.open_service(site.balancer("named"), PrivateDnsName=NAME)):
        with pytest.raises(errors.PrivateDnsNotProvided) as refusal:
            site.endpoint(service, PrivateDnsEnabled=True)
        assert refusal.value.code == "InvalidParameter"
        assert refusal.value.message == (
            f"Private DNS can't be enabled because the service {service['ServiceName']} does not provide a private DNS name."
        )


@pytest.mark.parametrize("attribute", ["EnableDnsSupport", "EnableDnsHostnames"])
def test_private_dns_needs_both_dns_attributes_of_the_vpc(site: Site, attribute: str) -> None:
    service = named(site)
    site.ask(modify_vpc_attribute, account=CONSUMER, VpcId=site.vpc(), **{attribute: {"Value": False}})
    with pytest.raises(errors.PrivateDnsNeedsAttributes) as refusal:
        site.endpoint(service, PrivateDnsEnabled=True)
    assert refusal.value.code == "InvalidParameter"
    assert refusal.value.message == (
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
        + site.vpc()
    )


def test_the_private_name_comes_last_and_in_a_hosted_zone_of_its_own(site: Site) -> None:
    service = named(site)
    endpoint = site.endpoint(service, PrivateDnsEnabled=True)
    *public, private = endpoint["DnsEntries"]
    assert private["DnsName"] == NAME
    assert re.fullmatch(r"Z0[A-Z0-9]{19}", private["HostedZoneId"])
    assert {one["HostedZoneId"] for one in public} == {"Z7HUB22UULQXV"}
    assert endpoint["PrivateDnsEnabled"] is True
    assert site.described(endpoint)["DnsEntries"] == endpoint["DnsEntries"]
    site.allow(service, root(STRANGER))
    site.allow_private_names(STRANGER)
    other = site.endpoint(service, account=STRANGER, PrivateDnsEnabled=True)
    assert other["DnsEntries"][-1]["HostedZoneId"] != private["HostedZoneId"]


def test_the_provider_does_not_see_the_consumers_private_zone(site: Site) -> None:
    site.endpoint(named(site), PrivateDnsEnabled=True)
    (connection,) = site.ask(describe_vpc_endpoint_connections)["VpcEndpointConnections"]
    assert NAME not in [one["DnsName"] for one in connection["DnsEntries"]]


def test_a_wildcard_is_shown_as_it_was_given(site: Site) -> None:
    endpoint = site.endpoint(named(site, "*.example.com"), PrivateDnsEnabled=True)
    assert endpoint["DnsEntries"][-1]["DnsName"] == "*.example.com"


def test_consumers_see_that_a_name_is_verified(site: Site) -> None:
    named(site)
    (seen,) = site.ask(describe_vpc_endpoint_services, account=CONSUMER)["ServiceDetails"]
    assert (seen["PrivateDnsName"], seen["PrivateDnsNameVerificationState"]) == (NAME, "verified")


def test_private_dns_is_turned_on_and_off_later(site: Site) -> None:
    endpoint = site.available_endpoint(named(site))
    assert private_names(site, endpoint) == []
    on = change(site, endpoint, PrivateDnsEnabled=True)
    assert (on["State"], on["PrivateDnsEnabled"], private_names(site, endpoint)) == ("pending", True, [NAME])
    assert site.provision(endpoint)
    off = change(site, endpoint, PrivateDnsEnabled=False)
    assert (off["State"], off["PrivateDnsEnabled"], private_names(site, endpoint)) == ("pending", False, [])


@pytest.mark.parametrize("second", [NAME, "*.api.example.com"])
def test_a_vpc_has_one_endpoint_for_a_domain(site: Site, second: str) -> None:
    first = site.endpoint(named(site), PrivateDnsEnabled=True)
    rival = named(site, second, "rival")
    with pytest.raises(errors.PrivateDnsConflict) as refusal:
        site.endpoint(rival, PrivateDnsEnabled=True)
    assert refusal.value.code == "InvalidParameter"
    assert refusal.value.message == (
        f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {second} "
        f"in the VPC {site.vpc()}"
    )
    later = site.endpoint(rival)
    with pytest.raises(errors.PrivateDnsConflict):
        change(site, later, PrivateDnsEnabled=True)
    site.delete(first)
    assert change(site, later, PrivateDnsEnabled=True)["DnsEntries"][-1]["DnsName"] == second


def test_a_name_and_a_wildcard_above_it_do_not_conflict(site: Site) -> None:
    site.endpoint(named(site), PrivateDnsEnabled=True)
    endpoint = site.endpoint(named(site, "*.example.com", "rival"), PrivateDnsEnabled=True)
    assert private_names(site, endpoint) == ["*.example.com"]


def test_another_vpc_may_have_the_same_name(site: Site) -> None:
    service = named(site)
    site.endpoint(service, PrivateDnsEnabled=True)
    site.allow(service, root(STRANGER))
    site.allow_private_names(STRANGER)
    assert site.endpoint(service, account=STRANGER, PrivateDnsEnabled=True)["DnsEntries"][-1]["DnsName"] == NAME


def test_a_proof_that_vanishes_leaves_the_connections_and_denies_new_ones(site: Site) -> None:
    service = named(site)
    endpoint = site.available_endpoint(service, PrivateDnsEnabled=True)
    other = site.available_endpoint(named(site, "*.example.org", "other"))
    site.verify()  # nothing proves the names any more
    assert site.name_state(service) == "pendingVerification"
    assert (site.described(endpoint)["State"], private_names(site, endpoint)) == ("available", [NAME])
    with pytest.raises(errors.PrivateDnsNotProvided):
        change(site, other, PrivateDnsEnabled=True)
    kept = change(site, endpoint, PrivateDnsEnabled=True, ResetPolicy=True)
    assert kept["DnsEntries"][-1]["DnsName"] == NAME
    assert site.endpoint(service, PrivateDnsEnabled=False)["State"] == "pending"


def test_a_new_name_reaches_the_endpoints_when_it_is_proved_and_the_old_one_serves_till_then(site: Site) -> None:
    service = named(site)
    wanting, indifferent = site.endpoint(service, PrivateDnsEnabled=True), site.endpoint(service)
    rename(site, service, PrivateDnsName="www.example.org")
    assert site.name_state(service) == "pendingVerification"
    assert private_names(site, wanting) == [NAME]
    site.prove()
    assert private_names(site, wanting) == ["www.example.org"]
    assert private_names(site, indifferent) == []


def test_a_new_name_that_another_endpoint_of_the_vpc_has_does_not_reach_it(site: Site) -> None:
    service = named(site)
    endpoint = site.endpoint(service, PrivateDnsEnabled=True)
    site.endpoint(named(site, "www.example.org", "rival"), PrivateDnsEnabled=True)
    rename(site, service, PrivateDnsName="www.example.org")
    site.prove()
    assert site.name_state(service) == "verified"
    assert private_names(site, endpoint) == [NAME]


def test_a_name_that_is_removed_leads_nowhere_and_a_later_one_again_to_who_wants_it(site: Site) -> None:
    service = named(site, AcceptanceRequired=True)
    endpoint = site.endpoint(service, PrivateDnsEnabled=True)
    with pytest.raises(errors.ExistingConnections):
        rename(site, service, RemovePrivateDnsName=True)
    site.reject(service, endpoint)
    assert private_names(site, endpoint) == [NAME]
    rename(site, service, RemovePrivateDnsName=True)
    assert private_names(site, endpoint) == []
    rename(site, service, PrivateDnsName="new.example.com")
    site.accept(service, endpoint)
    site.prove()
    assert private_names(site, endpoint) == ["new.example.com"]


def test_a_deleted_service_leaves_no_name_behind(site: Site) -> None:
    service = named(site)
    endpoint = site.endpoint(service, PrivateDnsEnabled=True)
    site.reject(service, endpoint)
    assert site.delete_service(service) == []
    assert private_names(site, endpoint) == []


def test_starting_the_verification_of_a_verified_name_changes_nothing(site: Site) -> None:
    service = named(site)
    site.ask(start_vpc_endpoint_service_private_dns_verification, ServiceId=service["ServiceId"])
    assert site.name_state(service) == "verified"

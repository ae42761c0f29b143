"""The rules of the user guide's chapter that the API keeps, by their numbers in aws-reference 0.1.

R6, R7, R12, R25, R26 and R30 are about bytes and are shown where bytes flow; R23 is about delivery to topics.
"""

from __future__ import annotations

from typing import Any

import pytest

from privatelink_site import ANYBODY, AZ1, AZ2, AZ3, CONSUMER, PROVIDER, STRANGER, Site, filters, role_session, root, user
from sidedoor import errors
from sidedoor.connections import describe_vpc_endpoint_connections
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.load_balancers import delete_load_balancer, describe_load_balancers
from sidedoor.notifications.operations import (
    create_vpc_endpoint_connection_notification,
    delete_vpc_endpoint_connection_notifications,
    describe_vpc_endpoint_connection_notifications,
    modify_vpc_endpoint_connection_notification,
)
from sidedoor.services.operations import (
    create_vpc_endpoint_service_configuration,
    describe_vpc_endpoint_services,
    modify_vpc_endpoint_service_configuration,
)
from sidedoor.services.permissions import (
    describe_vpc_endpoint_service_permissions,
    modify_vpc_endpoint_service_permissions,
)
from sidedoor.tags import create_tags, delete_tags


@pytest.fixture
def site(world: Any) -> Site:
    return Site(world)


def change(site: Site, service: dict[str, Any], **request: Any) -> None:
    site.ask(modify_vpc_endpoint_service_configuration, ServiceId=service["ServiceId"], **request)


def test_R1_a_service_is_in_the_zones_of_its_load_balancer(site: Site) -> None:
    assert site.service(site.balancer("front", AZ1, AZ3))["AvailabilityZoneIds"] == [AZ1, AZ3]


def test_R2_a_service_is_made_of_one_or_more_load_balancers(site: Site) -> None:
    balancers = [site.balancer(name) for name in ("one", "two")]
    assert site.service(*balancers)["NetworkLoadBalancerArns"] == balancers
    with pytest.raises(errors.InvalidParameter):
        site.ask(create_vpc_endpoint_service_configuration)


@pytest.mark.parametrize("acceptance_required", [True, False])
def test_R3_accounts_users_and_roles_need_permission_whatever_the_acceptance_setting(
    site: Site, acceptance_required: bool
) -> None:
    service = site.service(AcceptanceRequired=acceptance_required)
    callers = (user(CONSUMER, "alice"), role_session(CONSUMER, "deploy", "one"))
    for caller in callers:
        with pytest.raises(errors.ServiceNameInvalid):
            site.endpoint(service, caller=caller)
        site.allow(service, caller.principal)
        assert site.endpoint(service, caller=caller)["OwnerId"] == CONSUMER


def test_R4_an_endpoint_may_be_in_each_zone_of_the_service(site: Site) -> None:
    endpoint = site.endpoint(site.open_service(site.balancer("front", AZ1, AZ2)), AZ1, AZ2)
    assert len(endpoint["NetworkInterfaceIds"]) == 2


def test_R5_requests_wait_for_acceptance_unless_the_service_says_otherwise(site: Site) -> None:
    request = {"NetworkLoadBalancerArns": [site.balancer("asking")]}
    asking = site.ask(create_vpc_endpoint_service_configuration, **request)["ServiceConfiguration"]
    site.allow(asking)
    assert site.endpoint(asking)["State"] == "pendingAcceptance"
    assert site.endpoint(site.open_service(AcceptanceRequired=False))["State"] == "pending"


def test_R8_zones_are_compared_by_id_although_each_account_has_its_own_names(site: Site) -> None:
    service = site.open_service(site.balancer("front", AZ1))
    (seen,) = site.ask(describe_vpc_endpoint_services, account=CONSUMER)["ServiceDetails"]
    assert (service["AvailabilityZones"], seen["AvailabilityZones"]) == (["us-east-1d"], ["us-east-1a"])
    assert service["AvailabilityZoneIds"] == seen["AvailabilityZoneIds"] == [AZ1]
    assert site.endpoint(service, AZ1)["State"] == "pending"
    with pytest.raises(errors.ZoneNotSupported):
        site.endpoint(service, "use1-az4")  # the consumer's us-east-1d


def test_R9_services_are_ipv4_only(site: Site) -> None:
    assert site.service()["SupportedIpAddressTypes"] == ["ipv4"]
    with pytest.raises(errors.InvalidParameter):
        site.service(site.balancer("other"), SupportedIpAddressTypes=["ipv6"])


def test_R10_consumers_use_the_endpoints_own_names_and_private_dns_is_refused(site: Site) -> None:
    service = site.open_service()
    names = [entry["DnsName"] for entry in site.endpoint(service)["DnsEntries"]]
    assert all(name.endswith(f".{service['BaseEndpointDnsNames'][0]}") for name in names)
    with pytest.raises(errors.PrivateDnsNotProvided, match="Private DNS can't be enabled"):
        site.endpoint(service, PrivateDnsEnabled=True)


def test_R11_in_one_zone_an_endpoint_has_one_load_balancer_of_several_and_keeps_it(site: Site) -> None:
    service = site.open_service(*(site.balancer(name, AZ1) for name in ("one", "two", "three")), AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    (before,) = site.interfaces(endpoint)
    assert before.load_balancer_id in service["NetworkLoadBalancerArns"]
    site.accept(service, endpoint)
    site.provision(endpoint)
    assert site.interfaces(endpoint) == [before]


def test_R13_a_service_is_created_and_answered_as_the_chapter_shows(site: Site) -> None:
    arn = site.balancer("nlb-vpce")
    request = {"NetworkLoadBalancerArns": [arn], "AcceptanceRequired": True}
    service = site.ask(create_vpc_endpoint_service_configuration, **request)["ServiceConfiguration"]
    service_id = service["ServiceId"]
    shown = {
        "ServiceType": [{"ServiceType": "Interface"}],
        "NetworkLoadBalancerArns": [arn],
        "ServiceName": f"com.amazonaws.vpce.us-east-1.{service_id}",
        "ServiceState": "Available",
        "AcceptanceRequired": True,
        "AvailabilityZones": ["us-east-1d"],
        "BaseEndpointDnsNames": [f"{service_id}.us-east-1.vpce.amazonaws.com"],
    }
    assert shown.items() <= service.items()


def test_R14_names_and_state_of_a_service_have_the_chapters_form(site: Site) -> None:
    service = site.service()
    assert service["ServiceName"] == f"com.amazonaws.vpce.us-east-1.{service['ServiceId']}"
    assert service["BaseEndpointDnsNames"] == [f"{service['ServiceId']}.us-east-1.vpce.amazonaws.com"]
    assert service["ServiceState"] == "Available"


def test_R15_principals_are_accounts_users_roles_or_everybody(site: Site) -> None:
    service = site.service()
    site.allow(service, root(CONSUMER), f"arn:aws:iam::{CONSUMER}:user/u", f"arn:aws:iam::{CONSUMER}:role/r")
    with pytest.raises(errors.ServiceNameInvalid):
        site.endpoint(service, account=STRANGER)
    site.allow(service, ANYBODY)
    assert site.endpoint(service, account=STRANGER)["OwnerId"] == STRANGER


def test_R16_permissions_are_added_shown_and_removed(site: Site) -> None:
    service_id = site.service()["ServiceId"]
    modify, describe = modify_vpc_endpoint_service_permissions, describe_vpc_endpoint_service_permissions
    site.ask(modify, ServiceId=service_id, AddAllowedPrincipals=[root("123456789012")])
    (allowed,) = site.ask(describe, ServiceId=service_id)["AllowedPrincipals"]
    assert (allowed["PrincipalType"], allowed["Principal"]) == ("Account", "arn:aws:iam::123456789012:root")
    site.ask(modify, ServiceId=service_id, RemoveAllowedPrincipals=[root("123456789012")])
    assert site.ask(describe, ServiceId=service_id)["AllowedPrincipals"] == []


def test_R17_a_load_balancer_is_not_disassociated_while_an_endpoint_is_attached(site: Site) -> None:
    one, two = site.balancer("one"), site.balancer("two")
    service = site.open_service(one, two)
    endpoint = site.endpoint(service)
    with pytest.raises(errors.ExistingConnections):
        change(site, service, RemoveNetworkLoadBalancerArns=[one])
    site.reject(service, endpoint)
    change(site, service, RemoveNetworkLoadBalancerArns=[one])
    assert site.described_service(service)["NetworkLoadBalancerArns"] == [two]


def test_R18_the_acceptance_setting_changes_at_any_time_and_for_new_requests_only(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    waiting = site.endpoint(service)
    change(site, service, AcceptanceRequired=False)
    admitted = site.endpoint(service)
    change(site, service, AcceptanceRequired=True)
    assert (site.state(waiting), site.state(admitted)) == (State.PENDING_ACCEPTANCE, State.PENDING)
    assert site.endpoint(service)["State"] == "pendingAcceptance"


def test_R19_an_accepted_endpoint_becomes_available_and_can_still_be_rejected(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    site.accept(service, endpoint)
    assert site.described(endpoint)["State"] == "pending"
    site.provision(endpoint)
    assert site.described(endpoint)["State"] == "available"
    site.reject(service, endpoint)
    assert site.described(endpoint)["State"] == "rejected"


def test_R20_waiting_connections_are_listed_as_the_chapter_shows(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint, accepted = site.endpoint(service), site.endpoint(service)
    site.accept(service, accepted)
    request = {"Filters": filters(vpc_endpoint_state="pendingAcceptance")}
    (connection,) = site.ask(describe_vpc_endpoint_connections, **request)["VpcEndpointConnections"]
    shown = {
        "VpcEndpointId": endpoint["VpcEndpointId"],
        "ServiceId": service["ServiceId"],
        "CreationTimestamp": endpoint["CreationTimestamp"],
        "VpcEndpointState": "pendingAcceptance",
        "VpcEndpointOwner": CONSUMER,
    }
    assert shown.items() <= connection.items()


def test_R21_a_decision_names_the_service_and_the_endpoints(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoints = [site.endpoint(service) for _ in range(3)]
    assert site.accept(service, *endpoints[:2]) == []
    assert site.reject(service, *endpoints[1:]) == []
    assert [site.state(one) for one in endpoints] == [State.PENDING, State.REJECTED, State.REJECTED]


def test_R22_each_of_the_four_events_is_kept_for_the_services_notifications(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    site.accept(service, endpoint)
    site.reject(service, endpoint)
    site.delete(endpoint)
    events = site.events()
    assert [event.name for event in events] == ["Connect", "Accept", "Reject", "Delete"]
    assert {(event.account, event.service_id) for event in events} == {(PROVIDER, service["ServiceId"])}


def test_R24_a_notification_is_created_described_changed_and_deleted(site: Site) -> None:
    create, describe = create_vpc_endpoint_connection_notification, describe_vpc_endpoint_connection_notifications
    service_id, topic = site.service()["ServiceId"], "arn:aws:sns:us-east-2:123456789012:VpceNotification"
    events = ["Connect", "Accept", "Delete", "Reject"]
    request = {"ServiceId": service_id, "ConnectionNotificationArn": topic, "ConnectionEvents": events}
    notification = site.ask(create, **request)["ConnectionNotification"]
    shown = {
        "ConnectionNotificationState": "Enabled",
        "ConnectionNotificationType": "Topic",
        "ServiceId": service_id,
        "ConnectionEvents": ["Reject", "Accept", "Delete", "Connect"],
        "ConnectionNotificationArn": topic,
    }
    assert shown.items() <= notification.items()
    notification_id = notification["ConnectionNotificationId"]
    changed = {"ConnectionEvents": ["Accept", "Reject"], "ConnectionNotificationArn": topic.replace("Vpce", "My")}
    site.ask(modify_vpc_endpoint_connection_notification, ConnectionNotificationId=notification_id, **changed)
    (found,) = site.ask(describe)["ConnectionNotificationSet"]
    assert set(found["ConnectionEvents"]) == {"Accept", "Reject"}
    site.ask(delete_vpc_endpoint_connection_notifications, ConnectionNotificationIds=[notification_id])
    assert site.ask(describe)["ConnectionNotificationSet"] == []


def test_R27_tags_are_added_to_a_service_and_removed(site: Site) -> None:
    service = site.service()
    tags = [{"Key": "team", "Value": "red"}]
    site.ask(create_tags, Resources=[service["ServiceId"]], Tags=tags)
    assert site.described_service(service)["Tags"] == tags
    site.ask(delete_tags, Resources=[service["ServiceId"]], Tags=tags)
    assert site.described_service(service)["Tags"] == []


def test_R28_deleting_a_service_leaves_its_load_balancer(site: Site) -> None:
    arn = site.balancer()
    service = site.service(arn)
    with pytest.raises(errors.ResourceInUse):
        site.ask(delete_load_balancer, LoadBalancerArn=arn)
    assert site.delete_service(service) == []
    assert [one["LoadBalancerArn"] for one in site.ask(describe_load_balancers)["LoadBalancers"]] == [arn]
    site.ask(delete_load_balancer, LoadBalancerArn=arn)


def test_R29_all_waiting_and_available_endpoints_are_rejected_before_a_service_is_deleted(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    waiting, available = site.endpoint(service), site.endpoint(service)
    site.accept(service, available)
    site.provision(available)
    for endpoint in (waiting, available):
        (item,) = site.delete_service(service)
        assert item["Error"]["Code"] == "ExistingVpcEndpointConnections"
        site.reject(service, endpoint)
    assert site.delete_service(service) == []
    assert [site.described(endpoint)["State"] for endpoint in (waiting, available)] == ["rejected", "rejected"]

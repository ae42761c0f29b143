"""Endpoint services: creating, describing, changing and deleting them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from privatelink_site import ANYBODY, AZ1, AZ2, AZ3, CONSUMER, PROVIDER, REGION, STRANGER, UNKNOWN_SERVICE, Site, filters, root
from sidedoor import errors
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.load_balancers import set_subnets
from sidedoor.loadbalancers.model import LoadBalancerState
from sidedoor.notifications.operations import (
    create_vpc_endpoint_connection_notification,
    describe_vpc_endpoint_connection_notifications,
)
from sidedoor.services.operations import (
    create_vpc_endpoint_service_configuration,
    delete_vpc_endpoint_service_configurations,
    describe_vpc_endpoint_service_configurations,
    describe_vpc_endpoint_services,
    modify_vpc_endpoint_service_configuration,
    modify_vpc_endpoint_service_payer_responsibility,
)

create, describe = create_vpc_endpoint_service_configuration, describe_vpc_endpoint_service_configurations
modify = modify_vpc_endpoint_service_configuration


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["ServiceId"] for one in answer["ServiceConfigurations"]]


def change(site: Site, service: dict[str, Any], **request: Any) -> None:
    assert site.ask(modify, ServiceId=service["ServiceId"], **request) == {"Return": True}


# --- create and describe ------------------------------------------------------------------------------------------


def test_a_service_is_answered_with_everything_that_aws_tells_of_it(site: Site) -> None:
    arn = site.balancer("front", AZ1, AZ2)
    service = site.ask(create, NetworkLoadBalancerArns=[arn])["ServiceConfiguration"]
    service_id = service["ServiceId"]
    assert service == {
        "ServiceType": [{"ServiceType": "Interface"}],
        "ServiceId": service_id,
        "ServiceName": f"com.amazonaws.vpce.us-east-1.{service_id}",
        "ServiceState": "Available",
        "AvailabilityZoneIds": ["use1-az1", "use1-az2"],
        "AvailabilityZones": ["us-east-1d", "us-east-1e"],
        "AcceptanceRequired": True,
        "ManagesVpcEndpoints": False,
        "NetworkLoadBalancerArns": [arn],
        "SupportedIpAddressTypes": ["ipv4"],
        "BaseEndpointDnsNames": [f"{service_id}.us-east-1.vpce.amazonaws.com"],
        "PayerResponsibility": None,
        "Tags": [],
        "SupportedRegions": [{"Region": "us-east-1", "ServiceState": "Available"}],
        "RemoteAccessEnabled": False,
    }
    assert len(service_id) == len("vpce-svc-") + 17
    assert site.described_service(service) == service


def test_a_service_keeps_the_tags_that_it_was_created_with(site: Site) -> None:
    tags = [{"Key": "Name", "Value": "billing"}]
    service = site.service(TagSpecifications=[{"ResourceType": "vpc-endpoint-service", "Tags": tags}])
    assert site.described_service(service)["Tags"] == tags


def test_tags_for_another_type_are_refused(site: Site) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="'vpc-endpoint' is not a valid taggable resource type"):
        site.service(TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "b"}]}])


@pytest.mark.parametrize("both", [False, True], ids=["neither", "both"])
def test_exactly_one_kind_of_load_balancer_is_needed(site: Site, both: bool) -> None:
    request = {"NetworkLoadBalancerArns": [site.balancer()], "GatewayLoadBalancerArns": ["arn:gwlb"]} if both else {}
    with pytest.raises(errors.InvalidParameter, match="exactly one of network_load_balancer_arn or gateway_load_balancer_arn"):
        site.ask(create, **request)


@pytest.mark.parametrize(
    ("request_part", "message"),
    [
        ({"GatewayLoadBalancerArns": ["arn:gwlb"], "NetworkLoadBalancerArns": []}, "Gateway Load Balancers are not supported"),
        ({"SupportedIpAddressTypes": ["ipv4", "ipv6"]}, "IP address type ipv6 is not supported"),
        ({"SupportedRegions": ["eu-west-1"]}, r"\(eu-west-1\) is not supported"),
    ],
)
def test_what_sidedoor_does_not_have_is_refused_with_a_sentence(site: Site, request_part: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InvalidParameter, match=message):
        site.ask(create, **{"NetworkLoadBalancerArns": [site.balancer()], **request_part})


def test_the_services_own_region_and_ipv4_may_be_named(site: Site) -> None:
    assert site.service(SupportedRegions=[REGION], SupportedIpAddressTypes=["ipv4"])["SupportedIpAddressTypes"] == ["ipv4"]


def test_a_load_balancer_must_be_the_callers_own(site: Site) -> None:
    arn = site.balancer()
    with pytest.raises(errors.InvalidParameter, match="does not exist"):
        site.ask(create, account=CONSUMER, NetworkLoadBalancerArns=[arn])
    with pytest.raises(errors.InvalidParameter, match="does not exist"):
        site.ask(create, region="us-east-2", NetworkLoadBalancerArns=[arn])


def test_a_load_balancer_must_not_have_failed(site: Site) -> None:
    arn = site.balancer()
    with site.world.store.write() as tables:
        (balancer,) = tables.load_balancers.where(id=arn)
        tables.load_balancers.update(balancer, replace(balancer, state=LoadBalancerState.FAILED))
    with pytest.raises(errors.InvalidParameter, match="in the state failed"):
        site.ask(create, NetworkLoadBalancerArns=[arn])


def test_a_load_balancer_stands_behind_one_service_only(site: Site) -> None:
    arn = site.balancer()
    first = site.service(arn)
    with pytest.raises(errors.InvalidParameter, match=f"already associated with {first['ServiceId']}"):
        site.ask(create, NetworkLoadBalancerArns=[arn])
    other = site.service(site.balancer("other"))
    with pytest.raises(errors.InvalidParameter, match=f"already associated with {first['ServiceId']}"):
        site.ask(modify, ServiceId=other["ServiceId"], AddNetworkLoadBalancerArns=[arn])


def test_a_load_balancer_named_twice_counts_once(site: Site) -> None:
    arn = site.balancer()
    assert site.service(arn, arn)["NetworkLoadBalancerArns"] == [arn]


def test_a_repeated_token_gives_the_same_service_and_other_parameters_are_refused(site: Site) -> None:
    request = {"NetworkLoadBalancerArns": [site.balancer()], "ClientToken": "once"}
    first, second = site.ask(create, **request), site.ask(create, **request)
    assert first == second
    assert first["ClientToken"] == "once"
    assert len(ids(site.ask(describe))) == 1
    with pytest.raises(errors.IdempotentParameterMismatch):
        site.ask(create, **request, AcceptanceRequired=False)


def test_a_dry_run_creates_nothing(site: Site) -> None:
    arn = site.balancer()
    with pytest.raises(errors.DryRunOperation):
        site.ask(create, NetworkLoadBalancerArns=[arn], DryRun=True)
    assert ids(site.ask(describe)) == []


def test_a_dry_run_of_what_would_fail_fails_in_the_same_way(site: Site) -> None:
    with pytest.raises(errors.InvalidParameter):
        site.ask(create, DryRun=True)


def test_others_do_not_see_a_services_configuration_even_when_they_may_connect(site: Site) -> None:
    service = site.service()
    site.allow(service, ANYBODY)
    assert ids(site.ask(describe, account=CONSUMER)) == []
    assert ids(site.ask(describe, region="us-east-2")) == []
    for scope in ({"account": CONSUMER}, {"region": "us-east-2"}):
        with pytest.raises(errors.ServiceIdNotFound):
            site.ask(describe, **scope, ServiceIds=[service["ServiceId"]])


def test_a_malformed_service_id_is_told_apart_from_an_unknown_one(site: Site) -> None:
    with pytest.raises(errors.ServiceIdMalformed) as malformed:
        site.ask(describe, ServiceIds=["svc-1"])
    with pytest.raises(errors.ServiceIdNotFound) as unknown:
        site.ask(describe, ServiceIds=[UNKNOWN_SERVICE])
    assert malformed.value.code == "InvalidVpcEndpointServiceIdId.Malformed"
    assert unknown.value.code == "InvalidVpcEndpointServiceId.NotFound"
    assert unknown.value.message == f"The VpcEndpointService Id '{UNKNOWN_SERVICE}' does not exist"


def test_services_are_filtered_by_everything_that_aws_documents(site: Site) -> None:
    tags = [{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "team", "Value": "red"}]}]
    red, blue = site.service(TagSpecifications=tags), site.service(site.balancer("blue"))

    def found(*filter_: dict[str, Any]) -> list[str]:
        return ids(site.ask(describe, Filters=list(filter_)))

    red_id, blue_id = red["ServiceId"], blue["ServiceId"]
    assert found(*filters(service_name=red["ServiceName"])) == [red_id]
    assert found(*filters(service_id=blue_id)) == [blue_id]
    assert found(*filters(service_id=f"{blue_id[:-3]}*")) == [blue_id]
    assert found(*filters(service_id=[red_id, blue_id])) == [red_id, blue_id]
    assert found(*filters(service_state="Available")) == [red_id, blue_id]
    assert found(*filters(service_state="Deleting")) == []
    assert found(*filters(supported_ip_address_types="ipv4")) == [red_id, blue_id]
    assert found({"Name": "tag:team", "Values": ["r?d"]}) == [red_id]
    assert found({"Name": "tag-key", "Values": ["team"]}) == [red_id]
    assert found(*filters(service_state="Available", service_id=red_id)) == [red_id]
    with pytest.raises(errors.InvalidFilter, match="'vpc-id'"):
        found(*filters(vpc_id="vpc-1"))


def test_services_come_in_pages_that_miss_and_repeat_nothing(site: Site) -> None:
    made = [site.service(site.balancer(f"front-{number}"))["ServiceId"] for number in range(7)]
    first = site.ask(describe, MaxResults=5)
    second = site.ask(describe, MaxResults=5, NextToken=first["NextToken"])
    assert [*ids(first), *ids(second)] == made
    assert second["NextToken"] is None
    with pytest.raises(errors.InvalidNextToken):
        site.ask(describe, MaxResults=5, NextToken="forged")
    with pytest.raises(errors.InvalidParameterValue, match="maxResults"):
        site.ask(describe, MaxResults=4)


# --- modify -------------------------------------------------------------------------------------------------------


def test_load_balancers_are_added_and_removed(site: Site) -> None:
    one, two = site.balancer("one", AZ1), site.balancer("two", AZ2)
    service = site.service(one)
    change(site, service, AddNetworkLoadBalancerArns=[two])
    both = site.described_service(service)
    assert (both["NetworkLoadBalancerArns"], both["AvailabilityZoneIds"]) == ([one, two], [AZ1, AZ2])
    change(site, service, RemoveNetworkLoadBalancerArns=[one])
    left = site.described_service(service)
    assert (left["NetworkLoadBalancerArns"], left["AvailabilityZoneIds"]) == ([two], [AZ2])
    site.service(one)


def test_one_load_balancer_is_exchanged_for_another_in_one_call(site: Site) -> None:
    old, new = site.balancer("old", AZ1), site.balancer("new", AZ2)
    service = site.service(old)
    change(site, service, AddNetworkLoadBalancerArns=[new], RemoveNetworkLoadBalancerArns=[old])
    assert site.described_service(service)["NetworkLoadBalancerArns"] == [new]


def test_a_zone_that_the_load_balancer_gains_counts_only_when_it_is_named_again(site: Site) -> None:
    arn = site.balancer("front", AZ1)
    service = site.service(arn)
    site.ask(set_subnets, LoadBalancerArn=arn, Subnets=[site.subnet(AZ1, PROVIDER), site.subnet(AZ2, PROVIDER)])
    assert site.described_service(service)["AvailabilityZoneIds"] == [AZ1]
    change(site, service, AcceptanceRequired=True)
    assert site.described_service(service)["AvailabilityZoneIds"] == [AZ1]
    change(site, service, AddNetworkLoadBalancerArns=[arn])
    assert site.described_service(service)["AvailabilityZoneIds"] == [AZ1, AZ2]


def test_a_zone_is_read_again_also_while_endpoints_are_attached(site: Site) -> None:
    arn = site.balancer("front", AZ1)
    service = site.open_service(arn)
    site.endpoint(service)
    site.ask(set_subnets, LoadBalancerArn=arn, Subnets=[site.subnet(AZ1, PROVIDER), site.subnet(AZ3, PROVIDER)])
    change(site, service, AddNetworkLoadBalancerArns=[arn])
    assert site.described_service(service)["AvailabilityZoneIds"] == [AZ1, AZ3]


@pytest.mark.parametrize("state", list(State))
def test_a_load_balancer_is_not_taken_away_while_an_endpoint_is_attached(site: Site, state: State) -> None:
    one, two = site.balancer("one"), site.balancer("two")
    service = site.open_service(one, two)
    site.put(site.endpoint(service), state=state)
    request = {"ServiceId": service["ServiceId"], "RemoveNetworkLoadBalancerArns": [one]}
    if state in (State.PENDING_ACCEPTANCE, State.PENDING, State.AVAILABLE):
        with pytest.raises(errors.ExistingConnections) as refusal:
            site.ask(modify, **request)
        assert refusal.value.code == "ExistingVpcEndpointConnections"
        assert site.described_service(service)["NetworkLoadBalancerArns"] == [one, two]
    else:
        site.ask(modify, **request)
        assert site.described_service(service)["NetworkLoadBalancerArns"] == [two]


def test_a_load_balancer_is_added_while_endpoints_are_attached(site: Site) -> None:
    service = site.open_service()
    site.endpoint(service)
    change(site, service, AddNetworkLoadBalancerArns=[site.balancer("more")])
    assert len(site.described_service(service)["NetworkLoadBalancerArns"]) == 2


@pytest.mark.parametrize("attached", [False, True])
def test_the_last_load_balancer_stays(site: Site, attached: bool) -> None:
    arn = site.balancer()
    service = site.open_service(arn)
    if attached:
        site.endpoint(service)
    with pytest.raises(errors.InvalidParameter, match="last Network Load Balancer"):
        site.ask(modify, ServiceId=service["ServiceId"], RemoveNetworkLoadBalancerArns=[arn])


def test_a_load_balancer_that_is_not_associated_cannot_be_removed(site: Site) -> None:
    service, other = site.service(), site.balancer("other")
    with pytest.raises(errors.InvalidParameter, match="is not associated"):
        site.ask(modify, ServiceId=service["ServiceId"], RemoveNetworkLoadBalancerArns=[other])


def test_only_the_owner_changes_a_service(site: Site) -> None:
    service = site.open_service()
    with pytest.raises(errors.ServiceIdNotFound):
        site.ask(modify, account=CONSUMER, ServiceId=service["ServiceId"], AcceptanceRequired=True)


@pytest.mark.parametrize(
    "request_part",
    [
        {"AddGatewayLoadBalancerArns": ["arn:gwlb"]},
        {"RemoveGatewayLoadBalancerArns": ["arn:gwlb"]},
        {"AddSupportedIpAddressTypes": ["ipv6"]},
        {"RemoveSupportedIpAddressTypes": ["ipv4"]},
        {"AddSupportedRegions": ["eu-west-1"]},
        {"RemoveSupportedRegions": ["us-east-1"]},
    ],
)
def test_a_change_to_what_sidedoor_does_not_have_is_refused(site: Site, request_part: dict[str, Any]) -> None:
    service = site.service()
    with pytest.raises(errors.InvalidParameter):
        site.ask(modify, ServiceId=service["ServiceId"], **request_part)
    assert site.described_service(service) == service


def test_a_refused_change_changes_nothing_of_what_came_with_it(site: Site) -> None:
    service = site.service()
    with pytest.raises(errors.InvalidParameter):
        site.ask(modify, ServiceId=service["ServiceId"], AcceptanceRequired=True, PrivateDnsName="not a name")
    assert site.described_service(service) == service


def test_the_service_owner_can_be_made_the_payer(site: Site) -> None:
    service = site.service()
    payer = modify_vpc_endpoint_service_payer_responsibility
    assert site.ask(payer, ServiceId=service["ServiceId"], PayerResponsibility="ServiceOwner") == {"ReturnValue": True}
    assert site.described_service(service)["PayerResponsibility"] == "ServiceOwner"
    with pytest.raises(errors.InvalidParameterValue, match="PayerResponsibility"):
        site.ask(payer, ServiceId=service["ServiceId"], PayerResponsibility="EndpointOwner")
    with pytest.raises(errors.ServiceIdNotFound):
        site.ask(payer, account=CONSUMER, ServiceId=service["ServiceId"], PayerResponsibility="ServiceOwner")


# --- delete -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_a_service_is_deleted_unless_an_endpoint_is_attached(site: Site, state: State) -> None:
    service = site.open_service()
    site.put(site.endpoint(service), state=state)
    unsuccessful = site.delete_service(service)
    if state in (State.PENDING_ACCEPTANCE, State.PENDING, State.AVAILABLE):
        message = "Service has existing active VPC Endpoint connections!"
        error = {"Code": "ExistingVpcEndpointConnections", "Message": message}
        assert unsuccessful == [{"ResourceId": service["ServiceId"], "Error": error}]
        assert site.described_service(service)["ServiceState"] == "Available"
    else:
        assert unsuccessful == []
        with pytest.raises(errors.ServiceIdNotFound):
            site.described_service(service)


def test_services_are_deleted_one_by_one_and_what_fails_is_listed(site: Site) -> None:
    service, busy = site.service(), site.open_service(site.balancer("busy"))
    site.endpoint(busy)
    asked = [UNKNOWN_SERVICE, service["ServiceId"], busy["ServiceId"], service["ServiceId"]]
    unsuccessful = site.ask(delete_vpc_endpoint_service_configurations, ServiceIds=asked)["Unsuccessful"]
    assert [(item["ResourceId"], item["Error"]["Code"]) for item in unsuccessful] == [
        (UNKNOWN_SERVICE, "InvalidVpcEndpointService.NotFound"),
        (busy["ServiceId"], "ExistingVpcEndpointConnections"),
    ]
    assert ids(site.ask(describe)) == [busy["ServiceId"]]


def test_somebody_elses_service_is_not_deleted(site: Site) -> None:
    service = site.open_service()
    (item,) = site.delete_service(service, account=CONSUMER)
    assert item["Error"]["Code"] == "InvalidVpcEndpointService.NotFound"
    assert ids(site.ask(describe)) == [service["ServiceId"]]


def test_a_deleted_service_takes_its_permissions_and_notifications_with_it(site: Site) -> None:
    service = site.open_service()
    topic = "arn:aws:sns:us-east-1:111111111111:topic"
    request = {"ServiceId": service["ServiceId"], "ConnectionNotificationArn": topic, "ConnectionEvents": ["Connect"]}
    site.ask(create_vpc_endpoint_connection_notification, **request)
    site.delete_service(service)
    assert site.ask(describe_vpc_endpoint_connection_notifications)["ConnectionNotificationSet"] == []
    with site.world.store.read() as tables:
        assert tables.permissions.where() == []
    assert site.ask(describe_vpc_endpoint_services, account=CONSUMER)["ServiceNames"] == []


def test_a_deleted_service_frees_its_load_balancer(site: Site) -> None:
    arn = site.balancer()
    site.delete_service(site.service(arn))
    assert site.service(arn)["NetworkLoadBalancerArns"] == [arn]


def test_a_dry_run_deletes_nothing(site: Site) -> None:
    service = site.service()
    with pytest.raises(errors.DryRunOperation):
        site.ask(delete_vpc_endpoint_service_configurations, ServiceIds=[service["ServiceId"]], DryRun=True)
    assert site.described_service(service) == service


# --- what consumers find ------------------------------------------------------------------------------------------


def names(site: Site, account: str = CONSUMER, **request: Any) -> list[str]:
    return list(site.ask(describe_vpc_endpoint_services, account=account, **request)["ServiceNames"])


def test_a_consumer_sees_a_permitted_service_with_its_own_names_of_the_zones(site: Site) -> None:
    service = site.open_service(site.balancer("front", AZ1, AZ2), AcceptanceRequired=True)
    answer = site.ask(describe_vpc_endpoint_services, account=CONSUMER)
    assert answer["ServiceNames"] == [service["ServiceName"]]
    assert answer["ServiceDetails"] == [
        {
            "ServiceName": service["ServiceName"],
            "ServiceId": service["ServiceId"],
            "ServiceType": [{"ServiceType": "Interface"}],
            "ServiceRegion": "us-east-1",
            "AvailabilityZoneIds": ["use1-az1", "use1-az2"],
            "AvailabilityZones": ["us-east-1a", "us-east-1b"],
            "Owner": PROVIDER,
            "BaseEndpointDnsNames": service["BaseEndpointDnsNames"],
            "VpcEndpointPolicySupported": False,
            "AcceptanceRequired": True,
            "ManagesVpcEndpoints": False,
            "PayerResponsibility": None,
            "Tags": [],
            "SupportedIpAddressTypes": ["ipv4"],
        }
    ]
    assert service["AvailabilityZones"] == ["us-east-1d", "us-east-1e"]


def test_a_service_is_hidden_from_everybody_else(site: Site) -> None:
    service = site.open_service()
    assert names(site, PROVIDER) == names(site, CONSUMER) == [service["ServiceName"]]
    assert names(site, STRANGER) == []
    assert names(site, STRANGER, Filters=filters(service_name=service["ServiceName"])) == []
    with pytest.raises(errors.ServiceNameInvalid) as refusal:
        names(site, STRANGER, ServiceNames=[service["ServiceName"]])
    assert refusal.value.code == "InvalidServiceName"
    assert refusal.value.message == f"The Vpc Endpoint Service '{service['ServiceName']}' does not exist"


def test_a_service_is_not_seen_from_another_region(site: Site) -> None:
    service = site.open_service()
    assert names(site, region="us-east-2") == []
    with pytest.raises(errors.ServiceNameInvalid):
        names(site, region="us-east-2", ServiceNames=[service["ServiceName"]])
    with pytest.raises(errors.InvalidParameter, match="us-east-2"):
        names(site, ServiceRegions=["us-east-2"])
    assert names(site, ServiceRegions=["us-east-1"]) == [service["ServiceName"]]


@pytest.mark.parametrize("name", ["com.amazonaws.us-east-1.s3", f"com.amazonaws.vpce.us-east-1.{UNKNOWN_SERVICE}", "x"])
def test_an_unknown_service_name_is_refused_as_a_hidden_one_is(site: Site, name: str) -> None:
    with pytest.raises(errors.ServiceNameInvalid):
        names(site, ServiceNames=[name])


def test_the_operator_is_told_why_a_service_is_hidden(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    service = site.service()
    with caplog.at_level("INFO", logger="sidedoor.api"), pytest.raises(errors.ServiceNameInvalid):
        names(site, ServiceNames=[service["ServiceName"]])
    (record,) = [record for record in caplog.records if getattr(record, "action", "") == "service.hidden"]
    assert f"account {PROVIDER}, which owns {service['ServiceName']}, does not allow {root(CONSUMER)}" in record.getMessage()


def test_available_services_are_filtered_by_everything_that_aws_documents(site: Site) -> None:
    tags = [{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "team", "Value": "red"}]}]
    name = site.open_service(TagSpecifications=tags)["ServiceName"]
    for match in (
        filters(owner=PROVIDER),
        filters(service_name=name),
        filters(service_name="*.vpce-svc-*"),
        filters(service_region="us-east-1"),
        filters(service_type="Interface"),
        filters(supported_ip_address_types="ipv4"),
    ):
        assert names(site, Filters=match) == [name]
    for mismatch in (filters(owner=CONSUMER), filters(service_type="Gateway"), filters(service_region="us-east-2")):
        assert names(site, Filters=mismatch) == []
    with pytest.raises(errors.InvalidFilter):
        names(site, Filters=filters(service_id="x"))


def test_a_services_tags_are_its_owners_alone(site: Site) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    name = site.open_service(TagSpecifications=[{"ResourceType": "vpc-endpoint-service", "Tags": tags}])["ServiceName"]
    by_tag = [{"Name": "tag:team", "Values": ["red"]}]
    assert names(site, PROVIDER, Filters=by_tag) == [name]
    assert names(site, CONSUMER, Filters=by_tag) == []
    (own,) = site.ask(describe_vpc_endpoint_services)["ServiceDetails"]
    assert own["Tags"] == tags


def test_available_services_come_in_pages(site: Site) -> None:
    made = [site.open_service(site.balancer(f"front-{number}"))["ServiceName"] for number in range(6)]
    first = site.ask(describe_vpc_endpoint_services, account=CONSUMER, MaxResults=5)
    request = {"MaxResults": 5, "NextToken": first["NextToken"]}
    second = site.ask(describe_vpc_endpoint_services, account=CONSUMER, **request)
    assert [*first["ServiceNames"], *second["ServiceNames"]] == made
    with pytest.raises(errors.InvalidNextToken):
        site.ask(describe_vpc_endpoint_services, account=PROVIDER, **request)

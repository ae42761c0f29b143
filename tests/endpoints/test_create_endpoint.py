"""CreateVpcEndpoint: what it makes, what it answers, and everything that it refuses."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from privatelink_site import (
    AZ1,
    AZ2,
    AZ3,
    CONSUMER,
    PROVIDER,
    STRANGER,
    UNKNOWN_SERVICE,
    Site,
    role_session,
    root,
    user,
)
from sidedoor import errors
from sidedoor.endpoints.operations import create_vpc_endpoint, describe_vpc_endpoints
from sidedoor.endpoints.wire import hosted_zone_id
from sidedoor.networks.interfaces import describe_network_interfaces
from sidedoor.networks.model import InterfaceKind
from sidedoor.networks.security_groups import create_security_group, describe_security_groups
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc
from sidedoor.services.permissions import modify_vpc_endpoint_service_permissions

FULL_ACCESS = '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'


def default_group(site: Site, account: str = CONSUMER) -> str:
    (group,) = site.ask(describe_security_groups, account=account)["SecurityGroups"]
    return str(group["GroupId"])


def count(site: Site, account: str = CONSUMER) -> int:
    return len(site.ask(describe_vpc_endpoints, account=account)["VpcEndpoints"])


# --- what it makes ------------------------------------------------------------------------------------------------


def test_an_endpoint_is_answered_in_the_shape_that_aws_gives_it(site: Site) -> None:
    service = site.open_service(site.balancer("front", AZ1, AZ2), AcceptanceRequired=True)
    endpoint = site.endpoint(service, AZ2, AZ1)
    created = site.world.now
    endpoint_id, service_id = endpoint["VpcEndpointId"], service["ServiceId"]
    interfaces = {one.subnet_id: one.id for one in site.interfaces(endpoint)}
    first, *rest = endpoint["DnsEntries"]
    found = re.fullmatch(rf"({endpoint_id}-[a-z0-9]{{8}})\.{service_id}\.us-east-1\.vpce\.amazonaws\.com", first["DnsName"])
    assert found is not None
    zonal = [f"{found.group(1)}-us-east-1{letter}.{service_id}.us-east-1.vpce.amazonaws.com" for letter in "ba"]
    assert endpoint == {
        "VpcEndpointId": endpoint_id,
        "VpcEndpointType": "Interface",
        "VpcId": site.vpc(),
        "ServiceName": service["ServiceName"],
        "State": "pendingAcceptance",
        "PolicyDocument": FULL_ACCESS,
        "RouteTableIds": [],
        "SubnetIds": [site.subnet(AZ2), site.subnet(AZ1)],
        "Groups": [{"GroupId": default_group(site), "GroupName": "default"}],
        "IpAddressType": "ipv4",
        "DnsOptions": {"DnsRecordIpType": "ipv4"},
        "PrivateDnsEnabled": False,
        "RequesterManaged": False,
        "NetworkInterfaceIds": [interfaces[site.subnet(AZ2)], interfaces[site.subnet(AZ1)]],
        "DnsEntries": [{"DnsName": name, "HostedZoneId": "Z7HUB22UULQXV"} for name in (first["DnsName"], *zonal)],
        "CreationTimestamp": created,
        "Tags": [],
        "OwnerId": CONSUMER,
        "ServiceRegion": "us-east-1",
    }
    assert rest == endpoint["DnsEntries"][1:]
    assert len(endpoint_id) == len("vpce-") + 17
    assert site.described(endpoint) == endpoint


def test_an_endpoint_without_acceptance_begins_as_pending_and_tells_of_both_events(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    assert endpoint["State"] == "pending"
    assert sorted(site.event_names()) == ["Accept", "Connect"]


def test_an_endpoint_that_needs_acceptance_tells_the_service_owner_that_it_connected(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    (event,) = site.events()
    assert (event.name, event.account, event.service_id) == ("Connect", PROVIDER, service["ServiceId"])
    assert event.endpoint_id == endpoint["VpcEndpointId"]
    assert event.body == {
        "serviceName": service["ServiceName"], "vpcEndpointOwner": CONSUMER, "vpcEndpointState": "pendingAcceptance",
    }  # fmt: skip


def test_an_interface_is_made_in_each_subnet_and_belongs_to_the_consumer(site: Site) -> None:
    service = site.open_service(site.balancer("front", AZ1, AZ2))
    endpoint = site.endpoint(service, AZ1, AZ2)
    interfaces = site.interfaces(endpoint)
    assert [one.subnet_id for one in interfaces] == [site.subnet(AZ1), site.subnet(AZ2)]
    for one in interfaces:
        assert (one.account, one.vpc_id, one.kind) == (CONSUMER, site.vpc(), InterfaceKind.ENDPOINT)
        assert one.description == f"VPC Endpoint Interface {endpoint['VpcEndpointId']}"
        assert one.group_ids == (default_group(site),)
        assert one.load_balancer_id == service["NetworkLoadBalancerArns"][0]
    shown = site.ask(describe_network_interfaces, account=CONSUMER)["NetworkInterfaces"]
    assert [(one["InterfaceType"], one["RequesterManaged"]) for one in shown] == [("vpc_endpoint", True)] * 2


def test_an_endpoint_without_subnets_has_no_interfaces_and_only_the_regional_name(site: Site) -> None:
    endpoint = site.endpoint(site.open_service(), SubnetIds=[])
    assert (endpoint["SubnetIds"], endpoint["NetworkInterfaceIds"], len(endpoint["DnsEntries"])) == ([], [], 1)


def test_the_address_in_a_subnet_can_be_chosen(site: Site) -> None:
    service = site.open_service(site.balancer("front", AZ1, AZ2))
    first, second = site.subnet(AZ1), site.subnet(AZ2)
    with site.world.store.read() as tables:
        cidr = tables.subnets.where(id=second)[0].cidr
    address = cidr.replace("0/24", "77")
    configurations = [{"SubnetId": second, "Ipv4": address}]
    endpoint = site.endpoint(service, SubnetIds=[first, second], SubnetConfigurations=configurations)
    assert endpoint["SubnetIds"] == [first, second]
    assert {one.subnet_id: one.address for one in site.interfaces(endpoint)}[second] == address


def test_a_subnet_configuration_alone_names_a_subnet_too(site: Site) -> None:
    endpoint = site.endpoint(site.open_service(), SubnetIds=[], SubnetConfigurations=[{"SubnetId": site.subnet()}])
    assert endpoint["SubnetIds"] == [site.subnet()]


@pytest.mark.parametrize(
    ("configurations", "error"),
    [
        ([{"Ipv4": "10.0.0.9"}], errors.MissingParameter),
        ([{"SubnetId": "SUBNET", "Ipv4": "10.0.0.999"}], errors.InvalidParameterValue),
        ([{"SubnetId": "SUBNET", "Ipv4": "10.9.0.9"}], errors.InvalidParameterValue),
        ([{"SubnetId": "SUBNET", "Ipv4": "10.0.1.0"}], errors.InvalidParameterValue),
        ([{"SubnetId": "SUBNET", "Ipv6": "fd00::1"}], errors.InvalidParameter),
        ([{"SubnetId": "SUBNET"}, {"SubnetId": "SUBNET"}], errors.InvalidParameter),
    ],
    ids=["no subnet", "no address", "outside", "reserved", "ipv6", "twice"],
)
def test_a_subnet_configuration_that_cannot_be_is_refused(
    site: Site, configurations: list[dict[str, str]], error: type[errors.ApiError]
) -> None:
    service = site.open_service()
    wanted = [{**one, **({"SubnetId": site.subnet()} if "SubnetId" in one else {})} for one in configurations]
    with pytest.raises(error):
        site.endpoint(service, SubnetConfigurations=wanted)
    assert count(site) == 0


def test_an_address_in_use_is_refused(site: Site) -> None:
    service = site.open_service()
    (interface,) = site.interfaces(site.endpoint(service))
    with pytest.raises(errors.AddressInUse):
        site.endpoint(service, SubnetConfigurations=[{"SubnetId": site.subnet(), "Ipv4": interface.address}])


def test_the_given_groups_are_used_in_place_of_the_default_one(site: Site) -> None:
    group = {"VpcId": site.vpc(), "GroupName": "web", "Description": "web"}
    group_id = site.ask(create_security_group, account=CONSUMER, **group)["GroupId"]
    endpoint = site.endpoint(site.open_service(), SecurityGroupIds=[group_id])
    assert endpoint["Groups"] == [{"GroupId": group_id, "GroupName": "web"}]
    assert site.interfaces(endpoint)[0].group_ids == (group_id,)


def test_tags_and_policy_are_kept_as_they_were_given(site: Site) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    policy = '{"Statement": []}'
    specification = [{"ResourceType": "vpc-endpoint", "Tags": tags}]
    endpoint = site.endpoint(site.open_service(), TagSpecifications=specification, PolicyDocument=policy)
    described = site.described(endpoint)
    assert (described["Tags"], described["PolicyDocument"]) == (tags, policy)


@pytest.mark.parametrize("region", ["us-east-2", "eu-west-1", "ap-northeast-1"])
def test_the_hosted_zone_of_a_region_is_always_the_same(region: str) -> None:
    assert hosted_zone_id(region) == hosted_zone_id(region)
    assert hosted_zone_id("us-east-2") == "ZC8PG0KIFKBRI"
    assert re.fullmatch(r"Z[A-Z0-9]{12,13}", hosted_zone_id(region))


def test_a_repeated_token_gives_the_same_endpoint_and_no_second_event(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    first = site.endpoint(service, ClientToken="once")
    assert site.endpoint(service, ClientToken="once") == first
    assert (count(site), site.event_names()) == (1, ["Connect"])
    with pytest.raises(errors.IdempotentParameterMismatch):
        site.endpoint(service, ClientToken="once", PrivateDnsEnabled=False)
    assert site.endpoint(service, ClientToken="twice")["VpcEndpointId"] != first["VpcEndpointId"]


def test_the_token_is_echoed(site: Site) -> None:
    request = {"VpcEndpointType": "Interface", "VpcId": site.vpc(), "ServiceName": site.open_service()["ServiceName"]}
    assert site.ask(create_vpc_endpoint, account=CONSUMER, ClientToken="once", **request)["ClientToken"] == "once"


def test_a_dry_run_leaves_no_endpoint_no_interface_and_no_event(site: Site) -> None:
    service = site.open_service()
    with pytest.raises(errors.DryRunOperation):
        site.endpoint(service, DryRun=True)
    assert (count(site), site.events()) == (0, [])
    assert site.ask(describe_network_interfaces, account=CONSUMER)["NetworkInterfaces"] == []


# --- who may connect ----------------------------------------------------------------------------------------------


def test_a_stranger_is_told_that_there_is_no_such_service(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    service = site.open_service()
    with caplog.at_level("INFO", logger="sidedoor.api"), pytest.raises(errors.ServiceNameInvalid) as refusal:
        site.endpoint(service, account=STRANGER)
    assert refusal.value.message == f"The Vpc Endpoint Service '{service['ServiceName']}' does not exist"
    (record,) = [record for record in caplog.records if getattr(record, "action", "") == "service.hidden"]
    assert f"does not allow {root(STRANGER)} to connect" in record.getMessage()


def test_permission_is_needed_also_where_no_acceptance_is(site: Site) -> None:
    with pytest.raises(errors.ServiceNameInvalid):
        site.endpoint(site.service(AcceptanceRequired=False))


def test_the_owner_connects_to_its_own_service_without_permission_but_with_acceptance(site: Site) -> None:
    endpoint = site.endpoint(site.service(AcceptanceRequired=True), account=PROVIDER)
    assert (endpoint["State"], endpoint["OwnerId"]) == ("pendingAcceptance", PROVIDER)


def test_a_role_connects_in_any_of_its_sessions_and_a_user_only_as_itself(site: Site) -> None:
    service = site.service()
    site.allow(service, f"arn:aws:iam::{CONSUMER}:role/deploy", f"arn:aws:iam::{CONSUMER}:user/alice")
    for caller in (role_session(CONSUMER, "deploy", "a"), role_session(CONSUMER, "deploy", "b"), user(CONSUMER, "alice")):
        assert site.endpoint(service, caller=caller)["State"] == "pending"
    for caller in (role_session(CONSUMER, "other", "a"), user(CONSUMER, "bob"), user(CONSUMER, "deploy")):
        with pytest.raises(errors.ServiceNameInvalid):
            site.endpoint(service, caller=caller)


def test_permission_that_was_taken_away_stops_new_endpoints_and_no_old_one(site: Site) -> None:
    service = site.open_service()
    endpoint = site.available_endpoint(service)
    request = {"ServiceId": service["ServiceId"], "RemoveAllowedPrincipals": [root(CONSUMER)]}
    site.ask(modify_vpc_endpoint_service_permissions, **request)
    with pytest.raises(errors.ServiceNameInvalid):
        site.endpoint(service)
    assert site.described(endpoint)["State"] == "available"


@pytest.mark.parametrize("name", ["com.amazonaws.us-east-1.s3", f"com.amazonaws.vpce.us-east-1.{UNKNOWN_SERVICE}", "nonsense"])
@pytest.mark.parametrize("kind", ["Interface", "Gateway"])
def test_an_unknown_service_is_refused_whatever_the_type(site: Site, name: str, kind: str) -> None:
    with pytest.raises(errors.ServiceNameInvalid, match=re.escape(name)):
        site.endpoint({"ServiceName": name}, VpcEndpointType=kind)


def test_a_services_name_counts_only_with_its_own_region(site: Site) -> None:
    name = site.open_service()["ServiceName"].replace("us-east-1", "eu-west-1")
    with pytest.raises(errors.ServiceNameInvalid):
        site.endpoint({"ServiceName": name})


# --- what it refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, "Gateway", "GatewayLoadBalancer"])
def test_the_type_must_be_given_as_interface(site: Site, kind: str | None) -> None:
    request: dict[str, Any] = {"VpcId": site.vpc(), "ServiceName": site.open_service()["ServiceName"]}
    if kind:
        request["VpcEndpointType"] = kind
    with pytest.raises(errors.InvalidParameter) as refusal:
        site.ask(create_vpc_endpoint, account=CONSUMER, **request)
    assert refusal.value.message == f"Endpoint type ({kind or 'Gateway'}) does not match service type (Interface)."


@pytest.mark.parametrize(
    ("request_part", "message"),
    [
        ({"VpcEndpointType": "Resource"}, "VPC Lattice"),
        ({"VpcEndpointType": "ServiceNetwork"}, "VPC Lattice"),
        ({"ServiceNetworkArn": "arn:aws:vpc-lattice:x"}, "VPC Lattice"),
        ({"ResourceConfigurationArn": "arn:aws:vpc-lattice:x"}, "VPC Lattice"),
        ({"ServiceRegion": "eu-west-1"}, "another Region"),
        ({"IpAddressType": "dualstack"}, "dualstack is not supported"),
        ({"IpAddressType": "ipv6"}, "ipv6 is not supported"),
        ({"DnsOptions": {"DnsRecordIpType": "ipv6"}}, "ipv6 is not supported"),
        ({"DnsOptions": {"PrivateDnsOnlyForInboundResolverEndpoint": True}}, "PrivateDnsOnlyForInboundResolverEndpoint"),
        ({"RouteTableIds": ["rtb-1"]}, "Route table IDs are only supported for Gateway type VPC Endpoint."),
    ],
)
def test_what_sidedoor_does_not_have_is_refused_with_a_sentence(site: Site, request_part: dict[str, Any], message: str) -> None:
    service = site.open_service()
    with pytest.raises(errors.InvalidParameter, match=message):
        site.endpoint(service, **request_part)
    assert count(site) == 0


def test_what_clients_send_without_asking_for_anything_is_taken(site: Site) -> None:
    options = {"DnsRecordIpType": "service-defined", "PrivateDnsOnlyForInboundResolverEndpoint": False}
    request = {"PrivateDnsEnabled": False, "IpAddressType": "ipv4", "ServiceRegion": "us-east-1", "RouteTableIds": []}
    endpoint = site.endpoint(site.open_service(), DnsOptions=options, **request)
    assert endpoint["DnsOptions"] == {"DnsRecordIpType": "service-defined"}


def test_a_type_that_aws_does_not_know_is_an_error_of_its_own(site: Site) -> None:
    with pytest.raises(errors.EndpointTypeInvalid) as refusal:
        site.endpoint(site.open_service(), VpcEndpointType="interface")
    assert refusal.value.code == "InvalidVpcEndpointType"


def test_a_service_name_is_required(site: Site) -> None:
    with pytest.raises(errors.MissingParameter, match="ServiceName"):
        site.endpoint({"ServiceName": ""})


def test_the_vpc_is_looked_for_before_the_service(site: Site) -> None:
    with pytest.raises(errors.VpcNotFound):
        site.endpoint({"ServiceName": "nonsense"}, VpcId="vpc-00000000000000000")


def test_somebody_elses_vpc_subnet_or_group_does_not_exist(site: Site) -> None:
    service = site.open_service()
    with pytest.raises(errors.VpcNotFound):
        site.endpoint(service, VpcId=site.vpc(PROVIDER))
    with pytest.raises(errors.SubnetNotFound):
        site.endpoint(service, SubnetIds=[site.subnet(AZ1, PROVIDER)])
    with pytest.raises(errors.GroupNotFound):
        site.endpoint(service, SecurityGroupIds=[default_group(site, PROVIDER)])


def test_subnets_and_groups_must_be_of_the_endpoints_vpc(site: Site) -> None:
    service = site.open_service()
    other = site.ask(create_vpc, account=CONSUMER, CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    request = {"VpcId": other, "CidrBlock": "10.1.0.0/24", "AvailabilityZoneId": AZ1}
    subnet_id = site.ask(create_subnet, account=CONSUMER, **request)["Subnet"]["SubnetId"]
    with pytest.raises(errors.DifferentNetworks, match=subnet_id):
        site.endpoint(service, SubnetIds=[subnet_id])
    with pytest.raises(errors.DifferentNetworks, match="different networks"):
        site.endpoint(service, VpcId=other, SubnetIds=[subnet_id], SecurityGroupIds=[default_group_of(site, site.vpc())])


def default_group_of(site: Site, vpc_id: str) -> str:
    with site.world.store.read() as tables:
        return tables.security_groups.where(vpc_id=vpc_id)[0].id


def test_a_subnet_outside_the_services_zones_is_refused_in_the_words_of_aws(site: Site) -> None:
    service = site.open_service(site.balancer("front", AZ1, AZ2))
    with pytest.raises(errors.ZoneNotSupported) as refusal:
        site.endpoint(service, AZ1, AZ3)
    assert refusal.value.code == "InvalidParameter"
    assert refusal.value.message == (
        f"The VPC endpoint service {service['ServiceName']} does not support the availability zone of the subnet: "
        f"{site.subnet(AZ3)}."
    )
    assert count(site) == 0


def test_two_subnets_of_one_zone_are_refused(site: Site) -> None:
    service = site.open_service()
    request = {"VpcId": site.vpc(), "CidrBlock": "10.0.200.0/24", "AvailabilityZoneId": AZ1}
    second = site.ask(create_subnet, account=CONSUMER, **request)["Subnet"]["SubnetId"]
    with pytest.raises(errors.DuplicateSubnetsInSameZone) as refusal:
        site.endpoint(service, SubnetIds=[site.subnet(AZ1), second])
    assert refusal.value.message == f"Found another VPC endpoint subnet in the availability zone of {second}"


@pytest.mark.parametrize(
    "policy", ["{", "[]", '"x"', "{}", '{"Statement": "all"}', "[" * 5000, '{"Statement": []}' + " " * 20_480]
)
def test_a_policy_must_be_a_json_object_with_a_statement_and_not_too_long(site: Site, policy: str) -> None:
    service = site.open_service()
    with pytest.raises(errors.PolicyDocumentInvalid) as refusal:
        site.endpoint(service, PolicyDocument=policy)
    assert refusal.value.code == "InvalidPolicyDocument"


def test_a_vpc_has_so_many_endpoints_and_no_more(site: Site) -> None:
    site.world.settings = replace(site.world.settings, endpoints_per_vpc=2)
    service = site.open_service()
    first = site.endpoint(service)
    site.endpoint(service)
    with pytest.raises(errors.EndpointLimitExceeded) as refusal:
        site.endpoint(service)
    assert refusal.value.code == "VpcEndpointLimitExceeded"
    site.delete(first)
    assert site.endpoint(service)["State"] == "pending"


def test_tags_for_another_type_are_refused(site: Site) -> None:
    specification = [{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "a", "Value": "b"}]}]
    with pytest.raises(errors.InvalidParameterValue, match="not a valid taggable resource type"):
        site.endpoint(site.open_service(), TagSpecifications=specification)


# --- which load balancer serves -----------------------------------------------------------------------------------


def test_an_interface_is_served_by_a_load_balancer_that_is_in_its_zone(site: Site) -> None:
    one, two = site.balancer("one", AZ1), site.balancer("two", AZ2)
    endpoint = site.endpoint(site.open_service(one, two), AZ1, AZ2)
    assert [interface.load_balancer_id for interface in site.interfaces(endpoint)] == [one, two]


def test_the_load_balancers_of_one_zone_share_the_endpoints_at_random(site: Site) -> None:
    balancers = [site.balancer(name) for name in ("one", "two")]
    service = site.open_service(*balancers)
    chosen = Counter(site.interfaces(site.endpoint(service))[0].load_balancer_id for _ in range(40))
    assert chosen.keys() == set(balancers)
    assert min(chosen.values()) >= 8

"""Endpoints after their creation: describing, changing and deleting them."""

from __future__ import annotations

from typing import Any

import pytest

from privatelink_site import (
    AZ1,
    AZ2,
    AZ3,
    CONSUMER,
    PROVIDER,
    STRANGER,
    UNKNOWN_ENDPOINT,
    Site,
    filters,
    root,
)
from sidedoor import errors
from sidedoor.endpoints.model import State
from sidedoor.endpoints.operations import (
    delete_vpc_endpoints,
    describe_vpc_endpoint_associations,
    describe_vpc_endpoints,
    modify_vpc_endpoint,
)
from sidedoor.networks.security_groups import create_security_group, describe_security_groups
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc

OPEN_STATES = (State.PENDING_ACCEPTANCE, State.PENDING, State.AVAILABLE)


def ids(site: Site, account: str = CONSUMER, **request: Any) -> list[str]:
    return [one["VpcEndpointId"] for one in site.ask(describe_vpc_endpoints, account=account, **request)["VpcEndpoints"]]


def change(site: Site, endpoint: dict[str, Any], **request: Any) -> dict[str, Any]:
    answer = site.ask(modify_vpc_endpoint, account=CONSUMER, VpcEndpointId=endpoint["VpcEndpointId"], **request)
    assert answer == {"Return": True}
    return site.described(endpoint)


def new_group(site: Site, name: str) -> str:
    request = {"VpcId": site.vpc(), "GroupName": name, "Description": name}
    return str(site.ask(create_security_group, account=CONSUMER, **request)["GroupId"])


def wide_service(site: Site, **request: Any) -> dict[str, Any]:
    """A service in the zones 1 and 2."""
    return site.open_service(site.balancer("front", AZ1, AZ2), **request)


# --- describe -----------------------------------------------------------------------------------------------------


def test_endpoints_are_their_owners_alone(site: Site) -> None:
    endpoint_id = site.endpoint(site.open_service())["VpcEndpointId"]
    assert ids(site) == ids(site, VpcEndpointIds=[endpoint_id]) == [endpoint_id]
    for scope in ({"account": PROVIDER}, {"account": STRANGER}, {"region": "us-east-2"}):
        assert ids(site, **scope) == []
        with pytest.raises(errors.EndpointIdNotFound) as refusal:
            ids(site, **scope, VpcEndpointIds=[endpoint_id])
        assert refusal.value.code == "InvalidVpcEndpointId.NotFound"


def test_a_malformed_endpoint_id_is_told_apart_from_an_unknown_one(site: Site) -> None:
    with pytest.raises(errors.EndpointIdNotFound):
        ids(site, VpcEndpointIds=[UNKNOWN_ENDPOINT])
    with pytest.raises(errors.EndpointIdMalformed) as refusal:
        ids(site, VpcEndpointIds=["endpoint-1"])
    assert refusal.value.code == "InvalidVpcEndpointId.Malformed"


def test_endpoints_are_filtered_by_everything_that_aws_documents(site: Site) -> None:
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "team", "Value": "red"}]}]
    service, other = site.open_service(), site.open_service(site.balancer("other"), AcceptanceRequired=True)
    red, blue = site.endpoint(service, TagSpecifications=tags), site.endpoint(other)
    red_id, blue_id = red["VpcEndpointId"], blue["VpcEndpointId"]

    def found(*some: dict[str, Any]) -> list[str]:
        return ids(site, Filters=list(some))

    assert found(*filters(ip_address_type="ipv4")) == [red_id, blue_id]
    assert found(*filters(service_name=service["ServiceName"])) == [red_id]
    assert found(*filters(service_region="us-east-1")) == [red_id, blue_id]
    assert found(*filters(vpc_id=site.vpc())) == [red_id, blue_id]
    assert found(*filters(vpc_id="vpc-1")) == []
    assert found(*filters(vpc_endpoint_id=f"{blue_id[:-2]}??")) == [blue_id]
    assert found(*filters(vpc_endpoint_state="pending")) == [red_id]
    assert found(*filters(vpc_endpoint_type="Interface")) == [red_id, blue_id]
    assert found(*filters(vpc_endpoint_type="Gateway")) == []
    assert found({"Name": "tag:team", "Values": ["red"]}) == found({"Name": "tag-key", "Values": ["t*"]}) == [red_id]
    with pytest.raises(errors.InvalidFilter):
        found(*filters(service_id=service["ServiceId"]))


@pytest.mark.parametrize("value", ["pendingAcceptance", "PendingAcceptance", "pendingacceptance", "PENDING*"])
def test_the_state_is_filtered_in_any_spelling(site: Site, value: str) -> None:
    endpoint = site.endpoint(site.open_service(AcceptanceRequired=True))
    assert ids(site, Filters=filters(vpc_endpoint_state=value)) == [endpoint["VpcEndpointId"]]
    assert ids(site, Filters=filters(vpc_endpoint_state="available")) == []


def test_endpoints_come_in_pages(site: Site) -> None:
    service = site.open_service()
    made = [site.endpoint(service)["VpcEndpointId"] for _ in range(6)]
    first = site.ask(describe_vpc_endpoints, account=CONSUMER, MaxResults=5)
    second = site.ask(describe_vpc_endpoints, account=CONSUMER, MaxResults=5, NextToken=first["NextToken"])
    assert [one["VpcEndpointId"] for one in (*first["VpcEndpoints"], *second["VpcEndpoints"])] == made
    assert second["NextToken"] is None


def test_a_failed_endpoint_says_why(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    assert not {"LastError", "FailureReason"} & endpoint.keys()
    site.fail(endpoint, "Envoy refused the listener")
    described = site.described(endpoint)
    assert described["State"] == "failed"
    assert described["LastError"] == {"Code": "ProvisioningFailed", "Message": "Envoy refused the listener"}
    assert described["FailureReason"] == "Envoy refused the listener"


def test_an_endpoint_has_no_associations(site: Site) -> None:
    endpoint_id = site.endpoint(site.open_service())["VpcEndpointId"]
    ask = describe_vpc_endpoint_associations
    some = filters(vpc_endpoint_id=endpoint_id, service_network_arn="*")
    answer = site.ask(ask, account=CONSUMER, VpcEndpointIds=[endpoint_id], Filters=some)
    assert answer == {"VpcEndpointAssociations": [], "NextToken": None}
    with pytest.raises(errors.EndpointIdNotFound):
        site.ask(ask, account=STRANGER, VpcEndpointIds=[endpoint_id])
    with pytest.raises(errors.InvalidFilter):
        site.ask(ask, Filters=filters(vpc_id="x"))


# --- modify -------------------------------------------------------------------------------------------------------


def test_a_subnet_is_added_with_an_interface_and_a_name_of_its_own(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1)
    after = change(site, endpoint, AddSubnetIds=[site.subnet(AZ2)])
    assert after["SubnetIds"] == [site.subnet(AZ1), site.subnet(AZ2)]
    assert after["NetworkInterfaceIds"][0] == endpoint["NetworkInterfaceIds"][0]
    assert after["DnsEntries"][:2] == endpoint["DnsEntries"]
    assert "us-east-1b" in after["DnsEntries"][2]["DnsName"]


def test_a_removed_subnet_takes_its_interface_with_it(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1, AZ2)
    after = change(site, endpoint, RemoveSubnetIds=[site.subnet(AZ1)])
    assert (after["SubnetIds"], after["NetworkInterfaceIds"]) == ([site.subnet(AZ2)], endpoint["NetworkInterfaceIds"][1:])
    assert [one.id for one in site.interfaces(endpoint)] == after["NetworkInterfaceIds"]


def test_a_subnet_takes_another_ones_place_in_its_zone(site: Site) -> None:
    endpoint = site.endpoint(site.open_service(), AZ1)
    request = {"VpcId": site.vpc(), "CidrBlock": "10.0.200.0/24", "AvailabilityZoneId": AZ1}
    second = site.ask(create_subnet, account=CONSUMER, **request)["Subnet"]["SubnetId"]
    with pytest.raises(errors.DuplicateSubnetsInSameZone):
        change(site, endpoint, AddSubnetIds=[second])
    assert change(site, endpoint, AddSubnetIds=[second], RemoveSubnetIds=[site.subnet(AZ1)])["SubnetIds"] == [second]


def test_a_subnet_is_not_added_twice(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    with pytest.raises(errors.DuplicateSubnetsInSameZone):
        change(site, endpoint, AddSubnetIds=[site.subnet()])


def test_a_subnet_is_added_only_in_a_zone_of_the_service(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1)
    with pytest.raises(errors.ZoneNotSupported):
        change(site, endpoint, AddSubnetIds=[site.subnet(AZ3)])
    assert site.described(endpoint) == endpoint


@pytest.mark.parametrize(
    "request_part",
    [
        {"RemoveSubnetIds": ["AZ2"]},
        {"SubnetConfigurations": [{"SubnetId": "AZ2", "Ipv4": "10.0.0.9"}]},
        {"RemoveSubnetIds": ["AZ1"], "SubnetConfigurations": [{"SubnetId": "AZ1", "Ipv4": "10.0.0.9"}]},
    ],
)
def test_a_subnet_that_the_endpoint_is_not_in_cannot_be_removed_or_configured(site: Site, request_part: dict[str, Any]) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1)
    places = {"AZ1": site.subnet(AZ1), "AZ2": site.subnet(AZ2)}
    request = {
        name: [places[one] if isinstance(one, str) else {**one, "SubnetId": places[one["SubnetId"]]} for one in values]
        for name, values in request_part.items()
    }
    with pytest.raises(errors.InvalidParameter, match="is not associated"):
        change(site, endpoint, **request)
    assert site.described(endpoint) == endpoint


def test_a_new_address_replaces_the_interface(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1, AZ2)
    first, second = site.interfaces(endpoint)
    address = f"{first.address.rpartition('.')[0]}.99"
    after = change(site, endpoint, SubnetConfigurations=[{"SubnetId": site.subnet(AZ1), "Ipv4": address}])
    interfaces = {one.subnet_id: one for one in site.interfaces(endpoint)}
    assert interfaces[site.subnet(AZ1)].address == address
    assert interfaces[site.subnet(AZ1)].id != first.id
    assert interfaces[site.subnet(AZ2)] == second
    assert dict(zip(after["SubnetIds"], after["NetworkInterfaceIds"], strict=True)) == {
        subnet_id: one.id for subnet_id, one in interfaces.items()
    }


def test_an_added_subnet_can_have_a_chosen_address(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1)
    subnet_id = site.subnet(AZ2)
    with site.world.store.read() as tables:
        address = tables.subnets.where(id=subnet_id)[0].cidr.replace("0/24", "55")
    change(site, endpoint, AddSubnetIds=[subnet_id], SubnetConfigurations=[{"SubnetId": subnet_id, "Ipv4": address}])
    assert {one.subnet_id: one.address for one in site.interfaces(endpoint)}[subnet_id] == address


def test_groups_are_exchanged_on_the_endpoint_and_on_its_interfaces(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1, AZ2)
    default, web = endpoint["Groups"][0]["GroupId"], new_group(site, "web")
    after = change(site, endpoint, AddSecurityGroupIds=[web], RemoveSecurityGroupIds=[default])
    assert after["Groups"] == [{"GroupId": web, "GroupName": "web"}]
    assert [one.group_ids for one in site.interfaces(endpoint)] == [(web,), (web,)]


def test_an_added_subnet_gets_the_groups_of_the_same_request(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site), AZ1)
    default, web = endpoint["Groups"][0]["GroupId"], new_group(site, "web")
    change(site, endpoint, AddSubnetIds=[site.subnet(AZ2)], AddSecurityGroupIds=[web])
    assert [one.group_ids for one in site.interfaces(endpoint)] == [(default, web), (default, web)]


def test_the_last_group_stays_and_only_groups_of_the_vpc_are_added(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    default = endpoint["Groups"][0]["GroupId"]
    with pytest.raises(errors.InvalidParameter, match="last security group"):
        change(site, endpoint, RemoveSecurityGroupIds=[default])
    with pytest.raises(errors.InvalidParameter, match="is not associated"):
        change(site, endpoint, RemoveSecurityGroupIds=[new_group(site, "web")])
    with pytest.raises(errors.GroupNotFound):
        change(site, endpoint, AddSecurityGroupIds=["sg-00000000000000000"])
    other = site.ask(create_vpc, account=CONSUMER, CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    (group,) = site.ask(describe_security_groups, account=CONSUMER, Filters=filters(vpc_id=other))["SecurityGroups"]
    with pytest.raises(errors.DifferentNetworks, match=group["GroupId"]):
        change(site, endpoint, AddSecurityGroupIds=[group["GroupId"]])


def test_the_policy_is_set_and_reset(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    policy = '{"Statement": [{"Effect": "Deny"}]}'
    assert change(site, endpoint, PolicyDocument=policy)["PolicyDocument"] == policy
    assert change(site, endpoint, ResetPolicy=True)["PolicyDocument"] == endpoint["PolicyDocument"]
    with pytest.raises(errors.InvalidParameterCombination):
        change(site, endpoint, PolicyDocument=policy, ResetPolicy=True)
    with pytest.raises(errors.PolicyDocumentInvalid):
        change(site, endpoint, PolicyDocument="{}")


def test_the_dns_record_type_is_changed_and_private_dns_is_refused(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    after = change(site, endpoint, DnsOptions={"DnsRecordIpType": "service-defined"}, PrivateDnsEnabled=False)
    assert after["DnsOptions"] == {"DnsRecordIpType": "service-defined"}
    with pytest.raises(errors.PrivateDnsNotProvided, match="Private DNS can't be enabled"):
        change(site, endpoint, PrivateDnsEnabled=True)


@pytest.mark.parametrize(
    ("request_part", "message"),
    [
        ({"AddRouteTableIds": ["rtb-1"]}, "Route table IDs are only supported"),
        ({"RemoveRouteTableIds": ["rtb-1"]}, "Route table IDs are only supported"),
        ({"IpAddressType": "ipv6"}, "ipv6"),
        ({"DnsOptions": {"DnsRecordIpType": "dualstack"}}, "dualstack"),
    ],
)
def test_a_change_to_what_sidedoor_does_not_have_is_refused(site: Site, request_part: dict[str, Any], message: str) -> None:
    endpoint = site.endpoint(site.open_service())
    with pytest.raises(errors.InvalidParameter, match=message):
        change(site, endpoint, **request_part)


def test_an_available_endpoint_that_is_changed_is_pending_until_the_agent_has_followed(site: Site) -> None:
    endpoint = site.available_endpoint(wide_service(site), AZ1)
    before = site.record(endpoint).generation
    assert change(site, endpoint, AddSubnetIds=[site.subnet(AZ2)])["State"] == "pending"
    assert site.record(endpoint).generation == before + 1
    site.provision(endpoint)
    assert site.described(endpoint)["State"] == "available"


def test_a_request_that_changes_nothing_leaves_the_endpoint_available(site: Site) -> None:
    endpoint = site.available_endpoint(site.open_service())
    record = site.record(endpoint)
    assert change(site, endpoint)["State"] == "available"
    assert change(site, endpoint, PrivateDnsEnabled=False, IpAddressType="ipv4")["State"] == "available"
    assert site.record(endpoint) == record


def test_an_endpoint_that_waits_for_acceptance_goes_on_waiting_when_it_is_changed(site: Site) -> None:
    endpoint = site.endpoint(wide_service(site, AcceptanceRequired=True), AZ1)
    assert change(site, endpoint, AddSubnetIds=[site.subnet(AZ2)])["State"] == "pendingAcceptance"


@pytest.mark.parametrize("state", [state for state in State if state not in OPEN_STATES])
def test_an_endpoint_that_was_rejected_or_has_ended_is_not_changed(site: Site, state: State) -> None:
    endpoint = site.endpoint(site.open_service())
    site.put(endpoint, state=state)
    with pytest.raises(errors.InvalidState, match=f"'{state}'") as refusal:
        change(site, endpoint, ResetPolicy=True)
    assert refusal.value.code == "InvalidState"


def test_only_the_owner_changes_an_endpoint(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    with pytest.raises(errors.EndpointIdNotFound):
        site.ask(modify_vpc_endpoint, account=PROVIDER, VpcEndpointId=endpoint["VpcEndpointId"], ResetPolicy=True)


# --- delete -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in State if state not in (State.DELETING, State.DELETED)])
def test_an_endpoint_is_deleted_in_every_state_and_stays_until_the_agent_has_removed_it(site: Site, state: State) -> None:
    endpoint = site.endpoint(site.open_service())
    site.put(endpoint, state=state)
    assert site.delete(endpoint) == []
    assert site.described(endpoint)["State"] == "deleting"
    assert len(site.interfaces(endpoint)) == 1
    assert site.remove(endpoint)
    assert ids(site) == []
    assert site.interfaces(endpoint) == []


def test_deleting_tells_the_service_owner_once(site: Site) -> None:
    endpoint = site.endpoint(site.open_service(AcceptanceRequired=True))
    site.delete(endpoint)
    assert site.delete(endpoint) == []
    assert site.event_names() == ["Connect", "Delete"]
    assert site.events()[1].body["vpcEndpointState"] == "deleting"


def test_endpoints_are_deleted_one_by_one_and_what_fails_is_listed(site: Site) -> None:
    endpoint_id = site.endpoint(site.open_service())["VpcEndpointId"]
    asked = [UNKNOWN_ENDPOINT, endpoint_id, endpoint_id]
    unsuccessful = site.ask(delete_vpc_endpoints, account=CONSUMER, VpcEndpointIds=asked)["Unsuccessful"]
    message = f"The Vpc Endpoint Id '{UNKNOWN_ENDPOINT}' does not exist"
    error = {"Code": "InvalidVpcEndpoint.NotFound", "Message": message}
    assert unsuccessful == [{"ResourceId": UNKNOWN_ENDPOINT, "Error": error}]
    assert site.ask(describe_vpc_endpoints, account=CONSUMER)["VpcEndpoints"][0]["State"] == "deleting"


@pytest.mark.parametrize("account", [PROVIDER, STRANGER])
def test_nobody_but_the_consumer_deletes_an_endpoint(site: Site, account: str) -> None:
    endpoint = site.endpoint(site.open_service())
    (item,) = site.delete(endpoint, account=account)
    assert item["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
    assert site.described(endpoint) == endpoint


def test_an_endpoint_outlives_its_service_and_is_deleted_without_an_event(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    site.reject(service, endpoint)
    site.delete_service(service)
    assert site.described(endpoint)["ServiceName"] == service["ServiceName"]
    assert site.delete(endpoint) == []
    assert site.event_names() == ["Connect", "Reject"]
    assert site.remove(endpoint)


def test_a_dry_run_deletes_nothing(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    with pytest.raises(errors.DryRunOperation):
        site.ask(delete_vpc_endpoints, account=CONSUMER, VpcEndpointIds=[endpoint["VpcEndpointId"]], DryRun=True)
    assert site.described(endpoint) == endpoint


def test_two_consumers_with_the_same_block_do_not_see_each_other(site: Site) -> None:
    service = site.open_service()
    site.allow(service, root(STRANGER))
    mine, theirs = site.endpoint(service), site.endpoint(service, account=STRANGER)
    assert ids(site) == [mine["VpcEndpointId"]]
    assert ids(site, STRANGER) == [theirs["VpcEndpointId"]]

"""The provider's view of connections: accepting, rejecting and describing them."""

from __future__ import annotations

from typing import Any

import pytest

from privatelink_site import (
    AZ1,
    AZ2,
    CONSUMER,
    PROVIDER,
    STRANGER,
    UNKNOWN_ENDPOINT,
    UNKNOWN_SERVICE,
    Site,
    filters,
    root,
)
from sidedoor import errors
from sidedoor.connections import (
    accept_vpc_endpoint_connections,
    describe_vpc_endpoint_connections,
    modify_vpc_endpoint_payer_responsibility,
    reject_vpc_endpoint_connections,
)
from sidedoor.endpoints.model import TRANSITIONS, Event, State
from sidedoor.services.operations import modify_vpc_endpoint_service_configuration
from sidedoor.services.permissions import modify_vpc_endpoint_service_permissions
from sidedoor.tags import create_tags

accept, reject, describe = (
    accept_vpc_endpoint_connections,
    reject_vpc_endpoint_connections,
    describe_vpc_endpoint_connections,
)
DECISIONS = {accept: (Event.ACCEPTED, "Accept"), reject: (Event.REJECTED, "Reject")}


@pytest.fixture
def site(world: Any) -> Site:
    return Site(world)


def asking_service(site: Site, *balancers: str) -> dict[str, Any]:
    """A service that accepts each connection itself."""
    return site.open_service(*balancers, AcceptanceRequired=True)


def ids(site: Site, **request: Any) -> list[str]:
    return [one["VpcEndpointId"] for one in site.ask(describe, **request)["VpcEndpointConnections"]]


# --- accept and reject --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", list(DECISIONS), ids=["accept", "reject"])
@pytest.mark.parametrize("state", list(State))
def test_a_decision_leads_where_the_table_says_or_is_listed_as_unsuccessful(site: Site, operation: Any, state: State) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    site.put(endpoint, state=state)
    endpoint_id = endpoint["VpcEndpointId"]
    event, _ = DECISIONS[operation]
    answer = site.ask(operation, ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint_id])
    if event in TRANSITIONS[state]:
        assert answer == {"Unsuccessful": []}
        assert site.state(endpoint) is TRANSITIONS[state][event]
    else:
        message = f"The resource {endpoint_id} is in the state '{state}', in which this is not possible"
        assert answer["Unsuccessful"] == [{"ResourceId": endpoint_id, "Error": {"Code": "InvalidState", "Message": message}}]
        assert site.state(endpoint) is state


@pytest.mark.parametrize("operation", list(DECISIONS), ids=["accept", "reject"])
def test_a_decision_is_told_once(site: Site, operation: Any) -> None:
    service = asking_service(site)
    endpoint_id = site.endpoint(service)["VpcEndpointId"]
    for _ in range(2):
        request = {"ServiceId": service["ServiceId"], "VpcEndpointIds": [endpoint_id, endpoint_id]}
        assert site.ask(operation, **request) == {"Unsuccessful": []}
    assert site.event_names() == ["Connect", DECISIONS[operation][1]]
    event = site.events()[1]
    assert (event.account, event.endpoint_id, event.body["vpcEndpointOwner"]) == (PROVIDER, endpoint_id, CONSUMER)


def test_an_endpoint_is_rejected_after_it_was_available_and_accepted_again(site: Site) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    site.accept(service, endpoint)
    site.provision(endpoint)
    assert site.state(endpoint) is State.AVAILABLE
    site.reject(service, endpoint)
    assert site.state(endpoint) is State.REJECTED
    site.accept(service, endpoint)
    assert site.state(endpoint) is State.PENDING
    site.provision(endpoint)
    assert site.state(endpoint) is State.AVAILABLE
    assert site.event_names() == ["Connect", "Accept", "Reject", "Accept"]


def test_a_decision_keeps_the_interfaces_and_their_addresses(site: Site) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    before = site.interfaces(endpoint)
    site.accept(service, endpoint)
    site.reject(service, endpoint)
    site.accept(service, endpoint)
    assert site.interfaces(endpoint) == before


def test_several_endpoints_are_decided_one_by_one(site: Site) -> None:
    service, other = asking_service(site), asking_service(site, site.balancer("other"))
    endpoint, elsewhere, gone = site.endpoint(service), site.endpoint(other), site.endpoint(service)
    site.delete(gone)
    ids = [UNKNOWN_ENDPOINT, *(one["VpcEndpointId"] for one in (elsewhere, gone, endpoint))]
    items = site.ask(accept, ServiceId=service["ServiceId"], VpcEndpointIds=ids)["Unsuccessful"]
    assert [(one["ResourceId"], one["Error"]["Code"]) for one in items] == [
        (UNKNOWN_ENDPOINT, "InvalidVpcEndpoint.NotFound"),
        (elsewhere["VpcEndpointId"], "InvalidVpcEndpoint.NotFound"),
        (gone["VpcEndpointId"], "InvalidState"),
    ]
    assert (site.state(endpoint), site.state(elsewhere)) == (State.PENDING, State.PENDING_ACCEPTANCE)


@pytest.mark.parametrize("operation", list(DECISIONS), ids=["accept", "reject"])
@pytest.mark.parametrize("scope", [{"account": CONSUMER}, {"account": STRANGER}, {"region": "us-east-2"}])
def test_only_the_owner_of_the_service_decides(site: Site, operation: Any, scope: dict[str, str]) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    with pytest.raises(errors.ServiceIdNotFound):
        site.ask(operation, ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint["VpcEndpointId"]], **scope)
    assert site.state(endpoint) is State.PENDING_ACCEPTANCE


@pytest.mark.parametrize("operation", list(DECISIONS), ids=["accept", "reject"])
def test_an_unknown_service_fails_the_whole_call(site: Site, operation: Any) -> None:
    with pytest.raises(errors.ServiceIdNotFound):
        site.ask(operation, ServiceId=UNKNOWN_SERVICE, VpcEndpointIds=[UNKNOWN_ENDPOINT])


@pytest.mark.parametrize("operation", list(DECISIONS), ids=["accept", "reject"])
def test_a_dry_run_decides_nothing(site: Site, operation: Any) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    with pytest.raises(errors.DryRunOperation):
        site.ask(operation, ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint["VpcEndpointId"]], DryRun=True)
    assert (site.state(endpoint), site.event_names()) == (State.PENDING_ACCEPTANCE, ["Connect"])


def test_transit_gateway_attachments_are_refused(site: Site) -> None:
    service = asking_service(site)
    with pytest.raises(errors.InvalidParameter, match="Transit gateway attachments"):
        site.ask(accept, ServiceId=service["ServiceId"], VpcEndpointIds=[], TransitGatewayAttachmentIds=["tgw-attach-1"])


def test_a_request_without_permission_any_more_can_still_be_accepted(site: Site) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    request = {"ServiceId": service["ServiceId"], "RemoveAllowedPrincipals": [root(CONSUMER)]}
    site.ask(modify_vpc_endpoint_service_permissions, **request)
    assert site.accept(service, endpoint) == []


# --- the load balancer behind a connection that is accepted again -------------------------------------------------


def exchange(site: Site, service: dict[str, Any], new: str) -> None:
    """Puts ``new`` in the place of all of the service's load balancers."""
    site.ask(
        modify_vpc_endpoint_service_configuration, ServiceId=service["ServiceId"], AddNetworkLoadBalancerArns=[new],
        RemoveNetworkLoadBalancerArns=site.described_service(service)["NetworkLoadBalancerArns"],
    )  # fmt: skip


def test_an_endpoint_that_is_accepted_again_gets_a_load_balancer_that_the_service_still_has(site: Site) -> None:
    old, new = site.balancer("old", AZ1, AZ2), site.balancer("new", AZ1, AZ2)
    service = asking_service(site, old)
    endpoint = site.endpoint(service, AZ1, AZ2)
    site.reject(service, endpoint)
    exchange(site, service, new)
    before = site.interfaces(endpoint)
    assert site.accept(service, endpoint) == []
    after = site.interfaces(endpoint)
    assert [one.load_balancer_id for one in after] == [new, new]
    assert [(one.id, one.address) for one in after] == [(one.id, one.address) for one in before]


def test_an_endpoint_is_not_accepted_where_no_load_balancer_is_left_in_its_zone(site: Site) -> None:
    old, new = site.balancer("old", AZ1), site.balancer("new", AZ2)
    service = asking_service(site, old)
    endpoint = site.endpoint(service, AZ1)
    site.reject(service, endpoint)
    exchange(site, service, new)
    (item,) = site.accept(service, endpoint)
    assert item["Error"]["Code"] == "InvalidParameter"
    assert "does not support the availability zone of the subnet" in item["Error"]["Message"]
    assert site.state(endpoint) is State.REJECTED
    assert [one.load_balancer_id for one in site.interfaces(endpoint)] == [old]


# --- describe -----------------------------------------------------------------------------------------------------


def test_a_connection_is_described_with_everything_that_aws_tells_of_it(site: Site) -> None:
    service = asking_service(site, site.balancer("front", AZ1, AZ2))
    endpoint = site.endpoint(service, AZ1, AZ2)
    (connection,) = site.ask(describe)["VpcEndpointConnections"]
    assert connection == {
        "VpcEndpointId": endpoint["VpcEndpointId"],
        "ServiceId": service["ServiceId"],
        "CreationTimestamp": endpoint["CreationTimestamp"],
        "VpcEndpointState": "pendingAcceptance",
        "VpcEndpointOwner": CONSUMER,
        "DnsEntries": endpoint["DnsEntries"],
        "NetworkLoadBalancerArns": service["NetworkLoadBalancerArns"],
        "IpAddressType": "ipv4",
        "VpcEndpointConnectionId": connection["VpcEndpointConnectionId"],
        "VpcEndpointRegion": "us-east-1",
        "Tags": [],
    }
    assert connection["VpcEndpointConnectionId"].startswith("vpce-con-")


def test_the_zones_in_a_connections_names_are_the_consumers(site: Site) -> None:
    service = asking_service(site)
    site.endpoint(service)
    (connection,) = site.ask(describe)["VpcEndpointConnections"]
    assert "-us-east-1a." in connection["DnsEntries"][1]["DnsName"]
    assert service["AvailabilityZones"] == ["us-east-1d"]


def test_connections_are_shown_to_the_owner_of_the_service_alone(site: Site) -> None:
    endpoint = site.endpoint(asking_service(site))
    assert ids(site) == [endpoint["VpcEndpointId"]]
    for scope in ({"account": CONSUMER}, {"account": STRANGER}, {"region": "us-east-2"}):
        assert ids(site, **scope) == []


def test_connections_are_filtered_by_everything_that_aws_documents(site: Site) -> None:
    first, second = asking_service(site), site.open_service(site.balancer("second"))
    site.allow(second, root(STRANGER))
    mine, theirs = site.endpoint(first), site.endpoint(second, account=STRANGER)
    mine_id, theirs_id = mine["VpcEndpointId"], theirs["VpcEndpointId"]

    def found(**values: Any) -> list[str]:
        return ids(site, Filters=filters(**values))

    assert found(ip_address_type="ipv4") == [mine_id, theirs_id]
    assert found(service_id=first["ServiceId"]) == [mine_id]
    assert found(vpc_endpoint_owner=STRANGER) == [theirs_id]
    assert found(vpc_endpoint_region="us-east-1") == [mine_id, theirs_id]
    assert found(vpc_endpoint_state="pendingAcceptance") == found(vpc_endpoint_state="PendingAcceptance") == [mine_id]
    assert found(vpc_endpoint_state=["pending", "available"]) == [theirs_id]
    assert found(vpc_endpoint_id=theirs_id) == [theirs_id]
    assert found(transit_gateway_attachment_id="*") == []
    assert found(service_id=first["ServiceId"], vpc_endpoint_owner=STRANGER) == []
    with pytest.raises(errors.InvalidFilter):
        found(vpc_id="x")


def test_a_state_is_found_in_any_case_and_by_a_wildcard_and_only_in_services_of_ones_own(site: Site) -> None:
    mine, other = site.open_service(AcceptanceRequired=True), site.open_service(site.balancer("other"), AcceptanceRequired=True)
    waiting, rejected = site.endpoint(mine), site.endpoint(other)
    site.reject(other, rejected)

    def found(**named: Any) -> list[str]:
        answer = site.ask(describe_vpc_endpoint_connections, Filters=filters(**named))
        return [one["VpcEndpointId"] for one in answer["VpcEndpointConnections"]]

    assert found(vpc_endpoint_state="PendingAcceptance") == [waiting["VpcEndpointId"]]
    assert found(vpc_endpoint_state=["rejected", "available"]) == [rejected["VpcEndpointId"]]
    assert found(vpc_endpoint_state="*e*ed") == [rejected["VpcEndpointId"]]
    assert found(vpc_endpoint_state="nonsense") == found(service_id=UNKNOWN_SERVICE) == []
    assert found(vpc_endpoint_owner=CONSUMER, service_id=mine["ServiceId"]) == [waiting["VpcEndpointId"]]
    assert found(vpc_endpoint_owner=PROVIDER) == []


def test_connections_come_in_pages(site: Site) -> None:
    service = asking_service(site)
    made = [site.endpoint(service)["VpcEndpointId"] for _ in range(6)]
    first = site.ask(describe, MaxResults=5)
    second = site.ask(describe, MaxResults=5, NextToken=first["NextToken"])
    assert [one["VpcEndpointId"] for one in (*first["VpcEndpointConnections"], *second["VpcEndpointConnections"])] == made


def test_a_connection_disappears_with_its_endpoint(site: Site) -> None:
    endpoint = site.endpoint(asking_service(site))
    site.delete(endpoint)
    (connection,) = site.ask(describe)["VpcEndpointConnections"]
    assert connection["VpcEndpointState"] == "deleting"
    site.remove(endpoint)
    assert ids(site) == []


def test_a_connections_tags_are_the_providers_and_the_endpoints_the_consumers(site: Site) -> None:
    endpoint = site.endpoint(asking_service(site))
    (connection,) = site.ask(describe)["VpcEndpointConnections"]
    theirs, mine = [{"Key": "team", "Value": "red"}], [{"Key": "customer", "Value": "7"}]
    site.ask(create_tags, account=CONSUMER, Resources=[endpoint["VpcEndpointId"]], Tags=theirs)
    site.ask(create_tags, account=PROVIDER, Resources=[connection["VpcEndpointConnectionId"]], Tags=mine)
    assert site.ask(describe)["VpcEndpointConnections"] == [{**connection, "Tags": mine}]
    assert site.described(endpoint) == {**endpoint, "Tags": theirs}


# --- who pays -----------------------------------------------------------------------------------------------------


def pay(site: Site, endpoint: dict[str, Any], payer: str = "vpc-endpoint-service-account", **request: Any) -> dict[str, Any]:
    request = {"Scope": "vpc-endpoint-charges", **request}
    ask = modify_vpc_endpoint_payer_responsibility
    return site.ask(ask, VpcEndpointId=endpoint["VpcEndpointId"], PayerResponsibility=payer, **request)


def test_the_service_owner_takes_an_endpoints_charges_on_itself_and_gives_them_back(site: Site) -> None:
    endpoint = site.endpoint(asking_service(site))
    for payer in ("vpc-endpoint-service-account", "vpc-endpoint-account"):
        shown = {"PayerResponsibilities": [{"Scope": "vpc-endpoint-charges", "PayerResponsibilityType": payer}]}
        assert pay(site, endpoint, payer) == {"VpcEndpointId": endpoint["VpcEndpointId"], **shown}
        assert site.described(endpoint) == {**endpoint, **shown}
        (connection,) = site.ask(describe)["VpcEndpointConnections"]
        assert shown.items() <= connection.items()


def test_nobody_makes_another_account_pay(site: Site) -> None:
    endpoint = site.endpoint(asking_service(site))
    for account in (CONSUMER, STRANGER):
        with pytest.raises(errors.EndpointIdNotFound):
            pay(site, endpoint, account=account)
    with pytest.raises(errors.EndpointIdNotFound):
        pay(site, {"VpcEndpointId": UNKNOWN_ENDPOINT})


def test_scope_payer_and_service_are_held_to_what_there_is(site: Site) -> None:
    service = asking_service(site)
    endpoint = site.endpoint(service)
    with pytest.raises(errors.InvalidParameterValue, match="Scope"):
        pay(site, endpoint, Scope="resource-gateway-charges")
    with pytest.raises(errors.InvalidParameterValue, match="PayerResponsibility"):
        pay(site, endpoint, "resource-gateway-account")
    with pytest.raises(errors.InvalidParameter, match="is not connected to"):
        pay(site, endpoint, ServiceId=UNKNOWN_SERVICE)
    assert pay(site, endpoint, ServiceId=service["ServiceId"])["VpcEndpointId"] == endpoint["VpcEndpointId"]

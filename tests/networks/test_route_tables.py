"""Route tables: the main one of each VPC, routes and their targets, and what a table is for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.interfaces import create_network_interface, delete_network_interface
from sidedoor.networks.internet_gateways import attach_internet_gateway, create_internet_gateway, detach_internet_gateway
from sidedoor.networks.model import Attachment
from sidedoor.networks.route_tables import (
    associate_route_table,
    create_route_table,
    delete_route_table,
    describe_route_tables,
    disassociate_route_table,
    replace_route_table_association,
)
from sidedoor.networks.routes import MOST_ROUTES, create_route, delete_route, replace_route
from sidedoor.networks.subnets import create_subnet, delete_subnet
from sidedoor.networks.vpcs import create_vpc, delete_vpc

CONSUMER = "222222222222"
EVERYWHERE = "0.0.0.0/0"


@pytest.fixture
def vpc_id(world: Any) -> str:
    return new_vpc(world)


@pytest.fixture
def table_id(world: Any, vpc_id: str) -> str:
    return str(world.ask(create_route_table, VpcId=vpc_id)["RouteTable"]["RouteTableId"])


def new_vpc(world: Any, cidr: str = "10.0.0.0/16") -> str:
    return str(world.ask(create_vpc, CidrBlock=cidr)["Vpc"]["VpcId"])


def new_subnet(world: Any, vpc_id: str, cidr: str = "10.0.0.0/24") -> str:
    return str(world.ask(create_subnet, VpcId=vpc_id, CidrBlock=cidr)["Subnet"]["SubnetId"])


def new_interface(world: Any, vpc_id: str) -> str:
    subnet_id = new_subnet(world, vpc_id)
    return str(world.ask(create_network_interface, SubnetId=subnet_id)["NetworkInterface"]["NetworkInterfaceId"])


def new_gateway(world: Any, vpc_id: str | None = None) -> str:
    gateway_id = str(world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"])
    if vpc_id:
        world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    return gateway_id


def find(world: Any, *filters: tuple[str, str], **more: Any) -> list[Any]:
    asked = [{"Name": name, "Values": [value]} for name, value in filters]
    return list(world.ask(describe_route_tables, Filters=asked, **more)["RouteTables"])


def main_table(world: Any, vpc_id: str) -> Any:
    (table,) = find(world, ("association.main", "true"), ("vpc-id", vpc_id))
    return table


def routes_of(world: Any, table_id: str) -> list[Any]:
    (table,) = world.ask(describe_route_tables, RouteTableIds=[table_id])["RouteTables"]
    return list(table["Routes"])


def test_a_vpc_is_born_with_a_main_table_that_keeps_its_own_traffic(world: Any, vpc_id: str) -> None:
    table = main_table(world, vpc_id)
    assert table["Routes"] == [
        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
    ]
    (association,) = table["Associations"]
    assert (association["Main"], association["AssociationState"]) == (True, {"State": "associated"})
    assert "SubnetId" not in association


def test_a_deleted_vpc_takes_its_main_table_along(world: Any, vpc_id: str) -> None:
    world.ask(delete_vpc, VpcId=vpc_id)
    assert find(world) == []
    with world.store.read() as tables:
        assert tables.route_table_associations.where() == []


def test_another_table_keeps_a_vpc_from_going(world: Any, vpc_id: str, table_id: str) -> None:
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_vpc, VpcId=vpc_id)
    world.ask(delete_route_table, RouteTableId=table_id)
    world.ask(delete_vpc, VpcId=vpc_id)


def test_a_table_is_described_as_it_was_created(world: Any, vpc_id: str) -> None:
    tags = [{"ResourceType": "route-table", "Tags": [{"Key": "Name", "Value": "private"}]}]
    created = world.ask(create_route_table, VpcId=vpc_id, TagSpecifications=tags)["RouteTable"]
    assert find(world, ("tag:Name", "private")) == [created]
    assert [route["GatewayId"] for route in created["Routes"]] == ["local"]
    assert (created["Associations"], created["PropagatingVgws"]) == ([], [])


def test_a_client_token_makes_one_table(world: Any, vpc_id: str) -> None:
    first = world.ask(create_route_table, VpcId=vpc_id, ClientToken="once")
    assert world.ask(create_route_table, VpcId=vpc_id, ClientToken="once") == first
    assert len(find(world, ("vpc-id", vpc_id))) == 2


def test_another_accounts_table_does_not_exist(world: Any, table_id: str) -> None:
    for operation in (delete_route_table, associate_route_table):
        with pytest.raises(errors.RouteTableNotFound):
            world.ask(operation, account=CONSUMER, RouteTableId=table_id, SubnetId="subnet-1")
    with pytest.raises(errors.RouteTableIdMalformed):
        world.ask(describe_route_tables, RouteTableIds=["vpc-1"])


# --- routes -------------------------------------------------------------------------------------------------------


def test_a_route_leads_to_the_gateway_of_its_vpc(world: Any, vpc_id: str, table_id: str) -> None:
    gateway_id = new_gateway(world, vpc_id)
    route = {"RouteTableId": table_id, "DestinationCidrBlock": EVERYWHERE, "GatewayId": gateway_id}
    assert world.ask(create_route, **route) == {"Return": True}
    assert routes_of(world, table_id)[1] == {
        "DestinationCidrBlock": EVERYWHERE, "GatewayId": gateway_id, "Origin": "CreateRoute", "State": "active"
    }  # fmt: skip
    with pytest.raises(errors.RouteAlreadyExists, match=r"0\.0\.0\.0/0 already exists"):
        world.ask(create_route, **route)


def test_a_route_to_what_is_gone_is_a_black_hole(world: Any, vpc_id: str, table_id: str) -> None:
    gateway_id, interface_id = new_gateway(world, vpc_id), new_interface(world, vpc_id)
    world.ask(create_route, RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, GatewayId=gateway_id)
    world.ask(create_route, RouteTableId=table_id, DestinationCidrBlock="192.168.0.0/16", NetworkInterfaceId=interface_id)
    assert [route["State"] for route in routes_of(world, table_id)] == ["active", "active", "active"]
    world.ask(detach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    world.ask(delete_network_interface, NetworkInterfaceId=interface_id)
    assert [route["State"] for route in routes_of(world, table_id)] == ["active", "blackhole", "blackhole"]
    assert len(find(world, ("route.state", "blackhole"))) == 1


def test_a_route_to_an_instance_leads_to_its_interface_while_it_runs(world: Any, vpc_id: str, table_id: str) -> None:
    interface_id = new_interface(world, vpc_id)
    attachment = Attachment(id="eni-attach-1", instance_id="i-1", attached=world.now)
    attach(world, interface_id, attachment)
    world.ask(create_route, RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, InstanceId="i-1")
    route = {
        "DestinationCidrBlock": EVERYWHERE, "InstanceId": "i-1", "InstanceOwnerId": "111111111111",
        "NetworkInterfaceId": interface_id, "Origin": "CreateRoute",
    }  # fmt: skip
    assert routes_of(world, table_id)[1] == {**route, "State": "active"}
    attach(world, interface_id, replace(attachment, running=False))
    assert routes_of(world, table_id)[1] == {**route, "State": "blackhole"}


def attach(world: Any, interface_id: str, attachment: Attachment) -> None:
    with world.store.write() as tables:
        interface = tables.interfaces.find(interface_id)
        tables.interfaces.update(interface, replace(interface, attachment=attachment))


@pytest.mark.parametrize(
    ("given", "kept"), [("100.68.0.18/18", "100.68.0.0/18"), ("2001:DB8::1/32", "2001:db8::/32"), ("::/0", "::/0")]
)
def test_a_destination_is_kept_in_its_canonical_form(world: Any, vpc_id: str, table_id: str, given: str, kept: str) -> None:
    member = "DestinationIpv6CidrBlock" if ":" in given else "DestinationCidrBlock"
    world.ask(create_route, RouteTableId=table_id, GatewayId=new_gateway(world, vpc_id), **{member: given})
    assert routes_of(world, table_id)[1][member] == kept
    world.ask(delete_route, RouteTableId=table_id, **{member: given})
    assert len(routes_of(world, table_id)) == 1


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"DestinationCidrBlock": EVERYWHERE}, errors.MissingParameter),
        ({"GatewayId": "igw-1"}, errors.MissingParameter),
        ({"DestinationCidrBlock": EVERYWHERE, "GatewayId": "igw-1", "InstanceId": "i-1"}, errors.InvalidParameterCombination),
        ({"DestinationCidrBlock": EVERYWHERE, "DestinationIpv6CidrBlock": "::/0"}, errors.InvalidParameterCombination),
        ({"DestinationCidrBlock": "everywhere", "GatewayId": "igw-1"}, errors.InvalidParameterValue),
        ({"DestinationCidrBlock": EVERYWHERE, "GatewayId": "igw-1"}, errors.InternetGatewayNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "GatewayId": "vgw-1"}, errors.GatewayNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "InstanceId": "i-1"}, errors.InstanceNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "NetworkInterfaceId": "eni-1"}, errors.InterfaceNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "NatGatewayId": "nat-1"}, errors.NatGatewayNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "TransitGatewayId": "tgw-1"}, errors.TransitGatewayNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "VpcPeeringConnectionId": "pcx-1"}, errors.PeeringNotFound),
        ({"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}, errors.GatewayNotFound),
        ({"DestinationPrefixListId": "pl-1", "GatewayId": "igw-1"}, errors.PrefixListNotFound),
        ({"DestinationCidrBlock": EVERYWHERE, "VpcEndpointId": "vpce-1"}, errors.UnsupportedOperation),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(
    world: Any, table_id: str, asked: dict[str, Any], error: type[errors.ApiError]
) -> None:
    with pytest.raises(error):
        world.ask(create_route, RouteTableId=table_id, **asked)
    assert len(routes_of(world, table_id)) == 1


def test_a_target_stands_in_the_vpc_of_the_table(world: Any, table_id: str) -> None:
    elsewhere = new_vpc(world)
    for target in (
        {"GatewayId": new_gateway(world, elsewhere)},
        {"GatewayId": new_gateway(world)},
        {"NetworkInterfaceId": new_interface(world, elsewhere)},
    ):
        with pytest.raises(errors.InvalidParameterValue, match="belong to different networks"):
            world.ask(create_route, RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, **target)


def test_what_is_inside_the_vpc_does_not_leave_by_a_gateway(world: Any, vpc_id: str, table_id: str) -> None:
    asked = {"RouteTableId": table_id, "DestinationCidrBlock": "10.0.7.0/24"}
    with pytest.raises(errors.InvalidParameterValue, match="equal to or more specific"):
        world.ask(create_route, **asked, GatewayId=new_gateway(world, vpc_id))
    world.ask(create_route, **asked, NetworkInterfaceId=new_interface(world, vpc_id))


def test_a_replaced_route_leads_elsewhere(world: Any, vpc_id: str, table_id: str) -> None:
    asked = {"RouteTableId": table_id, "DestinationCidrBlock": EVERYWHERE}
    interface_id = new_interface(world, vpc_id)
    with pytest.raises(errors.InvalidParameterValue, match="Use CreateRoute instead"):
        world.ask(replace_route, **asked, NetworkInterfaceId=interface_id)
    world.ask(create_route, **asked, GatewayId=new_gateway(world, vpc_id))
    world.ask(replace_route, **asked, NetworkInterfaceId=interface_id)
    route = routes_of(world, table_id)[1]
    assert route["NetworkInterfaceId"] == interface_id
    assert "GatewayId" not in route
    with pytest.raises(errors.InvalidParameterValue, match="LocalTarget"):
        world.ask(replace_route, **asked, LocalTarget=True)


def test_the_local_route_stays_and_can_be_set_back(world: Any, vpc_id: str, table_id: str) -> None:
    local = {"RouteTableId": table_id, "DestinationCidrBlock": "10.0.0.0/16"}
    with pytest.raises(errors.InvalidParameterValue, match="cannot remove local route"):
        world.ask(delete_route, **local)
    world.ask(replace_route, **local, NetworkInterfaceId=new_interface(world, vpc_id))
    assert "GatewayId" not in routes_of(world, table_id)[0]
    world.ask(replace_route, **local, LocalTarget=True)
    assert routes_of(world, table_id)[0]["GatewayId"] == "local"


def test_what_is_not_there_cannot_be_deleted(world: Any, table_id: str) -> None:
    with pytest.raises(errors.RouteNotFound, match=table_id):
        world.ask(delete_route, RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE)
    with pytest.raises(errors.RouteTableNotFound):
        world.ask(delete_route, RouteTableId="rtb-0123456789abcdef0", DestinationCidrBlock=EVERYWHERE)


def test_a_table_has_so_many_routes_and_no_more(world: Any, vpc_id: str, table_id: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("sidedoor.networks.routes.MOST_ROUTES", 3)
    gateway_id = new_gateway(world, vpc_id)
    for number in range(2):
        world.ask(create_route, RouteTableId=table_id, DestinationCidrBlock=f"192.168.{number}.0/24", GatewayId=gateway_id)
    with pytest.raises(errors.RouteLimitExceeded):
        world.ask(create_route, RouteTableId=table_id, DestinationCidrBlock="192.168.9.0/24", GatewayId=gateway_id)
    assert MOST_ROUTES == 500


# --- associations -------------------------------------------------------------------------------------------------


def test_a_subnet_has_one_table_of_its_own(world: Any, vpc_id: str, table_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)
    first = world.ask(associate_route_table, RouteTableId=table_id, SubnetId=subnet_id)
    assert first["AssociationState"] == {"State": "associated"}
    assert world.ask(associate_route_table, RouteTableId=table_id, SubnetId=subnet_id) == first
    other = world.ask(create_route_table, VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    with pytest.raises(errors.AlreadyAssociated, match="conflicts with an existing association"):
        world.ask(associate_route_table, RouteTableId=other, SubnetId=subnet_id)
    (table,) = find(world, ("association.subnet-id", subnet_id))
    assert [(one["RouteTableAssociationId"], one["Main"]) for one in table["Associations"]] == [(first["AssociationId"], False)]
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_route_table, RouteTableId=table_id)
    world.ask(disassociate_route_table, AssociationId=first["AssociationId"])
    world.ask(delete_route_table, RouteTableId=table_id)
    with pytest.raises(errors.AssociationNotFound):
        world.ask(disassociate_route_table, AssociationId=first["AssociationId"])


def test_a_deleted_subnet_takes_its_association_along(world: Any, vpc_id: str, table_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)
    world.ask(associate_route_table, RouteTableId=table_id, SubnetId=subnet_id)
    world.ask(delete_subnet, SubnetId=subnet_id)
    world.ask(delete_route_table, RouteTableId=table_id)


def test_a_table_is_for_its_own_vpc(world: Any, table_id: str) -> None:
    elsewhere = new_vpc(world)
    for whose in ({"SubnetId": new_subnet(world, elsewhere)}, {"GatewayId": new_gateway(world, elsewhere)}):
        with pytest.raises(errors.InvalidParameterValue, match="belong to different networks"):
            world.ask(associate_route_table, RouteTableId=table_id, **whose)
    for whose in ({}, {"SubnetId": "subnet-1", "GatewayId": "igw-1"}):
        with pytest.raises(errors.InvalidParameterCombination):
            world.ask(associate_route_table, RouteTableId=table_id, **whose)
    with pytest.raises(errors.GatewayNotFound):
        world.ask(associate_route_table, RouteTableId=table_id, GatewayId="vgw-1")


def test_a_gateway_can_have_a_table_and_is_then_held_by_it(world: Any, vpc_id: str, table_id: str) -> None:
    gateway_id = new_gateway(world, vpc_id)
    association_id = world.ask(associate_route_table, RouteTableId=table_id, GatewayId=gateway_id)["AssociationId"]
    (table,) = find(world, ("association.gateway-id", gateway_id))
    assert (table["RouteTableId"], table["Associations"][0]["Main"]) == (table_id, False)
    with pytest.raises(errors.DependencyViolation):
        world.ask(detach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    world.ask(disassociate_route_table, AssociationId=association_id)
    world.ask(detach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)


def test_a_replaced_association_has_a_new_id_and_the_same_subnet(world: Any, vpc_id: str, table_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)
    first = world.ask(associate_route_table, RouteTableId=table_id, SubnetId=subnet_id)["AssociationId"]
    other = world.ask(create_route_table, VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    second = world.ask(replace_route_table_association, AssociationId=first, RouteTableId=other)["NewAssociationId"]
    assert second != first
    (table,) = find(world, ("association.subnet-id", subnet_id))
    assert (table["RouteTableId"], table["Associations"][0]["RouteTableAssociationId"]) == (other, second)


def test_another_table_becomes_the_main_one(world: Any, vpc_id: str, table_id: str) -> None:
    old = main_table(world, vpc_id)
    association_id = old["Associations"][0]["RouteTableAssociationId"]
    with pytest.raises(errors.InvalidParameterValue, match="cannot disassociate the main route table"):
        world.ask(disassociate_route_table, AssociationId=association_id)
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_route_table, RouteTableId=old["RouteTableId"])
    world.ask(replace_route_table_association, AssociationId=association_id, RouteTableId=table_id)
    assert main_table(world, vpc_id)["RouteTableId"] == table_id
    world.ask(delete_route_table, RouteTableId=old["RouteTableId"])
    world.ask(delete_vpc, VpcId=vpc_id)


def test_an_association_stays_in_its_vpc(world: Any, vpc_id: str) -> None:
    association_id = main_table(world, vpc_id)["Associations"][0]["RouteTableAssociationId"]
    elsewhere = main_table(world, new_vpc(world))["RouteTableId"]
    with pytest.raises(errors.InvalidParameterValue, match="belong to different networks"):
        world.ask(replace_route_table_association, AssociationId=association_id, RouteTableId=elsewhere)
    with pytest.raises(errors.AssociationNotFound):
        world.ask(replace_route_table_association, account=CONSUMER, AssociationId=association_id, RouteTableId=elsewhere)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("association.route-table-association-id", "rtbassoc-*"),
        ("association.route-table-id", "rtb-*"),
        ("owner-id", "111111111111"),
        ("route-table-id", "rtb-*"),
        ("route.destination-cidr-block", "10.0.0.0/16"),
        ("route.gateway-id", "local"),
        ("route.origin", "CreateRouteTable"),
        ("vpc-id", "vpc-*"),
    ],
)
def test_tables_are_found_by_every_filter(world: Any, vpc_id: str, name: str, value: str) -> None:
    assert [table["VpcId"] for table in find(world, (name, value))] == [vpc_id]
    assert find(world, (name, "nothing")) == []


def test_an_unknown_filter_is_refused(world: Any) -> None:
    with pytest.raises(errors.InvalidFilter):
        find(world, ("main", "true"))

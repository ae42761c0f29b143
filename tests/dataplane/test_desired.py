"""What a host should have, out of the records: networks, clusters and their hosts, doors, names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from records import (
    AT,
    BALANCER,
    CLIENT,
    DOORS,
    ENDPOINT,
    GROUP,
    LISTENER,
    LISTENER_RECORD,
    NODES,
    SERVERS,
    SERVICE,
    VPC_C,
    VPC_P,
    ZONES,
    change,
    subnet_id,
    target,
    wanted,
)  # fmt: skip

from sidedoor.dataplane import desired
from sidedoor.dataplane.desired import Host, Network, Segment, Workload
from sidedoor.dataplane.wanted import Wanted
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.model import ANY_ZONE, HealthState
from sidedoor.networks.zones import zone_name

CLUSTERS = [f"{node.id}/targetgroup/web/fedcba9876543210" for node in NODES]
HOSTS = [Host(target=target(zone).id, address=SERVERS[zone].address, port=80) for zone in (0, 1)]


def test_a_network_has_the_subnets_in_use_with_what_stands_in_them() -> None:
    assert desired.network(wanted(), VPC_C) == Network(
        vpc_id=VPC_C,
        cidr="10.0.0.0/16",
        resolver="10.0.0.2",
        segments=(
            Segment(
                subnet_id=subnet_id(VPC_C, 0),
                cidr="10.0.0.0/24",
                gateway="10.0.0.1",
                addresses=("10.0.0.10",),
                workloads=(Workload(interface_id=CLIENT.id, address="10.0.0.20", mac=CLIENT.mac),),
            ),
            Segment(
                subnet_id=subnet_id(VPC_C, 1), cidr="10.0.1.0/24", gateway="10.0.1.1", addresses=("10.0.1.10",), workloads=()
            ),
        ),
    )


def test_networks_with_the_same_addresses_are_networks_of_their_own() -> None:
    told = wanted()
    consumer, provider = desired.network(told, VPC_C), desired.network(told, VPC_P)
    assert consumer is not None and provider is not None
    assert consumer.cidr == provider.cidr
    assert consumer.segments[1].addresses == provider.segments[1].addresses == ("10.0.1.10",)
    assert provider.segments[1].workloads != consumer.segments[1].workloads


def test_a_network_without_dns_has_no_resolver() -> None:
    told = wanted()
    change(told, "vpcs", VPC_C, dns_support=False)
    network = desired.network(told, VPC_C)
    assert network is not None and network.resolver is None


def test_a_vpc_in_which_nothing_stands_is_not_placed() -> None:
    told = wanted()
    for one in (CLIENT, *DOORS):
        told.drop("interfaces", one.id)
    assert desired.network(told, VPC_C) is None
    assert desired.network(told, "vpc-0fffffffffffffff9") is None


def test_each_node_has_a_cluster_with_the_targets_of_its_own_zone() -> None:
    clusters = desired.clusters(wanted(), BALANCER)
    assert [(one.name, one.source, one.vpc_id) for one in clusters] == [
        (CLUSTERS[0], "10.0.0.10", VPC_P),
        (CLUSTERS[1], "10.0.1.10", VPC_P),
    ]
    assert [one.candidates for one in clusters] == [(HOSTS[0],), (HOSTS[1],)]


@pytest.mark.parametrize(
    ("kind", "record_id", "attribute"),
    [
        pytest.param("load_balancers", BALANCER, "true", id="load balancer"),
        pytest.param("target_groups", GROUP, "true", id="target group"),
    ],
)
def test_with_cross_zone_every_node_has_the_targets_of_all_enabled_zones(kind: str, record_id: str, attribute: str) -> None:
    told = wanted()
    change(told, kind, record_id, attributes={"load_balancing.cross_zone.enabled": attribute})
    assert [one.candidates for one in desired.clusters(told, BALANCER)] == [tuple(HOSTS), tuple(HOSTS)]


def test_a_target_group_may_refuse_the_cross_zone_of_its_load_balancer() -> None:
    told = wanted()
    change(told, "load_balancers", BALANCER, attributes={"load_balancing.cross_zone.enabled": "true"})
    change(told, "target_groups", GROUP, attributes={"load_balancing.cross_zone.enabled": "false"})
    assert [one.candidates for one in desired.clusters(told, BALANCER)] == [(HOSTS[0],), (HOSTS[1],)]


def test_a_target_in_a_zone_without_a_node_gets_nothing_and_one_of_any_zone_gets_from_all() -> None:
    told = wanted()
    told.put("targets", target(0, port=81, zone="use1-az6"))
    told.put("targets", target(0, port=82, zone=ANY_ZONE))
    ports = [[host.port for host in one.candidates] for one in desired.clusters(told, BALANCER)]
    assert ports == [[80, 82], [82, 80]]


def test_a_draining_target_gets_no_new_connection() -> None:
    told = wanted()
    change(told, "targets", target(0).id, draining_since=AT + timedelta(minutes=1))
    assert [one.candidates for one in desired.clusters(told, BALANCER)] == [(), (HOSTS[1],)]


def test_only_healthy_hosts_get_connections_and_all_where_none_is_healthy() -> None:
    told = wanted()
    change(told, "load_balancers", BALANCER, attributes={"load_balancing.cross_zone.enabled": "true"})
    cluster = desired.clusters(told, BALANCER)[0]
    one, other = HOSTS[0].target, HOSTS[1].target
    assert desired.hosts(cluster, {}) == tuple(HOSTS)
    assert desired.hosts(cluster, {one: HealthState.HEALTHY, other: HealthState.UNHEALTHY}) == (HOSTS[0],)
    assert desired.hosts(cluster, {one: HealthState.INITIAL, other: HealthState.HEALTHY}) == (HOSTS[1],)
    assert desired.hosts(cluster, {one: HealthState.INITIAL, other: HealthState.UNHEALTHY}) == tuple(HOSTS)


def test_a_cluster_has_the_settings_of_its_target_group() -> None:
    told = wanted()
    assert [(one.proxy_protocol, one.sticky) for one in desired.clusters(told, BALANCER)] == [(False, False)] * 2
    change(told, "target_groups", GROUP, attributes={"proxy_protocol_v2.enabled": "true", "stickiness.enabled": "true"})
    assert [(one.proxy_protocol, one.sticky) for one in desired.clusters(told, BALANCER)] == [(True, True)] * 2


def test_a_cluster_has_the_lowest_port_of_the_listeners_that_lead_to_it() -> None:
    told = wanted()
    assert {one.listener_port for one in desired.clusters(told, BALANCER)} == {LISTENER_RECORD.port}
    for port in (LISTENER_RECORD.port - 1, LISTENER_RECORD.port + 1):
        told.put("listeners", replace(LISTENER_RECORD, id=f"{LISTENER}-{port}", port=port))
    assert {one.listener_port for one in desired.clusters(told, BALANCER)} == {LISTENER_RECORD.port - 1}


def test_a_load_balancer_without_listeners_or_records_has_no_clusters() -> None:
    told = wanted()
    assert desired.clusters(told, "arn:nothing") == ()
    told.drop("listeners", LISTENER)
    assert desired.clusters(told, BALANCER) == ()


def test_each_interface_of_an_endpoint_has_a_door_to_the_node_of_its_own_zone() -> None:
    doors = desired.doors(wanted(), ENDPOINT)
    assert [(one.name, one.address, one.port, one.cluster, one.idle_timeout) for one in doors] == [
        (f"{ENDPOINT}/{DOORS[0].id}/443", "10.0.0.10", 443, CLUSTERS[0], 350),
        (f"{ENDPOINT}/{DOORS[1].id}/443", "10.0.1.10", 443, CLUSTERS[1], 350),
    ]
    assert {one.vpc_id for one in doors} == {VPC_C}


@pytest.mark.parametrize("state", State)
def test_an_endpoint_has_doors_only_while_it_carries_traffic(state: State) -> None:
    told = wanted()
    change(told, "endpoints", ENDPOINT, state=state)
    assert bool(desired.doors(told, ENDPOINT)) is (state in (State.PENDING, State.AVAILABLE))


def test_a_zone_without_a_node_has_no_door() -> None:
    told = wanted()
    change(told, "load_balancers", BALANCER, nodes=told.load_balancers[BALANCER].nodes[1:])
    assert [one.address for one in desired.doors(told, ENDPOINT)] == ["10.0.1.10"]


@pytest.mark.parametrize(
    ("kind", "record_id"),
    [
        ("services", SERVICE),
        ("load_balancers", BALANCER),
        ("listeners", LISTENER),
        ("target_groups", GROUP),
        ("endpoints", ENDPOINT),
    ],
)
def test_without_any_of_the_records_that_a_door_needs_there_is_none(kind: str, record_id: str) -> None:
    told = wanted()
    told.drop(kind, record_id)
    assert desired.doors(told, ENDPOINT) == ()


def test_a_load_balancer_that_its_service_gave_up_has_no_doors() -> None:
    told = wanted()
    change(told, "services", SERVICE, load_balancer_ids=())
    assert desired.doors(told, ENDPOINT) == ()


def test_each_listener_has_doors_of_its_own_with_its_idle_timeout() -> None:
    told = wanted()
    change(told, "listeners", LISTENER, attributes={"tcp.idle_timeout.seconds": "60"})
    told.put("listeners", replace(LISTENER_RECORD, id=f"{LISTENER}-8443", port=8443))
    doors = {(one.address, one.port): one.idle_timeout for one in desired.doors(told, ENDPOINT)}
    assert doors == {("10.0.0.10", 443): 60, ("10.0.1.10", 443): 60, ("10.0.0.10", 8443): 350, ("10.0.1.10", 8443): 350}


def test_a_vpc_answers_the_regional_name_with_all_addresses_and_zonal_names_with_one() -> None:
    domain = f"{SERVICE}.us-east-1.vpce.amazonaws.com"
    names = desired.names(wanted(), VPC_C, {})
    assert names.pop(f"{ENDPOINT}-k3x9q2ab.{domain}") == ("10.0.0.10", "10.0.1.10")
    assert sorted(names.values()) == [("10.0.0.10",), ("10.0.1.10",)]
    assert all(name.startswith(f"{ENDPOINT}-k3x9q2ab-us-east-1") and name.endswith(f".{domain}") for name in names)
    assert len(names) == len(ZONES)


def test_no_other_vpc_answers_an_endpoints_names() -> None:
    assert not any("vpce" in name for name in desired.names(wanted(), VPC_P, {}))


def test_a_load_balancers_names_answer_in_its_own_vpc() -> None:
    names = desired.names(wanted(), VPC_P, {})
    zonal = [f"{zone_name('111111111111', 'us-east-1', zone)}.shop.elb" for zone in ZONES]
    assert names == {"shop.elb": ("10.0.0.10", "10.0.1.10"), zonal[0]: ("10.0.0.10",), zonal[1]: ("10.0.1.10",)}


@pytest.mark.parametrize(
    ("out", "addresses"),
    [
        pytest.param((), ("10.0.0.10", "10.0.1.10"), id="none"),
        pytest.param(ZONES[:1], ("10.0.1.10",), id="one"),
        pytest.param(ZONES, ("10.0.0.10", "10.0.1.10"), id="all"),
    ],
)
def test_names_lead_away_from_zones_that_are_out_unless_all_are_and_zonal_ones_stay(
    out: tuple[str, ...], addresses: tuple[str, ...]
) -> None:
    told = with_private_name("api.example.com")
    domain = f"{SERVICE}.us-east-1.vpce.amazonaws.com"
    names = desired.names(told, VPC_C, {BALANCER: out})
    assert names.pop(f"{ENDPOINT}-k3x9q2ab.{domain}") == names.pop("api.example.com") == addresses
    assert sorted(names.values()) == [("10.0.0.10",), ("10.0.1.10",)]
    own = desired.names(told, VPC_P, {BALANCER: out})
    assert own.pop("shop.elb") == addresses
    assert sorted(own.values()) == [("10.0.0.10",), ("10.0.1.10",)]


def test_a_zone_that_is_out_at_another_load_balancer_is_not_out() -> None:
    told = wanted()
    names = desired.names(told, VPC_C, {f"{BALANCER}-other": ZONES[:1]})
    assert names[f"{ENDPOINT}-k3x9q2ab.{SERVICE}.us-east-1.vpce.amazonaws.com"] == ("10.0.0.10", "10.0.1.10")


@pytest.mark.parametrize("state", State)
def test_an_endpoints_names_answer_until_it_is_deleted(state: State) -> None:
    told = wanted()
    change(told, "endpoints", ENDPOINT, state=state)
    assert bool(desired.names(told, VPC_C, {})) is (state not in (State.DELETING, State.DELETED))


# --- private names ------------------------------------------------------------------------------------------------


def with_private_name(name: str, **vpc: bool) -> Wanted:
    told = wanted()
    change(told, "vpcs", VPC_C, **{"dns_hostnames": True, **vpc})
    change(told, "endpoints", ENDPOINT, private_dns_enabled=True, private_dns_name=name)
    return told


@pytest.mark.parametrize(("name", "zone"), [("api.example.com", "api.example.com"), ("*.example.com", "example.com")])
def test_a_private_name_has_all_addresses_in_the_vpc_of_its_endpoint_alone(name: str, zone: str) -> None:
    told = with_private_name(name)
    assert desired.names(told, VPC_C, {})[name] == ("10.0.0.10", "10.0.1.10")
    assert desired.private_zones(told, VPC_C) == {zone}
    assert name not in desired.names(told, VPC_P, {})
    assert desired.private_zones(told, VPC_P) == frozenset()


@pytest.mark.parametrize("attribute", ["dns_support", "dns_hostnames"])
def test_a_vpc_that_turned_its_dns_names_off_has_no_private_ones(attribute: str) -> None:
    told = with_private_name("api.example.com", **{attribute: False})
    assert "api.example.com" not in desired.names(told, VPC_C, {})
    assert desired.private_zones(told, VPC_C) == frozenset()


@pytest.mark.parametrize("state", State)
def test_a_private_name_lives_as_long_as_the_endpoints_own(state: State) -> None:
    told = with_private_name("api.example.com")
    change(told, "endpoints", ENDPOINT, state=state)
    gone = state in (State.DELETING, State.DELETED)
    assert ("api.example.com" in desired.names(told, VPC_C, {})) is not gone
    assert bool(desired.private_zones(told, VPC_C)) is not gone

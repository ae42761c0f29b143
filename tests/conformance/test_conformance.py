"""The load balancer's data plane, rule by rule (aws-reference, sections 3 and 4), whatever carries the bytes and wherever.

Rule 1: each test is named after its rule, and the rule is about packets that a client or a target sees.
Rule 2: nothing here knows the engine. What one cannot do stands in ``engine_exceptions.py``, and nowhere else.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ends import End, connected, ended
from engine_exceptions import EXCEPTIONS, PAGE, page
from fleet import ALSO_NAMING, HOLDING, LEAST_IDLE_TIMEOUT, MANY_NAMING, NAMING, NOBODY, Fleet, Server
from given import Part
from rules_lab import AZ1, AZ2, PORT

from sidedoor.demo.system import until

texts = (f"text {number}" for number in itertools.count(1))

# --- zones --------------------------------------------------------------------------------------------------------

CROSS_ZONE = "load_balancing__cross_zone__enabled"


def test_each_zone_has_a_node_with_an_address_of_its_own_which_its_targets_see(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, AZ2, **{CROSS_ZONE: "true"})
    endpoint, nodes = fleet.through(balancer, AZ1, AZ2), fleet.nodes_of(balancer)
    assert nodes[AZ1] != nodes[AZ2]
    for zone_id in (AZ1, AZ2):
        assert {source for _, source in fleet.answering(endpoint[zone_id])} == {nodes[zone_id]}


def test_a_node_uses_the_targets_of_its_own_zone_alone(fleet: Fleet) -> None:
    endpoint = fleet.through(fleet.forwarding(AZ1, AZ2)[0], AZ1, AZ2)
    for zone_id in (AZ1, AZ2):
        assert {target for target, _ in fleet.answering(endpoint[zone_id])} == fleet.seen(zone_id)


def test_with_cross_zone_balancing_a_node_uses_the_targets_of_all_zones(fleet: Fleet) -> None:
    endpoint = fleet.through(fleet.forwarding(AZ1, AZ2, **{CROSS_ZONE: "true"})[0], AZ1, AZ2)
    for zone_id in (AZ1, AZ2):
        assert targets(fleet, endpoint[zone_id]) == fleet.seen(AZ1, AZ2)


def test_a_target_groups_own_cross_zone_setting_overrides_the_load_balancers(fleet: Fleet) -> None:
    for of_balancer, of_group in (("false", "true"), ("true", "false")):
        balancer, _ = fleet.forwarding(AZ1, AZ2, group={CROSS_ZONE: of_group}, **{CROSS_ZONE: of_balancer})
        expected = fleet.seen(AZ1, AZ2) if of_group == "true" else fleet.seen(AZ1)
        assert targets(fleet, fleet.through(balancer, AZ1)[AZ1]) == expected


def test_cross_zone_balancing_that_is_switched_counts_for_new_connections(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, AZ2)
    address = fleet.through(balancer, AZ1)[AZ1]
    for setting, zone_ids in (("true", (AZ1, AZ2)), ("false", (AZ1,))):
        fleet.set_balancer(balancer, **{CROSS_ZONE: setting})
        expected = fleet.seen(*zone_ids)
        until(lambda expected=expected: targets(fleet, address) == expected, f"cross-zone balancing is {setting}")


def test_a_target_of_all_zones_is_served_by_the_node_of_each(fleet: Fleet) -> None:
    """What lies outside of the VPC's subnets is in the zone ``all``. The subnet that makes it reachable comes after."""
    outside = fleet.outside()
    balancer, _ = fleet.forwarding(AZ1, AZ2, to=[outside.target], healthy=False)
    fleet.move_in(outside)
    endpoint, nodes = fleet.through(balancer, AZ1, AZ2), fleet.nodes_of(balancer)
    for zone_id in (AZ1, AZ2):
        assert fleet.answering(endpoint[zone_id]) == {(outside.seen, nodes[zone_id])}


def test_a_zone_without_targets_serves_nobody(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, AZ2, to=[server.target for server in fleet.servers[AZ1]])
    endpoint = fleet.through(balancer, AZ1, AZ2)
    assert targets(fleet, endpoint[AZ1]) == fleet.seen(AZ1)
    assert fleet.client.count(endpoint[AZ2], PORT, 8).keys() <= {"refused", "reset", "finished"}


def test_a_zone_without_targets_resets_its_clients(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, AZ2, to=[fleet.servers[AZ1][0].target], healthy=False)
    assert fleet.client.open(fleet.through(balancer, AZ2)[AZ2], PORT).ends() in ("refused", "reset")


def targets(fleet: Fleet, address: str) -> set[str]:
    """Those that answer there: of four that are equally likely, each is missed once in 10^7 times."""
    return {target for target, _ in fleet.answering(address, times=64)}


# --- several load balancers of one service ------------------------------------------------------------------------


def several(fleet: Fleet, count: int = 2) -> tuple[list[str], dict[str, str]]:
    """New load balancers in one zone, all with the same targets, and which of them an address of a node belongs to."""
    made = [fleet.forwarding(AZ1)[0] for _ in range(count)]
    return made, {fleet.nodes_of(one)[AZ1]: one for one in made}


def in_time_serves(fleet: Fleet, service: dict[str, Any], nodes: dict[str, str], balancer: str) -> bool:
    """Whether one of the next endpoints is this load balancer's.

    Which it is, is chosen at random: of two, one is missed so often less than once in 10^7 times.
    """
    return any(serving(fleet, fleet.reached(service)[AZ1], nodes) == balancer for _ in range(24))


def serving(fleet: Fleet, address: str, nodes: dict[str, str]) -> str:
    """The load balancer that serves all connections to this address of an endpoint."""
    (source,) = {source for _, source in fleet.answering(address, times=3)}
    return nodes[source]


def test_each_endpoint_interface_uses_one_of_several_load_balancers(fleet: Fleet) -> None:
    balancers, nodes = several(fleet)
    service = fleet.service(*balancers)
    for balancer in balancers:
        assert in_time_serves(fleet, service, nodes, balancer)


def serves(fleet: Fleet, address: str) -> bool:
    return not fleet.client.count(address, PORT).keys() & {"refused", "reset", "finished", "silence"}


def test_a_load_balancer_that_is_added_serves_new_interfaces_and_moves_no_other(fleet: Fleet) -> None:
    (first, second), nodes = several(fleet)
    service = fleet.service(first)
    before = fleet.reached(service)
    fleet.change(service, AddNetworkLoadBalancerArns=[second])
    assert in_time_serves(fleet, service, nodes, second)
    assert serving(fleet, before[AZ1], nodes) == first


def test_a_load_balancer_that_is_added_opens_its_zone_to_the_endpoints_that_there_are(fleet: Fleet) -> None:
    first, second = fleet.forwarding(AZ1)[0], fleet.forwarding(AZ2)[0]
    service = fleet.service(first)
    endpoint = fleet.reached(service, AZ1)
    fleet.change(service, AddNetworkLoadBalancerArns=[second])
    ids = {"VpcEndpointId": endpoint.endpoint["VpcEndpointId"], "AddSubnetIds": [fleet.consumer.subnet(AZ2)]}
    fleet.consumer.ec2.modify_vpc_endpoint(**ids)
    fleet.available(endpoint.endpoint)
    addresses = fleet.addresses_of(endpoint.endpoint)
    assert addresses[AZ1] == endpoint[AZ1]
    for zone_id, balancer in ((AZ1, first), (AZ2, second)):
        until(lambda zone_id=zone_id: serves(fleet, addresses[zone_id]), f"{zone_id} answers")
        assert {source for _, source in fleet.answering(addresses[zone_id])} == {fleet.nodes_of(balancer)[zone_id]}


def test_a_load_balancer_is_removed_when_no_endpoint_is_left_and_serves_nobody_then(fleet: Fleet) -> None:
    (first, second), nodes = several(fleet)
    service = fleet.service(first, second)
    endpoint = fleet.reached(service)
    with pytest.raises(ClientError, match="ExistingVpcEndpointConnections"):
        fleet.change(service, RemoveNetworkLoadBalancerArns=[first])
    fleet.consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint.endpoint["VpcEndpointId"]])
    until(lambda: not fleet.provider_sees(service), "the endpoint is gone")
    fleet.change(service, RemoveNetworkLoadBalancerArns=[first])
    assert {serving(fleet, fleet.reached(service)[AZ1], nodes) for _ in range(6)} == {second}


# --- spread -------------------------------------------------------------------------------------------------------

CONNECTIONS = 10_000

CRITICAL = 35.41
"""Of chi-square with three degrees of freedom, at 10^-7: the x with erfc(sqrt(x/2)) + sqrt(2x/pi) exp(-x/2) = 10^-7
(Abramowitz and Stegun, 26.4.5, for an odd number of degrees). Four even targets exceed it once in 10^7 runs."""


def test_connections_spread_evenly_over_the_targets(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, AZ2, **{CROSS_ZONE: "true"})
    answers = fleet.client.count(fleet.through(balancer)[AZ1], PORT, CONNECTIONS, at_once=64)
    counts = [answers[f"{server.seen} {fleet.nodes_of(balancer)[AZ1]} {NAMING}"] for server in fleet.all]
    assert sum(counts) == CONNECTIONS, answers
    even = CONNECTIONS / len(counts)
    assert sum((count - even) ** 2 / even for count in counts) < CRITICAL, counts


STICKY = {"stickiness__enabled": "true", "stickiness__type": "source_ip"}


def test_with_source_ip_stickiness_a_client_stays_at_its_target(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, AZ2, group=STICKY, **{CROSS_ZONE: "true"})
    address = fleet.through(balancer)[AZ1]
    assert len(fleet.answering(address, times=100)) == 1


def test_with_source_ip_stickiness_several_clients_spread(fleet: Fleet) -> None:
    """Six clients are all at one of sixteen targets less often than once in 10^6 times."""
    to = [{**server.target, "Port": port} for server in fleet.all for port in MANY_NAMING]
    balancer, _ = fleet.forwarding(AZ1, AZ2, to=to, group=STICKY, **{CROSS_ZONE: "true"})
    address = fleet.through(balancer)[AZ1]
    programs = [fleet.counting(address, PORT, times=3) for _ in range(6)]
    answers = [ended(program) for program in programs]
    assert [sorted(one.values()) for one in answers] == [[3]] * 6, answers
    assert len({next(iter(one)) for one in answers}) > 1


# --- TCP ----------------------------------------------------------------------------------------------------------


def holding(fleet: Fleet, *targets: int) -> str:
    """The address of an endpoint behind which servers keep their connections: these of them, or the first."""
    to = [fleet.all[number].target for number in targets or (0,)]
    balancer, _ = fleet.forwarding(AZ1, to=to, port=HOLDING)
    return fleet.through(balancer, AZ1)[AZ1]


def test_a_half_closed_connection_goes_on_in_the_other_direction(fleet: Fleet) -> None:
    address = holding(fleet)
    for first in ("client", "target"):
        client, target = connected(fleet.client, address, PORT, *fleet.programs)
        done, still = (client, target) if first == "client" else (target, client)
        done.finish()
        assert still.ends() == "finished"
        still.send("after the end of the other direction")
        done.hears("after the end of the other direction")
        still.finish()
        assert done.ends() == "finished"


def test_a_reset_passes_each_way(fleet: Fleet) -> None:
    address = holding(fleet)
    client, target = connected(fleet.client, address, PORT, *fleet.programs)
    client.reset()
    assert target.ends() == "reset"
    client, target = connected(fleet.client, address, PORT, *fleet.programs)
    target.reset()
    assert client.ends() == "reset"


def refusing(fleet: Fleet) -> str:
    """An endpoint whose one target is healthy, and refuses every connection of a client."""
    target = [fleet.all[0].target]
    return fleet.through(fleet.forwarding(AZ1, to=target, port=NOBODY, check={"HealthCheckPort": str(NAMING)})[0])[AZ1]


def test_a_refusing_target_refuses_the_client_in_the_handshake(fleet: Fleet) -> None:
    assert fleet.client.open(refusing(fleet), PORT).meets("opened", "refused", "reset") == "refused"


def test_a_refusing_target_resets_a_client_that_waits_for_it_to_speak(fleet: Fleet) -> None:
    assert fleet.client.open(refusing(fleet), PORT).ends() in ("refused", "reset")


def test_a_refusing_target_resets_a_client_that_speaks(fleet: Fleet) -> None:
    client = fleet.client.open(refusing(fleet), PORT)
    client.send("is anybody there?")
    assert client.meets("refused", "reset") in ("refused", "reset")


def test_connections_live_on_when_targets_come_and_go(fleet: Fleet) -> None:
    first, second, *_ = fleet.all
    balancer, group = fleet.forwarding(AZ1, to=[first.target], port=HOLDING)
    address = fleet.through(balancer)[AZ1]
    flow = connected(fleet.client, address, PORT, *fleet.programs)
    fleet.registered(group, second)
    until(lambda: reaches(fleet, address, second), "the new target gets connections")
    passes(*flow)
    fleet.deregistered(group, first)
    until(lambda: not reaches(fleet, address, first, tries=16), "the old target gets no more connections")
    passes(*flow)


def reaches(fleet: Fleet, address: str, server: Server, tries: int = 8) -> bool:
    """Whether one of so many new connections goes to this server."""
    found = (connected(fleet.client, address, PORT, *fleet.programs)[1] for _ in range(tries))
    return any(end.program is server.program for end in found)


def test_a_port_without_a_listener_refuses(fleet: Fleet) -> None:
    endpoint = fleet.through(fleet.forwarding(AZ1, healthy=False)[0])
    assert fleet.client.open(endpoint[AZ1], PORT + 1).ends() == "refused"


def test_a_listener_leads_to_another_port_of_its_targets(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, to=[fleet.all[0].target], port=ALSO_NAMING)
    (answer,) = fleet.answering(fleet.through(balancer)[AZ1])
    assert answer == (fleet.all[0].seen, fleet.nodes_of(balancer)[AZ1])


# --- security groups ----------------------------------------------------------------------------------------------


def closed(fleet: Fleet) -> tuple[str, str]:
    """(security group, address): an endpoint whose one group lets nobody in."""
    ec2 = fleet.consumer.ec2
    made: str = ec2.create_security_group(GroupName=next(texts), Description="nobody", VpcId=fleet.consumer.vpc)["GroupId"]
    service = fleet.service(fleet.forwarding(AZ1)[0])
    endpoint = fleet.available(fleet.endpoint(service, AZ1, SecurityGroupIds=[made]))
    return made, fleet.addresses_of(endpoint)[AZ1]


def test_a_client_is_served_once_a_security_group_lets_it_in_and_by_nobody_before(fleet: Fleet) -> None:
    group, address = closed(fleet)
    assert fleet.client.count(address, PORT, 8).keys() <= {"refused", "reset", "finished", "silence"}
    everybody = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    fleet.consumer.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everybody])
    until(lambda: serves(fleet, address), "the client is let in")
    fleet.answering(address)


def test_a_client_whom_no_security_group_lets_in_hears_nothing(fleet: Fleet) -> None:
    """Of its packets nothing is heard while a later client's connection is made and answered."""
    served = fleet.through(fleet.forwarding(AZ1)[0])[AZ1]
    ignored = fleet.client.open(closed(fleet)[1], PORT)
    fleet.answering(served)
    assert ignored.has_met() == {}


# --- idle connections: opened before all other rules, looked at after them (conftest.py) ---------------------------

SOON = 15.0
"""How much later than its time an idle connection may end."""


def idle_end(fleet: Fleet, name: str = "silent") -> float:
    """Waits until a connection has ended for its client. Returns how long it lasted."""
    client, _ = fleet.idle[name]
    client.ends(LEAST_IDLE_TIMEOUT + SOON)
    return max(client.has_met().values()) - client.has_met()["opened"]


def test_idle_connections_end_after_the_timeout_and_not_before(fleet: Fleet) -> None:
    assert LEAST_IDLE_TIMEOUT - 1 <= idle_end(fleet) <= LEAST_IDLE_TIMEOUT + SOON


def test_idle_timeouts_that_are_changed_cut_nothing_and_count_for_what_is_open(fleet: Fleet) -> None:
    assert LEAST_IDLE_TIMEOUT - 1 <= idle_end(fleet, "changed") <= LEAST_IDLE_TIMEOUT + SOON


def test_idle_connections_end_in_a_reset_for_the_client(fleet: Fleet) -> None:
    idle_end(fleet)
    assert fleet.idle["silent"][0].ends() == "reset"


def test_idle_connections_end_in_a_reset_for_the_target(fleet: Fleet) -> None:
    idle_end(fleet)
    assert fleet.idle["silent"][1].ends() == "reset"


def test_idle_connections_are_kept_by_keepalives_of_the_client(fleet: Fleet) -> None:
    idle_end(fleet)
    passes(*fleet.idle["client"])


def test_idle_connections_are_kept_by_keepalives_of_the_target(fleet: Fleet) -> None:
    idle_end(fleet)
    passes(*fleet.idle["target"])


def passes(client: End, target: End) -> None:
    """Sends something both ways."""
    assert not {"finished", "reset"} & (client.has_met().keys() | target.has_met().keys())
    for sender, receiver in ((client, target), (target, client)):
        text = next(texts)
        sender.send(text)
        receiver.hears(text)


# --- restarts, which come last of all: they end, or keep, what the idle connections wait for ------------------------


def test_after_a_restart_of_any_part_an_interface_is_served_by_the_same_load_balancer(fleet: Fleet) -> None:
    balancers, nodes = several(fleet)
    service = fleet.service(*balancers)
    addresses = [fleet.reached(service)[AZ1] for _ in range(3)]
    before = [serving(fleet, address, nodes) for address in addresses]
    for part in Part:
        fleet.given.kill(part)
        until(lambda: all(serves(fleet, address) for address in addresses), f"after the end of the {part} all is answered")
        assert [serving(fleet, address, nodes) for address in addresses] == before, part


# --- the list of exceptions ---------------------------------------------------------------------------------------


def test_every_exception_names_a_rule_of_this_suite() -> None:
    assert [one.rule for one in EXCEPTIONS if f"test_{one.rule}" not in globals()] == []


def test_the_page_of_exceptions_shows_the_list() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"

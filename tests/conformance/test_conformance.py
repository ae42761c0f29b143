"""The load balancer's data plane, rule by rule (aws-reference, sections 3 and 4), whatever carries the bytes and wherever.

Rule 1: each test is named after its rule, and the rule is about packets that a client or a target sees.
Rule 2: nothing here knows the engine. What one cannot do stands in ``engine_exceptions.py``, and nowhere else.
"""

from __future__ import annotations

import itertools

from ends import End, connected
from engine_exceptions import EXCEPTIONS, PAGE, page
from fleet import ALSO_NAMING, HOLDING, LEAST_IDLE_TIMEOUT, NAMING, NOBODY, Fleet
from rules_lab import AZ1, AZ2, PORT

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


def test_a_port_without_a_listener_refuses(fleet: Fleet) -> None:
    endpoint = fleet.through(fleet.forwarding(AZ1, healthy=False)[0])
    assert fleet.client.open(endpoint[AZ1], PORT + 1).ends() == "refused"


def test_a_listener_leads_to_another_port_of_its_targets(fleet: Fleet) -> None:
    balancer, _ = fleet.forwarding(AZ1, to=[fleet.all[0].target], port=ALSO_NAMING)
    (answer,) = fleet.answering(fleet.through(balancer)[AZ1])
    assert answer == (fleet.all[0].seen, fleet.nodes_of(balancer)[AZ1])


# --- idle connections: opened before all other rules, looked at after them (conftest.py) ---------------------------

SOON = 15.0
"""How much later than its time an idle connection may end."""


def idle_end(fleet: Fleet) -> float:
    """Waits until the silent connection has ended for its client. Returns when that was."""
    client, _ = fleet.idle["silent"]
    client.ends(LEAST_IDLE_TIMEOUT + SOON)
    return max(client.has_met().values())


def test_idle_connections_end_after_the_timeout_and_not_before(fleet: Fleet) -> None:
    lasted = idle_end(fleet) - fleet.idle["silent"][0].has_met()["opened"]
    assert LEAST_IDLE_TIMEOUT - 1 <= lasted <= LEAST_IDLE_TIMEOUT + SOON


def test_idle_connections_end_in_a_reset_for_the_client(fleet: Fleet) -> None:
    idle_end(fleet)
    assert fleet.idle["silent"][0].ends() == "reset"


def test_idle_connections_end_in_a_reset_for_the_target_that_goes_on_sending(fleet: Fleet) -> None:
    """AWS: "If a client or target sends data after the idle timeout period elapses, it receives a TCP RST packet"."""
    idle_end(fleet)
    target = fleet.idle["silent"][1]
    target.send("too late")
    assert target.meets("reset") == "reset"


def test_idle_connections_are_kept_by_keepalives_of_the_client(fleet: Fleet) -> None:
    idle_end(fleet)
    passes(*fleet.idle["client"])


def test_idle_connections_are_kept_by_keepalives_of_the_target(fleet: Fleet) -> None:
    idle_end(fleet)
    passes(*fleet.idle["target"])


def passes(client: End, target: End) -> None:
    """Sends something both ways."""
    for sender, receiver in ((client, target), (target, client)):
        text = next(texts)
        sender.send(text)
        receiver.hears(text)


# --- the list of exceptions ---------------------------------------------------------------------------------------


def test_every_exception_names_a_rule_of_this_suite() -> None:
    assert [one.rule for one in EXCEPTIONS if f"test_{one.rule}" not in globals()] == []


def test_the_page_of_exceptions_shows_the_list() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"

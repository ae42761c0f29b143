"""Sixteen clients at once on the same few resources: a serial order explains every answer and the state that they leave."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from linearizability import Call, explain
from privatelink_model import Outcome, State, step
from stage import (
    AZ1,
    CONSUMER,
    PROVIDER,
    Grounds,
    account_arns,
    described,
    expected,
    expected_stored,
    outcome,
    prepare,
    report,
    service_name,
    service_of,
    stored,
)

from api_client import ApiClient
from api_server import program, served_here
from sidedoor.store.engine import Store

CLIENTS, CALLS = 16, 5
NETWORK = {"Type": "network", "Scheme": "internal"}
POLICIES = ('{"Statement":[]}', '{"Statement":[{}]}')
KINDS = ("load_balancers", "services", "endpoints")


@dataclass
class Clients:
    """The connections of one client: one an account, each to the server that it was given."""

    url: str
    connections: dict[str, ApiClient] = field(default_factory=dict)

    def ask(self, account: str, operation: str, request: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
        client = self.connections.get(account) or self.connections.setdefault(account, ApiClient(self.url, account))
        reply = client.ask(service_of(operation), operation, **request)
        assert reply.status < 500, f"{operation} {request} answered {reply.status}: {reply.body.decode()}"
        return reply.code, reply.parsed

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()


@dataclass
class Match:
    """One run. ``known``: what was made so far, by kind; clients pick from it."""

    urls: Sequence[str]
    store: Store
    grounds: Grounds
    state: State
    known: dict[str, list[str]] = field(default_factory=lambda: {"balancer": [], "service": [], "endpoint": []})
    history: list[Call] = field(default_factory=list)

    def play(self, clients: Clients, account: str, operation: str, kind: str | None = None, /, **request: Any) -> Call:
        begin = time.monotonic()
        answered = outcome(operation, *clients.ask(account, operation, request))
        end = time.monotonic()
        modelled = {name: value for name, value in request.items() if name not in NETWORK}
        if kind and answered.made and answered.made not in self.known[kind]:
            self.known[kind].append(answered.made)
        return Call(begin, end, account, operation, modelled, answered)

    def begin(self) -> None:
        """What is there before the clients come: two services, of which one wants acceptance, and two endpoints of each."""
        clients = Clients(self.urls[0])
        subnets = self.grounds.subnets(PROVIDER)
        first = [("CreateLoadBalancer", "balancer", {"Name": name, "Subnets": [subnets[0]], **NETWORK}) for name in "ab"]
        self._alone(clients, PROVIDER, first)
        for arn, acceptance in zip(self.known["balancer"], (True, False), strict=True):
            request = {"NetworkLoadBalancerArns": [arn], "AcceptanceRequired": acceptance}
            self._alone(clients, PROVIDER, [("CreateVpcEndpointServiceConfiguration", "service", request)])
        for service_id in self.known["service"]:
            allowed = {"ServiceId": service_id, "AddAllowedPrincipals": account_arns([CONSUMER])}
            self._alone(clients, PROVIDER, [("ModifyVpcEndpointServicePermissions", None, allowed)])
            self._alone(clients, CONSUMER, [("CreateVpcEndpoint", "endpoint", self._endpoint(service_id))] * 2)
        clients.close()

    def _alone(self, clients: Clients, account: str, calls: list[tuple[str, str | None, dict[str, Any]]]) -> None:
        for operation, kind, request in calls:
            call = self.play(clients, account, operation, kind, **request)
            self.state, wanted = step(self.state, account, operation, call.request, call.outcome.made, {})
            assert call.outcome == wanted

    def _endpoint(self, service_id: str) -> dict[str, Any]:
        subnet = next(one for one in self.grounds.subnets(CONSUMER) if self.grounds.places[one].zone == AZ1)
        return {
            "VpcEndpointType": "Interface", "VpcId": self.grounds.vpcs[CONSUMER], "ServiceName": service_name(service_id),
            "SubnetIds": [subnet],
        }  # fmt: skip

    def run(self, seed: int) -> None:
        """All clients at once, each with a program of its own, divided among the servers."""
        starting = threading.Barrier(CLIENTS)

        def client(number: int) -> list[Call]:
            clients, dice = Clients(self.urls[number % len(self.urls)]), random.Random(f"{seed} {number}")
            starting.wait(30)
            try:
                return [self._random_call(clients, dice) for _ in range(CALLS)]
            finally:
                clients.close()

        with ThreadPoolExecutor(CLIENTS) as threads:
            done = [threads.submit(client, number) for number in range(CLIENTS)]
            self.history = [call for one in done for call in one.result(timeout=60)]

    def _random_call(self, clients: Clients, dice: random.Random) -> Call:
        service, endpoints = dice.choice(self.known["service"]), dice.sample(self.known["endpoint"], dice.choice((1, 1, 2)))
        decision = {"ServiceId": service, "VpcEndpointIds": endpoints}
        choices: list[tuple[int, Callable[[], Call]]] = [
            (4, lambda: self.play(clients, PROVIDER, "AcceptVpcEndpointConnections", **decision)),
            (4, lambda: self.play(clients, PROVIDER, "RejectVpcEndpointConnections", **decision)),
            (3, lambda: self.play(clients, CONSUMER, "CreateVpcEndpoint", "endpoint", **self._endpoint(service))),
            (3, lambda: self.play(clients, CONSUMER, "DeleteVpcEndpoints", VpcEndpointIds=endpoints)),
            (3, lambda: self.play(clients, CONSUMER, "ModifyVpcEndpoint", VpcEndpointId=endpoints[0],
                                  PolicyDocument=dice.choice(POLICIES))),
            (2, lambda: self.play(clients, PROVIDER, "ModifyVpcEndpointServiceConfiguration", ServiceId=service,
                                  AcceptanceRequired=dice.random() < 0.5)),
            (1, lambda: self.play(clients, PROVIDER, "DeleteVpcEndpointServiceConfigurations", ServiceIds=[service])),
            (2, lambda: self.play(clients, PROVIDER, "CreateVpcEndpointServiceConfiguration", "service",
                                  NetworkLoadBalancerArns=[dice.choice(self.known["balancer"])])),
            (1, lambda: self.play(clients, PROVIDER, "DeleteLoadBalancer",
                                  LoadBalancerArn=dice.choice(self.known["balancer"]))),
            (1, lambda: self.play(clients, PROVIDER, "CreateLoadBalancer", "balancer", Name=dice.choice("abc"),
                                  Subnets=[self.grounds.subnets(PROVIDER)[0]], **NETWORK)),
            (3, lambda: self._agent_reports(endpoints[0], dice.choice(("provisioned", "provisioned", "removed")))),
        ]  # fmt: skip
        (act,) = dice.choices([act for _, act in choices], [weight for weight, _ in choices])
        return act()

    def _agent_reports(self, endpoint_id: str, kind: str) -> Call:
        """An agent reads what is wanted and reports that it is so; meanwhile something else may be wanted."""
        with self.store.read() as tables:
            endpoint = tables.endpoints.find(endpoint_id)
        generation = endpoint.generation if endpoint else 1
        begin = time.monotonic()
        answered: Outcome = report(self.store, kind, endpoint_id, generation)
        request = {"VpcEndpointId": endpoint_id, "Report": kind, "Generation": generation}
        return Call(begin, time.monotonic(), "", "Report", request, answered)

    def revision(self) -> int:
        with self.store.read() as tables:
            return tables.revision()

    def revisions_after(self, revision: int) -> list[frozenset[str]]:
        changed: dict[int, set[str]] = {}
        with self.store.read() as tables:
            for number, kind, record_id in tables.changes_after(revision):
                if kind in KINDS:
                    changed.setdefault(number, set()).add(record_id)
        return [frozenset(changed[number]) for number in sorted(changed)]


def led_to(seen: dict[str, Any], kept: dict[str, Any]) -> Callable[[State], bool]:
    return lambda state: expected(state) == seen and expected_stored(state) == kept


def check(urls: Sequence[str], url_of_store: str, seeds: Sequence[int]) -> None:
    with contextlib.closing(Store(url_of_store)) as store:
        looking = Clients(urls[-1])
        grounds = prepare(looking)
        match = Match(urls, store, grounds, State(places=grounds.places))
        match.begin()
        for seed in seeds:
            before = match.revision()
            match.run(seed)
            revisions, seen, kept = match.revisions_after(before), described(looking), stored(store)
            found = explain(match.state, match.history, revisions, led_to(seen, kept))
            assert found is not None, f"no serial order explains these calls and their end: {match.history} {seen} {kept}"
            match.state = found
            match.known = {"balancer": list(found.balancers) or match.known["balancer"],
                           "service": list(found.services) or match.known["service"],
                           "endpoint": list(found.endpoints) or match.known["endpoint"]}  # fmt: skip
        looking.close()


@pytest.fixture
def no_fault_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    faults = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert faults == []


@pytest.mark.usefixtures("no_fault_in_the_log")
def test_a_serial_order_explains_what_one_server_does(any_url: str) -> None:
    with contextlib.closing(Store(any_url)) as store, served_here(store) as url:
        check([url], any_url, range(2))


def test_a_serial_order_explains_what_two_servers_on_one_database_do(any_url: str, tmp_path: Path) -> None:
    with program(tmp_path / "one", any_url) as one, program(tmp_path / "two", any_url) as two:
        check([one.url, two.url], any_url, range(10, 12))
    assert one.faults() + two.faults() == []


def test_permissions_that_are_given_and_taken_at_once_are_all_kept(any_url: str) -> None:
    """The model's search leaves permissions out, since they have no revision; so what remains of them is counted here."""
    with contextlib.closing(Store(any_url)) as store, served_here(store) as url:
        match = Match([url], store, grounds := prepare(looking := Clients(url)), State(places=grounds.places))
        match.begin()
        service_id = match.known["service"][0]
        starting = threading.Barrier(CLIENTS)

        def client(number: int) -> None:
            one, arns = Clients(url), account_arns([f"4444444{number:02}{at:03}" for at in range(3)])
            starting.wait(30)
            for change in ({"AddAllowedPrincipals": arns}, {"RemoveAllowedPrincipals": arns[:1]}):
                code, _ = one.ask(PROVIDER, "ModifyVpcEndpointServicePermissions", {"ServiceId": service_id, **change})
                assert code is None
            one.close()

        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(client, range(CLIENTS)))
        left = account_arns([f"4444444{number:02}{at:03}" for number in range(CLIENTS) for at in (1, 2)])
        assert described(looking)["permissions"][service_id] == {*left, *account_arns([CONSUMER])}
        looking.close()

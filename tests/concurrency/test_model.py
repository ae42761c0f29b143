"""Random programs against the API, each answer and each state compared with a model's, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from privatelink_model import State, step
from stage import (
    AZ1,
    AZ2,
    CONSUMER,
    PROVIDER,
    STRANGER,
    DirectApi,
    account_arns,
    described,
    expected,
    expected_stored,
    outcome,
    prepare,
    report,
    service_name,
    stored,
)

from sidedoor.store.engine import Store

QUOTA = 2
ANY = st.integers(0, 15)
"""Which one: mostly one of those that there are, sometimes one that is gone, seldom one that never was. See ``id``."""
NAMES = st.sampled_from(["a", "b", "c"])
FEW = st.lists(ANY, min_size=1, max_size=2)
SUBNETS = st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True)
ACCOUNTS = st.sampled_from([CONSUMER, CONSUMER, CONSUMER, PROVIDER, STRANGER])
OWNERS = st.sampled_from([PROVIDER, PROVIDER, PROVIDER, PROVIDER, STRANGER])
PRINCIPALS = st.lists(st.sampled_from(["*", *account_arns([CONSUMER, STRANGER])]), max_size=2)
UNKNOWN = {
    "balancer": f"arn:aws:elasticloadbalancing:us-east-1:{PROVIDER}:loadbalancer/net/zz/0000000000000000",
    "service": "vpce-svc-00000000000000000",
    "endpoint": "vpce-00000000000000000",
}


class PrivateLink(RuleBasedStateMachine):
    """``fresh``: gives an empty database."""

    fresh: Callable[[], Store]

    @initialize()
    def begin(self) -> None:
        self.store = type(self).fresh()
        self.api = DirectApi(self.store, quota=QUOTA)
        self.grounds = prepare(self.api)
        self.model = State(places=self.grounds.places, quota=QUOTA)
        self.known: dict[str, list[str]] = {"balancer": [], "service": [], "endpoint": []}
        for name, zone in (("a", AZ1), ("b", AZ2)):
            self.play(PROVIDER, "CreateLoadBalancer", "balancer", Name=name, Subnets=[self.subnet(PROVIDER, zone)], **_NETWORK)
        self.play(
            PROVIDER, "CreateVpcEndpointServiceConfiguration", "service", NetworkLoadBalancerArns=[self.id("balancer", 0)]
        )
        request = {"ServiceId": self.id("service", 0), "AddAllowedPrincipals": account_arns([CONSUMER])}
        self.play(PROVIDER, "ModifyVpcEndpointServicePermissions", **request)
        self.create_endpoint(CONSUMER, 0, [0])
        self.delete_endpoints(CONSUMER, [0])
        self.create_endpoint(CONSUMER, 0, [0])

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def subnet(self, account: str, zone: str) -> str:
        return next(one for one in self.grounds.subnets(account) if self.grounds.places[one].zone == zone)

    def id(self, kind: str, number: int) -> str:
        standing = list(
            {"balancer": self.model.balancers, "service": self.model.services, "endpoint": self.model.endpoints}[kind]
        )
        if number == 15:
            return UNKNOWN[kind]
        choice = self.known[kind] if number > 12 else standing
        return choice[number % len(choice)] if choice else UNKNOWN[kind]

    def ids(self, kind: str, numbers: list[int]) -> list[str]:
        return [self.id(kind, number) for number in numbers]

    def play(self, account: str, operation: str, kind: str | None = None, /, **request: Any) -> None:
        """Does it in both and compares what they answer."""
        answered = outcome(operation, *self.api.ask(account, operation, request))
        modelled = {name: value for name, value in request.items() if name not in _NETWORK}
        served = stored(self.store)["served"]
        self.model, wanted = step(self.model, account, operation, modelled, answered.made, served)
        assert answered == wanted, f"{operation} of {account} with {request}"
        if kind and answered.made and answered.made not in self.known[kind]:
            self.known[kind].append(answered.made)

    @rule(name=NAMES, subnets=SUBNETS)
    def create_load_balancer(self, name: str, subnets: list[int]) -> None:
        own = self.grounds.subnets(PROVIDER)
        chosen = list({self.grounds.places[own[one]].zone: own[one] for one in subnets}.values())
        self.play(PROVIDER, "CreateLoadBalancer", "balancer", Name=name, Subnets=chosen, **_NETWORK)

    @rule(number=ANY)
    def delete_load_balancer(self, number: int) -> None:
        self.play(PROVIDER, "DeleteLoadBalancer", LoadBalancerArn=self.id("balancer", number))

    @rule(account=OWNERS, numbers=FEW, acceptance=st.sampled_from([None, True, False]))
    def create_service(self, account: str, numbers: list[int], acceptance: bool | None) -> None:
        request: dict[str, Any] = {} if acceptance is None else {"AcceptanceRequired": acceptance}
        arns = self.ids("balancer", numbers)
        self.play(account, "CreateVpcEndpointServiceConfiguration", "service", NetworkLoadBalancerArns=arns, **request)

    @rule(account=OWNERS, number=ANY, acceptance=st.booleans())
    def modify_acceptance(self, account: str, number: int, acceptance: bool) -> None:
        request = {"ServiceId": self.id("service", number), "AcceptanceRequired": acceptance}
        self.play(account, "ModifyVpcEndpointServiceConfiguration", **request)

    @rule(number=ANY, added=st.lists(ANY, max_size=1), removed=st.lists(ANY, max_size=1))
    def modify_balancers(self, number: int, added: list[int], removed: list[int]) -> None:
        request = {"ServiceId": self.id("service", number)}
        request |= {"AddNetworkLoadBalancerArns": self.ids("balancer", added)} if added else {}
        request |= {"RemoveNetworkLoadBalancerArns": self.ids("balancer", removed)} if removed else {}
        if set(request.get("AddNetworkLoadBalancerArns", ())) != set(request.get("RemoveNetworkLoadBalancerArns", (None,))):
            self.play(PROVIDER, "ModifyVpcEndpointServiceConfiguration", **request)

    @rule(account=OWNERS, numbers=FEW)
    def delete_services(self, account: str, numbers: list[int]) -> None:
        self.play(account, "DeleteVpcEndpointServiceConfigurations", ServiceIds=self.ids("service", numbers))

    @rule(account=OWNERS, number=ANY, added=PRINCIPALS, removed=PRINCIPALS)
    def modify_permissions(self, account: str, number: int, added: list[str], removed: list[str]) -> None:
        request = {"ServiceId": self.id("service", number), "AddAllowedPrincipals": added, "RemoveAllowedPrincipals": removed}
        self.play(account, "ModifyVpcEndpointServicePermissions", **request)

    @rule(account=ACCOUNTS, number=ANY, subnets=SUBNETS)
    def create_endpoint(self, account: str, number: int, subnets: list[int]) -> None:
        request = {
            "VpcEndpointType": "Interface", "VpcId": self.grounds.vpcs[account],
            "ServiceName": service_name(self.id("service", number)),
            "SubnetIds": [self.grounds.subnets(account)[one] for one in subnets],
        }  # fmt: skip
        self.play(account, "CreateVpcEndpoint", "endpoint", **request)

    @rule(number=st.integers(0, 2))
    def consumer_connects(self, number: int) -> None:
        """To a service that lets it, so that not most of what is asked for is refused."""
        self.modify_permissions(PROVIDER, number, account_arns([CONSUMER]), [])
        self.create_endpoint(CONSUMER, number, [0])

    @rule(account=ACCOUNTS, number=ANY, policy=st.sampled_from([None, '{"Statement":[]}', '{"Statement":[{}]}']),
          added=st.lists(st.integers(0, 3), max_size=1), removed=st.lists(st.integers(0, 3), max_size=1))  # fmt: skip
    def modify_endpoint(self, account: str, number: int, policy: str | None, added: list[int], removed: list[int]) -> None:
        own = self.grounds.subnets(account)
        added = [one for one in added if own[one] not in self._subnets_of(self.id("endpoint", number))]
        request: dict[str, Any] = {"VpcEndpointId": self.id("endpoint", number)}
        request |= {} if policy is None else {"PolicyDocument": policy}
        request |= {"AddSubnetIds": [own[one] for one in added]} if added else {}
        request |= {"RemoveSubnetIds": [own[one] for one in removed]} if removed else {}
        self.play(account, "ModifyVpcEndpoint", **request)

    def _subnets_of(self, endpoint_id: str) -> frozenset[str]:
        endpoint = self.model.endpoints.get(endpoint_id)
        return endpoint.subnets if endpoint else frozenset()

    @rule(account=OWNERS, service=ANY, numbers=FEW)
    def accept(self, account: str, service: int, numbers: list[int]) -> None:
        request = {"ServiceId": self.id("service", service), "VpcEndpointIds": self.ids("endpoint", numbers)}
        self.play(account, "AcceptVpcEndpointConnections", **request)

    @rule(account=OWNERS, service=ANY, numbers=FEW)
    def reject(self, account: str, service: int, numbers: list[int]) -> None:
        request = {"ServiceId": self.id("service", service), "VpcEndpointIds": self.ids("endpoint", numbers)}
        self.play(account, "RejectVpcEndpointConnections", **request)

    @rule(account=ACCOUNTS, numbers=FEW)
    def delete_endpoints(self, account: str, numbers: list[int]) -> None:
        self.play(account, "DeleteVpcEndpoints", VpcEndpointIds=self.ids("endpoint", numbers))

    @rule(kind=st.sampled_from(["provisioned", "provisioned", "failed"]))
    def agent_is_done_with_what_waits(self, kind: str) -> None:
        for number, endpoint in enumerate(self.model.endpoints.values()):
            if endpoint.state == "pending":
                self.agent_reports(number, kind, 0)

    @rule(number=ANY, kind=st.sampled_from(["provisioned", "failed", "removed"]), late=st.sampled_from([0, 0, 1]))
    def agent_reports(self, number: int, kind: str, late: int) -> None:
        """The agent says something about an endpoint as it is, or as it was."""
        endpoint_id = self.id("endpoint", number)
        endpoint = self.model.endpoints.get(endpoint_id)
        generation = (endpoint.generation if endpoint else 1) - late
        answered = report(self.store, kind, endpoint_id, generation)
        request = {"VpcEndpointId": endpoint_id, "Report": kind, "Generation": generation}
        self.model, wanted = step(self.model, "", "Report", request, None, {})
        assert answered == wanted, request

    @invariant()
    def everything_is_as_in_the_model(self) -> None:
        if hasattr(self, "store"):
            assert described(self.api) == expected(self.model)
            assert stored(self.store) == expected_stored(self.model)


_NETWORK = {"Type": "network", "Scheme": "internal"}


def test_any_program_is_answered_as_the_model_answers_it(fresh_store: Callable[[], Store]) -> None:
    machine = type("PrivateLinkOnThisDatabase", (PrivateLink,), {"fresh": staticmethod(fresh_store)})
    bounded = settings(
        max_examples=10, stateful_step_count=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=bounded)

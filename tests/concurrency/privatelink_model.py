"""A model of services, their permissions, endpoints and load balancers, written apart from the product and from its manual.

Rule 1: pure. A step takes a state and gives another one; the ids of what is made are told to it, since they are random.
Rule 2: it speaks the requests of the real API, so that one request goes to both and both answers can be compared.

It knows what the API decides (aws-reference 2), and nothing of how it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ATTACHED = ("pendingAcceptance", "pending", "available")
CAN_CHANGE = ATTACHED

ACCEPTED = {"pendingAcceptance": "pending", "pending": "pending", "available": "available", "rejected": "pending"}
REJECTED = {"pendingAcceptance": "rejected", "pending": "rejected", "available": "rejected", "rejected": "rejected"}


@dataclass(frozen=True)
class Outcome:
    """What an answer says: an error's code, or which items failed with which code, or the id of what was made."""

    code: str | None = None
    unsuccessful: frozenset[tuple[str, str]] = frozenset()
    made: str | None = None


OK = Outcome()


class Refused(Exception):
    """The request, or one of its items, fails with this code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True)
class Balancer:
    id: str
    account: str
    name: str
    subnets: frozenset[str]
    zones: frozenset[str]


@dataclass(frozen=True)
class Service:
    id: str
    account: str
    balancers: frozenset[str]
    zones: frozenset[str]
    acceptance: bool
    allowed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"com.amazonaws.vpce.us-east-1.{self.id}"


@dataclass(frozen=True)
class Endpoint:
    """``generation`` counts what an agent has to follow, ``version`` every change."""

    id: str
    account: str
    service: str
    vpc: str
    subnets: frozenset[str]
    state: str
    policy: str | None = None
    generation: int = 1
    version: int = 1


@dataclass(frozen=True)
class Place:
    """A subnet, which the model takes as given."""

    account: str
    vpc: str
    zone: str


@dataclass(frozen=True)
class State:
    places: Mapping[str, Place]
    balancers: Mapping[str, Balancer] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    events: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Endpoint id -> the names of its events, of endpoints that are gone too."""
    served: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(endpoint id, subnet id) -> the load balancer behind the interface, as the product chose it among several."""
    quota: int = 50

    @property
    def key(self) -> tuple[frozenset[Any], ...]:
        """What two states have to share to be the same."""
        return tuple(
            frozenset(one.items()) for one in (self.balancers, self.services, self.endpoints, self.events, self.served)
        )


Request = Mapping[str, Any]
Served = Mapping[tuple[str, str], str]


def step(
    state: State, account: str, operation: str, request: Request, made: str | None, served: Served
) -> tuple[State, Outcome]:
    """What the operation does.

    ``made``: the id that a new resource has; ``served``: which load balancers were chosen for the endpoint's interfaces.
    """
    try:
        return _STEPS[operation](state, account, request, made or "", served)
    except Refused as refused:
        return state, Outcome(code=refused.code)


def put(mapping: Mapping[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    return {**mapping, key: value}


def without(mapping: Mapping[Any, Any], key: Any) -> dict[Any, Any]:
    return {one: value for one, value in mapping.items() if one != key}


# --- load balancers -----------------------------------------------------------------------------------------------


def _create_load_balancer(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    subnets = frozenset(request["Subnets"])
    for standing in state.balancers.values():
        if (standing.account, standing.name) == (account, request["Name"]):
            if standing.subnets != subnets:
                raise Refused("DuplicateLoadBalancerName")
            return state, Outcome(made=standing.id)
    zones = frozenset(state.places[one].zone for one in subnets)
    balancer = Balancer(made, account, request["Name"], subnets, zones)
    return replace(state, balancers=put(state.balancers, made, balancer)), Outcome(made=made)


def _delete_load_balancer(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    arn = request["LoadBalancerArn"]
    if any(arn in service.balancers for service in state.services.values()):
        raise Refused("ResourceInUse")
    return replace(state, balancers=without(state.balancers, arn)), OK


def _zones(state: State, arns: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(state.balancers[arn].zones for arn in arns))


def _check_balancers(state: State, account: str, arns: Iterable[str], service_id: str) -> None:
    for arn in arns:
        balancer = state.balancers.get(arn)
        if balancer is None or balancer.account != account:
            raise Refused("InvalidParameter")
        if any(arn in service.balancers for service in state.services.values() if service.id != service_id):
            raise Refused("InvalidParameter")


# --- services -----------------------------------------------------------------------------------------------------


def _create_service(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    arns = frozenset(request["NetworkLoadBalancerArns"])
    _check_balancers(state, account, arns, "")
    service = Service(made, account, arns, _zones(state, arns), request.get("AcceptanceRequired", True))
    return replace(state, services=put(state.services, made, service)), Outcome(made=made)


def _own_service(state: State, account: str, service_id: str) -> Service:
    service = state.services.get(service_id)
    if service is None or service.account != account:
        raise Refused("InvalidVpcEndpointServiceId.NotFound")
    return service


def _is_attached(state: State, service: Service) -> bool:
    return any(one.service == service.id and one.state in ATTACHED for one in state.endpoints.values())


def _modify_service(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    service = _own_service(state, account, request["ServiceId"])
    added = frozenset(request.get("AddNetworkLoadBalancerArns", ()))
    removed = frozenset(request.get("RemoveNetworkLoadBalancerArns", ()))
    _check_balancers(state, account, added, service.id)
    if removed - service.balancers:
        raise Refused("InvalidParameter")
    after = service.balancers - removed | added
    if not after:
        raise Refused("InvalidParameter")
    if service.balancers - after and _is_attached(state, service):
        raise Refused("ExistingVpcEndpointConnections")
    # A zone that a load balancer got later would count when it is named; here none gets another zone.
    changed = replace(
        service, balancers=after, zones=_zones(state, after), acceptance=request.get("AcceptanceRequired", service.acceptance)
    )
    return replace(state, services=put(state.services, service.id, changed)), OK


def _delete_services(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    def delete(state: State, service_id: str) -> State:
        service = state.services.get(service_id)
        if service is None or service.account != account:
            raise Refused("InvalidVpcEndpointService.NotFound")
        if _is_attached(state, service):
            raise Refused("ExistingVpcEndpointConnections")
        return replace(state, services=without(state.services, service_id))

    return _each(state, request["ServiceIds"], delete)


def _modify_permissions(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    service = _own_service(state, account, request["ServiceId"])
    added = frozenset(request.get("AddAllowedPrincipals", ()))
    removed = frozenset(request.get("RemoveAllowedPrincipals", ()))
    if added & removed:
        raise Refused("InvalidParameterCombination")
    changed = replace(service, allowed=service.allowed - removed | added)
    return replace(state, services=put(state.services, service.id, changed)), OK


def may_see(service: Service, account: str) -> bool:
    return service.account == account or bool({"*", f"arn:aws:iam::{account}:root"} & service.allowed)


# --- endpoints ----------------------------------------------------------------------------------------------------


def _create_endpoint(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    found = [one for one in state.services.values() if one.name == request["ServiceName"] and may_see(one, account)]
    if not found:
        raise Refused("InvalidServiceName")
    (service,) = found
    _check_places(state, service, request["SubnetIds"], frozenset())
    held = [one for one in state.endpoints.values() if one.vpc == request["VpcId"] and one.state != "deleting"]
    if len(held) >= state.quota:
        raise Refused("VpcEndpointLimitExceeded")
    first = "pendingAcceptance" if service.acceptance else "pending"
    subnets = frozenset(request["SubnetIds"])
    endpoint = Endpoint(made, account, service.id, request["VpcId"], subnets, first)
    events = ("Connect",) if service.acceptance else ("Connect", "Accept")
    after = replace(state, endpoints=put(state.endpoints, made, endpoint), events=put(state.events, made, events))
    return _serve(after, service, made, subnets, served), Outcome(made=made)


def _check_places(state: State, service: Service, subnets: Iterable[str], occupied: frozenset[str]) -> None:
    zones = [state.places[one].zone for one in subnets]
    if len({*zones, *occupied}) < len(zones) + len(occupied):
        raise Refused("DuplicateSubnetsInSameZone")
    if set(zones) - service.zones:
        raise Refused("InvalidParameter")


def _serve(state: State, service: Service, endpoint_id: str, subnets: Iterable[str], served: Served) -> State:
    """Takes note of the load balancers that were chosen, each of which has to be one that may be."""
    after = dict(state.served)
    for subnet in subnets:
        candidates = [one for one in service.balancers if state.places[subnet].zone in state.balancers[one].zones]
        if not candidates:
            raise Refused("InvalidParameter")
        chosen = served.get((endpoint_id, subnet), candidates[0])
        assert chosen in candidates, f"{chosen} serves {endpoint_id} in {subnet}, and {service.id} has only {candidates} there"
        after[endpoint_id, subnet] = chosen
    return replace(state, served=after)


def _accept(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    service = _own_service(state, account, request["ServiceId"])

    def accept(state: State, endpoint_id: str) -> State:
        endpoint = _connected(state, service, endpoint_id)
        after = ACCEPTED.get(endpoint.state)
        if after is None:
            raise Refused("InvalidState")
        if after == endpoint.state:
            return state
        lost = [one for one in endpoint.subnets if state.served[endpoint_id, one] not in service.balancers]
        return _moved(_serve(state, service, endpoint_id, lost, served), endpoint, after, "Accept")

    return _each(state, request["VpcEndpointIds"], accept)


def _reject(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    service = _own_service(state, account, request["ServiceId"])

    def reject(state: State, endpoint_id: str) -> State:
        endpoint = _connected(state, service, endpoint_id)
        after = REJECTED.get(endpoint.state)
        if after is None:
            raise Refused("InvalidState")
        return state if after == endpoint.state else _moved(state, endpoint, after, "Reject")

    return _each(state, request["VpcEndpointIds"], reject)


def _connected(state: State, service: Service, endpoint_id: str) -> Endpoint:
    endpoint = state.endpoints.get(endpoint_id)
    if endpoint is None or endpoint.service != service.id:
        raise Refused("InvalidVpcEndpoint.NotFound")
    return endpoint


def _delete_endpoints(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    def delete(state: State, endpoint_id: str) -> State:
        endpoint = state.endpoints.get(endpoint_id)
        if endpoint is None or endpoint.account != account:
            raise Refused("InvalidVpcEndpoint.NotFound")
        if endpoint.state == "deleting":
            return state
        return _moved(state, endpoint, "deleting", "Delete" if endpoint.service in state.services else None)

    return _each(state, request["VpcEndpointIds"], delete)


def _modify_endpoint(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    endpoint = state.endpoints.get(request["VpcEndpointId"])
    if endpoint is None or endpoint.account != account:
        raise Refused("InvalidVpcEndpointId.NotFound")
    if endpoint.state not in CAN_CHANGE:
        raise Refused("InvalidState")
    service = state.services[endpoint.service]
    added, removed = frozenset(request.get("AddSubnetIds", ())), frozenset(request.get("RemoveSubnetIds", ()))
    if removed - endpoint.subnets:
        raise Refused("InvalidParameter")
    kept = endpoint.subnets - removed
    _check_places(state, service, request.get("AddSubnetIds", ()), frozenset(state.places[one].zone for one in kept))
    policy = request.get("PolicyDocument", endpoint.policy)
    changed = replace(endpoint, subnets=kept | added, policy=policy)
    if changed == endpoint:
        return state, OK
    gone = replace(state, served={key: value for key, value in state.served.items() if key not in _keys(endpoint.id, removed)})
    following = "pendingAcceptance" if endpoint.state == "pendingAcceptance" else "pending"
    return _moved(_serve(gone, service, endpoint.id, added, served), changed, following, None), OK


def _keys(endpoint_id: str, subnets: Iterable[str]) -> set[tuple[str, str]]:
    return {(endpoint_id, subnet) for subnet in subnets}


def _moved(state: State, endpoint: Endpoint, to: str, event: str | None, generations: int = 1) -> State:
    after = replace(
        endpoint, state=to, generation=endpoint.generation + generations, version=endpoint.version + 1
    )  # fmt: skip
    events = state.events[endpoint.id] + ((event,) if event else ())
    return replace(
        state, endpoints=put(state.endpoints, endpoint.id, after), events=put(state.events, endpoint.id, events)
    )  # fmt: skip


def _each(state: State, ids: Iterable[str], act: Callable[[State, str], State]) -> tuple[State, Outcome]:
    failed: set[tuple[str, str]] = set()
    for one in dict.fromkeys(ids):
        try:
            state = act(state, one)
        except Refused as refused:
            failed.add((one, refused.code))
    return state, Outcome(unsuccessful=frozenset(failed))


# --- what the agent reports ---------------------------------------------------------------------------------------


def _report(state: State, account: str, request: Request, made: str, served: Served) -> tuple[State, Outcome]:
    """``made`` of the outcome: whether the report changed anything, as text."""
    endpoint = state.endpoints.get(request["VpcEndpointId"])
    kind = request["Report"]
    wanted = "deleting" if kind == "removed" else "pending"
    if endpoint is None or endpoint.generation != request["Generation"] or endpoint.state != wanted:
        return state, Outcome(made="late")
    if kind == "removed":
        served_after = {key: value for key, value in state.served.items() if key[0] != endpoint.id}
        return replace(state, endpoints=without(state.endpoints, endpoint.id), served=served_after), Outcome(made="taken")
    to = "available" if kind == "provisioned" else "failed"
    return _moved(state, endpoint, to, None, generations=0), Outcome(made="taken")


_STEPS: Mapping[str, Callable[[State, str, Request, str, Served], tuple[State, Outcome]]] = {
    "CreateLoadBalancer": _create_load_balancer,
    "DeleteLoadBalancer": _delete_load_balancer,
    "CreateVpcEndpointServiceConfiguration": _create_service,
    "ModifyVpcEndpointServiceConfiguration": _modify_service,
    "DeleteVpcEndpointServiceConfigurations": _delete_services,
    "ModifyVpcEndpointServicePermissions": _modify_permissions,
    "CreateVpcEndpoint": _create_endpoint,
    "ModifyVpcEndpoint": _modify_endpoint,
    "DeleteVpcEndpoints": _delete_endpoints,
    "AcceptVpcEndpointConnections": _accept,
    "RejectVpcEndpointConnections": _reject,
    "Report": _report,
}

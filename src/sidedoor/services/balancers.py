"""The load balancers behind a service: which ones it may have, and the zones that they give it.

Rule 1: a load balancer stands behind one service at most ("One Network Load Balancer can be associated with a single endpoint
service", PrivateLink guide).
Rule 2: none is taken away while endpoints are attached (user guide, "Changing the Network Load Balancers"); adding one is
always possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.loadbalancers.model import LoadBalancer, LoadBalancerState
from sidedoor.services.lookup import has_attached_endpoints
from sidedoor.services.model import Service, zones_after


def of_new_service(call: Call, request: Request) -> list[LoadBalancer]:
    """The load balancers that a request for a new service names."""
    arns, gateways = request.get("NetworkLoadBalancerArns") or (), request.get("GatewayLoadBalancerArns") or ()
    if bool(arns) is bool(gateways):
        raise errors.InvalidParameter(
            "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member"
        )
    if gateways:
        raise errors.InvalidParameter("Gateway Load Balancers are not supported by Sidedoor: use a Network Load Balancer.")
    return _usable(call, arns, None)


def changed(call: Call, service: Service, request: Request) -> Service:
    """The service with the load balancers that a request leaves it, and with the zones of those that it names."""
    if request.get("AddGatewayLoadBalancerArns") or request.get("RemoveGatewayLoadBalancerArns"):
        raise errors.InvalidParameter("Gateway Load Balancers are not supported by Sidedoor: use a Network Load Balancer.")
    added = _usable(call, request.get("AddNetworkLoadBalancerArns") or (), service)
    added_ids = [one.id for one in added]
    removed = set(request.get("RemoveNetworkLoadBalancerArns") or ())
    if not added and not removed:
        return service
    for arn in sorted(removed - set(service.load_balancer_ids)):
        raise errors.InvalidParameter(f"The Network Load Balancer '{arn}' is not associated with {service.id}.")
    kept = [one for one in service.load_balancer_ids if one not in removed and one not in added_ids]
    after = (*kept, *added_ids)
    if not after:
        raise errors.InvalidParameter(f"The last Network Load Balancer of {service.id} cannot be removed.")
    if not set(service.load_balancer_ids) <= set(after) and has_attached_endpoints(call, service.id):
        raise errors.ExistingConnections
    zones = zones_after(service.zone_ids, _zones(call.tables.load_balancers.where(id=kept)), _zones(added))
    return replace(service, load_balancer_ids=_in_order(service, after), zone_ids=zones)


def _in_order(service: Service, after: Sequence[str]) -> tuple[str, ...]:
    """Those that were there stay where they were."""
    return (
        *(one for one in service.load_balancer_ids if one in after),
        *(one for one in after if one not in service.load_balancer_ids),
    )


def _zones(balancers: Iterable[LoadBalancer]) -> list[frozenset[str]]:
    return [one.zone_ids for one in balancers]


def _usable(call: Call, arns: Sequence[str], service: Service | None) -> list[LoadBalancer]:
    """The load balancers with these ARNs: the caller's own, none of them failed, none behind a service other than ``service``.

    AWS's codes for these are not public; ``InvalidParameter`` is what it answers to other faults of the same parameter.
    """
    taken = {one: other.id for other in call.tables.services.where(**call.owned) for one in other.load_balancer_ids}
    found: list[LoadBalancer] = []
    for arn in dict.fromkeys(arns):
        balancer = call.tables.load_balancers.find(arn)
        if balancer is None or (balancer.account, balancer.region) != (call.account, call.region):
            raise errors.InvalidParameter(f"The Network Load Balancer '{arn}' does not exist.")
        if balancer.state is LoadBalancerState.FAILED:
            raise errors.InvalidParameter(f"The Network Load Balancer '{arn}' is in the state failed.")
        if taken.get(arn) not in (None, service.id if service else None):
            raise errors.InvalidParameter(f"The Network Load Balancer '{arn}' is already associated with {taken[arn]}.")
        found.append(balancer)
    return found

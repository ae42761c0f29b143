"""What ModifyVpcEndpoint changes of an endpoint: its policy, its security groups, its subnets and their interfaces."""

from __future__ import annotations

from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.endpoints import options, placement, private_names
from sidedoor.endpoints.model import Endpoint
from sidedoor.networks.lookup import groups_of_vpc, owned_vpc
from sidedoor.services.model import Service


def with_policy(endpoint: Endpoint, request: Request) -> Endpoint:
    new = options.policy(request)
    if new is not None and request.get("ResetPolicy"):
        raise errors.InvalidParameterCombination("PolicyDocument and ResetPolicy cannot be used together.")
    if request.get("ResetPolicy"):
        return replace(endpoint, policy=None)
    return endpoint if new is None else replace(endpoint, policy=new)


def with_dns(call: Call, endpoint: Endpoint, service: Service, request: Request) -> Endpoint:
    after = replace(endpoint, dns_record_ip_type=options.dns_record_type(request, endpoint.dns_record_ip_type))
    match request.get("PrivateDnsEnabled"):
        case True if endpoint.private_dns_name is None:
            name = private_names.usable(call, service, owned_vpc(call, endpoint.vpc_id))
            return replace(after, private_dns_enabled=True, private_dns_name=name)
        case False:
            return replace(after, private_dns_enabled=False, private_dns_name=None)
    return after


def with_groups(call: Call, endpoint: Endpoint, request: Request) -> Endpoint:
    added, removed = request.get("AddSecurityGroupIds") or (), set(request.get("RemoveSecurityGroupIds") or ())
    if added:
        groups_of_vpc(call, endpoint.vpc_id, added)
    for group_id in sorted(removed - set(endpoint.group_ids)):
        raise errors.InvalidParameter(f"The security group {group_id} is not associated with {endpoint.id}.")
    kept = (one for one in endpoint.group_ids if one not in removed)
    group_ids = tuple(dict.fromkeys((*kept, *added)))
    if removed and not group_ids:
        raise errors.InvalidParameter(f"The last security group of {endpoint.id} cannot be removed.")
    return replace(endpoint, group_ids=group_ids)


def with_subnets(call: Call, endpoint: Endpoint, service: Service, request: Request) -> Endpoint:
    """Removes interfaces and makes new ones, in this order, so that a subnet may take another one's place in a zone."""
    removed, added = set(request.get("RemoveSubnetIds") or ()), request.get("AddSubnetIds") or ()
    addresses = placement.addresses(request)
    standing = set(endpoint.subnet_ids)
    for subnet_id in sorted((removed - standing) | (addresses.keys() - (standing - removed) - set(added))):
        raise errors.InvalidParameter(f"The subnet {subnet_id} is not associated with {endpoint.id}.")
    present = {one.subnet_id: one for one in call.tables.interfaces.where(holder=endpoint.id)}
    readdressed = [
        subnet_id
        for subnet_id, address in addresses.items()
        if subnet_id not in added and address not in (None, present[subnet_id].address)
    ]
    kept = [one for one in endpoint.subnet_ids if one not in removed and one not in readdressed]
    wanted = {one: addresses.get(one) for one in (*added, *readdressed)}
    places = placement.places(call, endpoint.vpc_id, service, wanted, {present[one].zone_id for one in kept})
    call.tables.interfaces.remove_all(one for subnet_id, one in present.items() if subnet_id not in kept)
    made = [placement.settle(call, endpoint.id, service, place, endpoint.group_ids) for place in places]
    interfaces = [*(present[one] for one in kept), *made]
    return replace(
        endpoint,
        subnet_ids=tuple(one.subnet_id for one in interfaces),
        interface_ids=tuple(one.id for one in interfaces),
    )


def regroup(call: Call, endpoint: Endpoint) -> None:
    """Gives the endpoint's interfaces its security groups."""
    interfaces = call.tables.interfaces
    for interface in interfaces.where(holder=endpoint.id):
        interfaces.update(interface, replace(interface, group_ids=endpoint.group_ids))

"""The private name of a service in a consumer's VPC: when an endpoint may have it, and how it follows the service's.

Rule 1: an endpoint gets no name but one that was verified at that moment. What becomes of the service's name later takes it
from no endpoint ("existing consumer connections remain", PrivateLink guide) but for two: the owner removes the name, or proves
another one.
Rule 2: in a VPC two endpoints never speak for the same domain; a name and its wildcard's domain are one (private hosted zones
of one name cannot stand in one VPC, Route 53 guide).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.endpoints.model import Endpoint, State
from sidedoor.networks.model import Vpc
from sidedoor.services.model import DnsNameState, Service, private_zone
from sidedoor.store.tables import Tables

log = logging.getLogger(__name__)


def usable(call: Call, service: Service, vpc: Vpc) -> str:
    """The name that an endpoint in this VPC gets. Raises ``InvalidParameter`` where private DNS cannot be turned on."""
    name = service.private_dns_name
    if name is None or service.private_dns_state is not DnsNameState.VERIFIED:
        call.explain("private_dns.denied", f"{name or 'its private name'} is not verified", service=service.id)
        raise errors.PrivateDnsNotProvided(service=service.name)
    if not (vpc.dns_support and vpc.dns_hostnames):
        raise errors.PrivateDnsNeedsAttributes(vpc_id=vpc.id)
    if _is_taken(call.tables, vpc.id, name):
        raise errors.PrivateDnsConflict(name=name, vpc_id=vpc.id)
    return name


def follow(tables: Tables, service: Service) -> None:
    """Gives the service's name, just verified, to the endpoints that want it and have an older one or none."""
    name = service.private_dns_name
    for endpoint in tables.endpoints.where(service_id=service.id):
        if name is None or not endpoint.private_dns_enabled or endpoint.private_dns_name == name or not _stands(endpoint):
            continue
        if _is_taken(tables, endpoint.vpc_id, name, but=endpoint.id):
            context = {"action": "private_dns.conflict", "endpoint": endpoint.id, "vpc": endpoint.vpc_id}
            log.warning("%s does not get %s: another endpoint of its VPC has it", endpoint.id, name, extra=context)
            continue
        tables.endpoints.update(endpoint, replace(endpoint, private_dns_name=name))


def withdraw(tables: Tables, service: Service) -> None:
    """Takes the name from what is left of the service's endpoints, when the service has it no more."""
    for endpoint in tables.endpoints.where(service_id=service.id):
        tables.endpoints.update(endpoint, replace(endpoint, private_dns_name=None))


def _is_taken(tables: Tables, vpc_id: str, name: str, but: str | None = None) -> bool:
    """Whether an endpoint of the VPC, but for one, speaks for the name's domain already."""
    zones = {
        private_zone(one.private_dns_name)
        for one in tables.endpoints.where(vpc_id=vpc_id)
        if one.private_dns_name is not None and one.id != but and _stands(one)
    }
    return private_zone(name) in zones


def _stands(endpoint: Endpoint) -> bool:
    return endpoint.state not in (State.DELETING, State.DELETED)

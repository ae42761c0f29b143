"""Finds endpoint services: those that the caller owns, and those that it may see because it may connect to them.

A service that is hidden from the caller does not exist for it; only the operator's log tells the difference.
"""

from __future__ import annotations

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.endpoints.model import ATTACHED
from sidedoor.networks.lookup import owned
from sidedoor.paging import record_key
from sidedoor.services.model import Service, doors, may_connect, service_id_of


def owned_service(call: Call, service_id: str) -> Service:
    not_found, malformed = errors.ServiceIdNotFound, errors.ServiceIdMalformed
    return owned(call, call.tables.services, service_id, "vpce-svc", not_found, malformed)


def named_service(call: Call, name: str) -> Service:
    """The service with this name, if the caller may connect to it. Raises ``InvalidServiceName``."""
    service_id = service_id_of(name)
    service = call.tables.services.find(service_id) if service_id else None
    if service is None or (service.name, service.region) != (name, call.region):
        call.explain("service.hidden", f"there is no endpoint service {name} in {call.region}", service=name)
        raise errors.ServiceNameInvalid(name=name)
    principals = [] if service.account == call.account else _open_doors(call, service)
    if not may_connect(service.account, principals, call.account, call.caller.principal):
        reason = f"account {service.account}, which owns {name}, does not allow {call.caller.principal} to connect"
        call.explain("service.hidden", reason, service=name)
        raise errors.ServiceNameInvalid(name=name)
    return service


def _open_doors(call: Call, service: Service) -> list[str]:
    """Those of a service's principals that are the caller's."""
    own = doors(call.account, call.caller.principal)
    return call.tables.permissions.values("principal", service_id=service.id, principal=own)


def visible_services(call: Call) -> list[Service]:
    """The services that the caller owns and those to which it may connect, oldest first."""
    permissions = call.tables.permissions.where(principal=doors(call.account, call.caller.principal))
    permitted = call.tables.services.where(id={one.service_id for one in permissions}, region=call.region)
    found = {service.id: service for service in (*call.tables.services.where(**call.owned), *permitted)}
    return sorted(found.values(), key=record_key)


def has_attached_endpoints(call: Call, service_id: str) -> bool:
    """Whether endpoints keep the service from being deleted and its load balancers from being taken away."""
    return bool(call.tables.endpoints.values("id", service_id=service_id, state=ATTACHED))

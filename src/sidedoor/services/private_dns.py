"""A service's private DNS name and the record that proves that the owner of the service also owns the domain.

No operation looks for the record: it writes down that somebody should, and ``verifier.py`` does. Form of the record:
PrivateLink guide, "Manage DNS names".
"""

from __future__ import annotations

import re
from dataclasses import replace

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints import private_names
from sidedoor.services.lookup import has_attached_endpoints, owned_service
from sidedoor.services.model import DnsNameEvent, DnsNameState, Service

_NAME = re.compile(r"(?=.{1,255}$)(?:\*\.)?(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{1,63}(?<!-)")


def start_vpc_endpoint_service_private_dns_verification(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartVpcEndpointServicePrivateDnsVerification.html"""
    service = owned_service(call, request["ServiceId"])
    if service.private_dns_name is None:
        raise errors.InvalidParameter(f"The service {service.id} has no private DNS name to verify.")
    call.tables.services.update(service, service.after_dns(DnsNameEvent.STARTED, call.now))
    return {"ReturnValue": True}


def changed(call: Call, service: Service, request: Request) -> Service:
    """The service with the private DNS name that a request gives it or takes from it.

    An empty name takes it away: that is what Terraform sends. That is possible "only after there are no connections to the
    service" (VPC user guide, "Removing an endpoint service private DNS name").
    """
    name, remove = request.get("PrivateDnsName"), bool(request.get("RemovePrivateDnsName"))
    if name and remove:
        raise errors.InvalidParameterCombination("PrivateDnsName and RemovePrivateDnsName cannot be used together.")
    if name:
        return service if name == service.private_dns_name else _with_name(call, service, name)
    if service.private_dns_name is None or not (remove or name == ""):
        return service
    if has_attached_endpoints(call, service.id):
        raise errors.ExistingConnections
    private_names.withdraw(call.tables, service)
    return replace(
        service, private_dns_name=None, private_dns_state=None, private_dns_record_name=None, private_dns_record_value=None,
        private_dns_pending_since=None,
    )  # fmt: skip


def _with_name(call: Call, service: Service, name: str) -> Service:
    """The service with a private DNS name that is still to be verified. Raises ``InvalidParameter`` for what is no name."""
    if not _NAME.fullmatch(name):
        raise errors.InvalidParameter(f"The private DNS name '{name}' is not a valid domain name in lower case.")
    return replace(
        service,
        private_dns_name=name,
        private_dns_state=DnsNameState.PENDING_VERIFICATION,
        private_dns_record_name=f"_{ids.base36(20, call.entropy)}",
        private_dns_record_value=f"vpce:{ids.base62(20, call.entropy)}",
        private_dns_pending_since=call.now,
    )

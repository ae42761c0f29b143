"""What endpoints tell the owner of their service: Connect, Accept, Reject and Delete, kept in the outbox."""

from __future__ import annotations

from sidedoor.call import Call
from sidedoor.endpoints.model import Endpoint
from sidedoor.services.model import Service


def remember(call: Call, name: str, endpoint: Endpoint, service: Service) -> None:
    """Writes the event in the call's transaction, with what was true at that moment."""
    call.remember_event(
        name,
        service_id=service.id,
        endpoint_id=endpoint.id,
        account=service.account,
        serviceName=service.name,
        vpcEndpointOwner=endpoint.account,
        vpcEndpointState=endpoint.state.value,
    )

"""What happens to endpoints and is to be known: Connect, Accept, Reject and Delete, kept in the outbox."""

from __future__ import annotations

from sidedoor.call import Call
from sidedoor.endpoints.model import Endpoint
from sidedoor.ids import Arn
from sidedoor.services.model import Service
from sidedoor.store import outbox
from sidedoor.store.schema import Notice, OutboxEvent


def remember(call: Call, name: str, endpoint: Endpoint, service: Service) -> None:
    """Writes the event in the call's transaction, with what was true at that moment and with those who are to be told."""
    notices = _notices(call, name, endpoint, service)
    call.tables.events.add(
        OutboxEvent(
            id=call.new_id("evt"), account=service.account, region=call.region, name=name, service_id=service.id,
            endpoint_id=endpoint.id, created=call.now, sequence=outbox.next_event(call.tables), notices=notices,
            announced=not notices,
            body={
                "serviceName": service.name,
                "vpcEndpointOwner": endpoint.account,
                "vpcEndpointState": endpoint.state.value,
            },
        )
    )  # fmt: skip


def _notices(call: Call, name: str, endpoint: Endpoint, service: Service) -> tuple[Notice, ...]:
    """The notifications of the service and of the endpoint that are about this event, in the order of their creation."""
    found = call.tables.connection_notifications
    of_service = Arn("ec2", call.region, service.account, f"vpc-endpoint-service/{service.id}")
    of_endpoint = Arn("ec2", call.region, endpoint.account, f"vpc-endpoint/{endpoint.id}")
    asked = [(one, of_service) for one in found.where(service_id=service.id)]
    if name != "Connect":  # An endpoint that was not there yet has nobody who asked for its events.
        asked += [(one, of_endpoint) for one in found.where(endpoint_id=endpoint.id)]
    return tuple(
        Notice(notification_id=one.id, topic_arn=one.topic_arn, source_arn=str(source))
        for one, source in asked
        if name in one.events
    )

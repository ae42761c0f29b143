"""What happens to endpoints and is to be known: every change of a state, kept in the log of events.

Connect, Accept, Reject and Delete are also told to those who asked for it (``notifications``).
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime

from sidedoor import ids
from sidedoor.call import Call
from sidedoor.endpoints.model import Endpoint, State
from sidedoor.ids import Arn
from sidedoor.services.model import Service
from sidedoor.store import outbox
from sidedoor.store.schema import Actor, Notice, OutboxEvent
from sidedoor.store.tables import Tables


def remember(call: Call, name: str, endpoint: Endpoint, service: Service, *, before: State | None) -> None:
    """Writes the event in the call's transaction, with what was true at that moment and with those who are to be told.

    ``before``: the endpoint's state until then, None where it was not there.
    """
    notices = _notices(call, name, endpoint, service)
    caller = call.caller
    actor = Actor(
        account=caller.account, arn=caller.arn, user_id=caller.user_id, access_key_id=caller.access_key_id,
        operation=call.operation, request_id=call.request_id, source=call.source, user_agent=call.user_agent,
    )  # fmt: skip
    event = _event(name, endpoint, service, before=before, after=endpoint.state, now=call.now, entropy=call.entropy)
    sequence = outbox.next_event(call.tables)
    call.tables.events.add(replace(event, sequence=sequence, actor=actor, notices=notices, announced=not notices))


def observe(tables: Tables, name: str, endpoint: Endpoint, *, after: State | None, now: datetime) -> None:
    """Writes what the data plane did to an endpoint. ``after``: its state from now on, None where it is gone."""
    service = tables.services.find(endpoint.service_id)
    event = _event(name, endpoint, service, before=endpoint.state, after=after, now=now, entropy=os.urandom)
    tables.events.add(replace(event, sequence=outbox.next_event(tables)))


def _event(
    name: str, endpoint: Endpoint, service: Service | None, *, before: State | None, after: State | None, now: datetime,
    entropy: ids.Entropy,
) -> OutboxEvent:  # fmt: skip
    facts = {"vpcEndpointOwner": endpoint.account, "vpcEndpointState": (after or State.DELETED).value}
    return OutboxEvent(
        id=ids.random_uuid(entropy), account=service.account if service else "", region=endpoint.region, name=name,
        service_id=endpoint.service_id, endpoint_id=endpoint.id, created=now, consumer=endpoint.account,
        before=before.value if before else None, after=after.value if after else None,
        body={"serviceName": service.name, **facts} if service else facts,
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

"""What a subscriber reads of a connection's event. Pure.

AWS publishes no sample of this message; ours has a version of its own and is documented in docs/notifications.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sidedoor import times
from sidedoor.notifications.documents import dumped
from sidedoor.notifications.model import MessageAttribute

VERSION = "1"

_SENTENCES: Mapping[str, str] = {
    "Connect": "{endpoint} asks to connect to {service}",
    "Accept": "{endpoint} was accepted by {service}",
    "Reject": "{endpoint} was rejected by {service}",
    "Delete": "{endpoint} of {service} was deleted",
}


def subject(event: str, endpoint_id: str, service_id: str) -> str:
    """One line of at most 100 characters, as SNS wants it."""
    return _SENTENCES[event].format(endpoint=endpoint_id, service=service_id)


def body(
    *, event: str, created: datetime, region: str, notification_id: str, service_id: str, endpoint_id: str,
    facts: Mapping[str, str], link: str,
) -> str:  # fmt: skip
    """The message, a JSON object of texts. ``facts``: what was true of the endpoint at that moment."""
    return dumped(
        {
            "version": VERSION,
            "source": "aws.vpce",
            "event": event,
            "eventTime": times.text(created),
            "region": region,
            "connectionNotificationId": notification_id,
            "serviceId": service_id,
            "vpcEndpointId": endpoint_id,
            **facts,
            "link": link,
        }
    )


def attributes(event: str, service_id: str, endpoint_id: str, state: str) -> tuple[MessageAttribute, ...]:
    """What a subscription's filter policy can look at."""
    named = {"event": event, "serviceId": service_id, "vpcEndpointId": endpoint_id, "vpcEndpointState": state}
    return tuple(MessageAttribute(name=name, data_type="String", value=value) for name, value in named.items() if value)

"""Connection notifications: a provider's for its service, a consumer's for its endpoint.

They are kept here; an event names those that ask for it (``endpoints/events.py``), and the postman announces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, unsuccessful
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints.lookup import owned_endpoint
from sidedoor.notifications.model import (
    EVENTS,
    TOPIC_TYPE,
    ConnectionNotification,
    NotificationState,
    in_order,
    is_topic,
)
from sidedoor.paging import page
from sidedoor.services.lookup import owned_service


def create_vpc_endpoint_connection_notification(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpointConnectionNotification.html"""
    earlier = call.replayed(request)
    if earlier is not None:
        return _created(request, _owned_notification(call, earlier))
    service_id, endpoint_id = request.get("ServiceId"), request.get("VpcEndpointId")
    if bool(service_id) is bool(endpoint_id):
        raise errors.InvalidParameter("Specify exactly one of ServiceId and VpcEndpointId.")
    notification = call.tables.connection_notifications.add(
        ConnectionNotification(
            id=call.new_id("vpce-nfn"), account=call.account, region=call.region,
            service_id=owned_service(call, service_id).id if service_id else None,
            endpoint_id=owned_endpoint(call, endpoint_id).id if endpoint_id else None,
            topic_arn=_topic(request["ConnectionNotificationArn"]), events=_events(request["ConnectionEvents"]),
            state=NotificationState.ENABLED, created=call.now,
        )
    )  # fmt: skip
    call.remember_token(request, notification.id)
    return _created(request, notification)


def _created(request: Request, notification: ConnectionNotification) -> Answer:
    return {"ConnectionNotification": _to_wire(notification), "ClientToken": request.get("ClientToken")}


def describe_vpc_endpoint_connection_notifications(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointConnectionNotifications.html"""
    notification_id = request.get("ConnectionNotificationId")
    if notification_id:
        notifications = [_owned_notification(call, notification_id)]
    else:
        notifications = call.tables.connection_notifications.where(**call.owned)
    shown, token = page(call, request, filtered(notifications, request.get("Filters"), _FILTERS))
    return {"ConnectionNotificationSet": [_to_wire(notification) for notification in shown], "NextToken": token}


def modify_vpc_endpoint_connection_notification(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointConnectionNotification.html"""
    notification = _owned_notification(call, request["ConnectionNotificationId"])
    topic_arn, events = notification.topic_arn, notification.events
    if request.get("ConnectionNotificationArn"):
        topic_arn = _topic(request["ConnectionNotificationArn"])
    if "ConnectionEvents" in request:
        events = _events(request["ConnectionEvents"])
    call.tables.connection_notifications.update(notification, replace(notification, topic_arn=topic_arn, events=events))
    return {"ReturnValue": True}


def delete_vpc_endpoint_connection_notifications(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpointConnectionNotifications.html"""

    def delete(notification_id: str) -> None:
        call.tables.connection_notifications.remove(_owned_notification(call, notification_id))

    return {"Unsuccessful": unsuccessful.each(request["ConnectionNotificationIds"], delete)}


def _owned_notification(call: Call, notification_id: str) -> ConnectionNotification:
    notification = call.tables.connection_notifications.find(notification_id)
    if notification is None or (notification.account, notification.region) != (call.account, call.region):
        raise errors.ConnectionNotificationInvalid(id=notification_id)
    return notification


def _topic(arn: str) -> str:
    if not is_topic(arn):
        raise errors.InvalidParameter(f"'{arn}' is not the ARN of an SNS topic.")
    return arn


def _events(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in EVENTS:
            raise errors.InvalidParameter(f"The connection event '{name}' is not valid: use {', '.join(sorted(EVENTS))}.")
    if not names:
        raise errors.InvalidParameter(f"At least one connection event is needed: {', '.join(sorted(EVENTS))}.")
    return in_order(names)


def _to_wire(notification: ConnectionNotification) -> dict[str, Any]:
    return {
        "ConnectionNotificationId": notification.id,
        "ServiceId": notification.service_id,
        "VpcEndpointId": notification.endpoint_id,
        "ConnectionNotificationType": TOPIC_TYPE,
        "ConnectionNotificationArn": notification.topic_arn,
        "ConnectionEvents": list(notification.events),
        "ConnectionNotificationState": notification.state.value,
        "ServiceRegion": notification.region,
    }


_FILTERS: Mapping[str, Field[ConnectionNotification]] = {
    "connection-notification-arn": lambda notification: notification.topic_arn,
    "connection-notification-id": lambda notification: notification.id,
    "connection-notification-state": lambda notification: notification.state.value,
    "connection-notification-type": lambda notification: TOPIC_TYPE,
    "service-id": lambda notification: notification.service_id,
    "vpc-endpoint-id": lambda notification: notification.endpoint_id,
}

"""Connection notifications: creating, describing, changing and deleting them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from privatelink_site import CONSUMER, PROVIDER, STRANGER, UNKNOWN_ENDPOINT, UNKNOWN_SERVICE, Site, filters
from sidedoor import errors
from sidedoor.notifications.model import EVENTS, in_order, is_topic
from sidedoor.notifications.operations import (
    create_vpc_endpoint_connection_notification,
    delete_vpc_endpoint_connection_notifications,
    describe_vpc_endpoint_connection_notifications,
    modify_vpc_endpoint_connection_notification,
)

create, describe = create_vpc_endpoint_connection_notification, describe_vpc_endpoint_connection_notifications
modify, delete = modify_vpc_endpoint_connection_notification, delete_vpc_endpoint_connection_notifications
TOPIC = "arn:aws:sns:us-east-2:123456789012:VpceNotification"
UNKNOWN = "vpce-nfn-00000000000000000"


def notify(site: Site, account: str = PROVIDER, **request: Any) -> dict[str, Any]:
    request = {"ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Connect", "Accept", "Delete", "Reject"], **request}
    return site.ask(create, account=account, **request)["ConnectionNotification"]


def ids(site: Site, account: str = PROVIDER, **request: Any) -> list[str]:
    found = site.ask(describe, account=account, **request)["ConnectionNotificationSet"]
    return [one["ConnectionNotificationId"] for one in found]


def test_a_services_notification_is_answered_as_the_user_guide_shows_it(site: Site) -> None:
    service_id = site.service()["ServiceId"]
    notification = notify(site, ServiceId=service_id)
    assert notification == {
        "ConnectionNotificationId": notification["ConnectionNotificationId"],
        "ServiceId": service_id,
        "VpcEndpointId": None,
        "ConnectionNotificationType": "Topic",
        "ConnectionNotificationArn": TOPIC,
        "ConnectionEvents": ["Reject", "Accept", "Delete", "Connect"],
        "ConnectionNotificationState": "Enabled",
        "ServiceRegion": "us-east-1",
    }
    assert notification["ConnectionNotificationId"].startswith("vpce-nfn-")
    assert site.ask(describe)["ConnectionNotificationSet"] == [notification]


def test_a_consumer_makes_a_notification_for_its_endpoint(site: Site) -> None:
    endpoint_id = site.endpoint(site.open_service())["VpcEndpointId"]
    notification = notify(site, CONSUMER, VpcEndpointId=endpoint_id, ConnectionEvents=["Reject", "Accept", "Reject"])
    assert (notification["VpcEndpointId"], notification["ServiceId"]) == (endpoint_id, None)
    assert notification["ConnectionEvents"] == ["Reject", "Accept"]


@pytest.mark.parametrize("which", [{}, {"ServiceId": UNKNOWN_SERVICE, "VpcEndpointId": UNKNOWN_ENDPOINT}])
def test_a_notification_is_for_a_service_or_for_an_endpoint(site: Site, which: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidParameter, match="exactly one"):
        notify(site, **which)


def test_a_notification_is_only_for_ones_own_service_or_endpoint(site: Site) -> None:
    service = site.open_service()
    endpoint = site.endpoint(service)
    with pytest.raises(errors.ServiceIdNotFound):
        notify(site, CONSUMER, ServiceId=service["ServiceId"])
    with pytest.raises(errors.EndpointIdNotFound):
        notify(site, PROVIDER, VpcEndpointId=endpoint["VpcEndpointId"])


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "topic",
        "arn:aws:sqs:us-east-1:123456789012:queue",
        "arn:aws:sns:us-east-1:1234:topic",
        "arn:aws:sns:us-east-1:123456789012:",
        "arn:aws:sns:us-east-1:123456789012:a:b",
        f"{TOPIC}\n",
        f"arn:aws:sns:us-east-1:123456789012:{'a' * 257}",
    ],
)
def test_what_is_no_topics_arn_is_refused(site: Site, arn: str) -> None:
    assert not is_topic(arn)
    service_id = site.service()["ServiceId"]
    with pytest.raises(errors.InvalidParameter, match="is not the ARN of an SNS topic"):
        notify(site, ServiceId=service_id, ConnectionNotificationArn=arn)


@pytest.mark.parametrize("events", [[], ["connect"], ["Connect", "Expire"], [""]])
def test_events_are_at_least_one_of_the_four(site: Site, events: list[str]) -> None:
    service_id = site.service()["ServiceId"]
    with pytest.raises(errors.InvalidParameter, match="Accept, Connect, Delete, Reject"):
        notify(site, ServiceId=service_id, ConnectionEvents=events)


@pytest.mark.parametrize("events", list(itertools.permutations(EVENTS, 3)))
def test_events_come_in_one_order_whatever_order_they_were_given_in(events: tuple[str, ...]) -> None:
    assert in_order(events) == tuple(event for event in ("Reject", "Accept", "Delete", "Connect") if event in events)


def test_a_repeated_token_gives_the_same_notification(site: Site) -> None:
    request = {"ServiceId": site.service()["ServiceId"], "ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Accept"]}
    first, second = (site.ask(create, ClientToken="once", **request) for _ in range(2))
    assert first == second
    assert (first["ClientToken"], len(ids(site))) == ("once", 1)
    with pytest.raises(errors.IdempotentParameterMismatch):
        site.ask(create, ClientToken="once", **{**request, "ConnectionEvents": ["Reject"]})


def test_a_dry_run_creates_nothing(site: Site) -> None:
    service_id = site.service()["ServiceId"]
    with pytest.raises(errors.DryRunOperation):
        notify(site, ServiceId=service_id, DryRun=True)
    assert ids(site) == []


def test_notifications_are_their_owners_alone(site: Site) -> None:
    service = site.open_service()
    provider = notify(site, ServiceId=service["ServiceId"])["ConnectionNotificationId"]
    consumer = notify(site, CONSUMER, VpcEndpointId=site.endpoint(service)["VpcEndpointId"])["ConnectionNotificationId"]
    assert (ids(site), ids(site, CONSUMER), ids(site, STRANGER)) == ([provider], [consumer], [])
    assert ids(site, region="us-east-2") == []
    with pytest.raises(errors.ConnectionNotificationInvalid):
        ids(site, CONSUMER, ConnectionNotificationId=provider)
    with pytest.raises(errors.ConnectionNotificationInvalid):
        site.ask(modify, account=CONSUMER, ConnectionNotificationId=provider, ConnectionEvents=["Accept"])
    (item,) = site.ask(delete, account=CONSUMER, ConnectionNotificationIds=[provider])["Unsuccessful"]
    assert item["Error"]["Code"] == "InvalidConnectionNotification"


def test_notifications_are_filtered_by_everything_that_aws_documents(site: Site) -> None:
    first, second = site.service()["ServiceId"], site.service(site.balancer("second"))["ServiceId"]
    one = notify(site, ServiceId=first)["ConnectionNotificationId"]
    other_topic = "arn:aws:sns:us-east-1:123456789012:other"
    two = notify(site, ServiceId=second, ConnectionNotificationArn=other_topic)["ConnectionNotificationId"]

    def found(**values: Any) -> list[str]:
        return ids(site, Filters=filters(**values))

    assert found(connection_notification_arn=TOPIC) == [one]
    assert found(connection_notification_id=two) == [two]
    assert found(connection_notification_state="Enabled") == [one, two]
    assert found(connection_notification_state="Disabled") == []
    assert found(connection_notification_type="Topic") == [one, two]
    assert found(service_id=second) == [two]
    assert found(vpc_endpoint_id="*") == []
    assert ids(site, ConnectionNotificationId=one) == [one]
    with pytest.raises(errors.InvalidFilter):
        found(topic="x")


def test_notifications_come_in_pages(site: Site) -> None:
    service_id = site.service()["ServiceId"]
    made = [notify(site, ServiceId=service_id)["ConnectionNotificationId"] for _ in range(6)]
    first = site.ask(describe, MaxResults=5)
    assert [one["ConnectionNotificationId"] for one in first["ConnectionNotificationSet"]] == made[:5]
    assert ids(site, MaxResults=5, NextToken=first["NextToken"]) == made[5:]


def test_topic_and_events_are_changed_separately_and_together(site: Site) -> None:
    notification = notify(site, ServiceId=site.service()["ServiceId"])
    notification_id, mine = notification["ConnectionNotificationId"], "arn:aws:sns:us-east-2:123456789012:mytopic"

    def change(**request: Any) -> dict[str, Any]:
        assert site.ask(modify, ConnectionNotificationId=notification_id, **request) == {"ReturnValue": True}
        (found,) = site.ask(describe, ConnectionNotificationId=notification_id)["ConnectionNotificationSet"]
        return found

    assert change() == notification
    assert change(ConnectionEvents=["Accept", "Reject"]) == {**notification, "ConnectionEvents": ["Reject", "Accept"]}
    changed = change(ConnectionNotificationArn=mine)
    assert (changed["ConnectionNotificationArn"], changed["ConnectionEvents"]) == (mine, ["Reject", "Accept"])
    assert change(ConnectionNotificationArn=TOPIC, ConnectionEvents=["Connect", "Accept", "Delete", "Reject"]) == notification
    for wrong in ({"ConnectionEvents": []}, {"ConnectionEvents": ["No"]}, {"ConnectionNotificationArn": "no"}):
        with pytest.raises(errors.InvalidParameter):
            change(**wrong)


def test_an_unknown_notification_is_neither_described_nor_changed(site: Site) -> None:
    for operation in (describe, modify):
        with pytest.raises(errors.ConnectionNotificationInvalid) as refusal:
            site.ask(operation, ConnectionNotificationId=UNKNOWN)
        assert refusal.value.code == "InvalidConnectionNotification"


def test_notifications_are_deleted_one_by_one_and_what_fails_is_listed(site: Site) -> None:
    notification_id = notify(site, ServiceId=site.service()["ServiceId"])["ConnectionNotificationId"]
    items = site.ask(delete, ConnectionNotificationIds=[UNKNOWN, notification_id])["Unsuccessful"]
    assert [(one["ResourceId"], one["Error"]["Code"]) for one in items] == [(UNKNOWN, "InvalidConnectionNotification")]
    assert ids(site) == []

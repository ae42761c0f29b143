"""Topics for the tests of SNS, and everything that is asked of them."""

from __future__ import annotations

from typing import Any, Protocol

from sidedoor.notifications.subscriptions import get_subscription_attributes, subscribe
from sidedoor.notifications.topics import create_topic, get_topic_attributes, set_topic_attributes
from sidedoor.store.engine import Store

PROVIDER, CONSUMER, STRANGER = "111111111111", "222222222222", "333333333333"
TOPIC = f"arn:aws:sns:us-east-1:{PROVIDER}:events"
NOBODYS = f"arn:aws:sns:us-east-1:{PROVIDER}:nothing"
QUEUE = f"arn:aws:sqs:us-east-1:{PROVIDER}:queue"


class Asker(Protocol):
    """The ``World`` of the top conftest."""

    store: Store

    def ask(self, operation: Any, /, **request: Any) -> dict[str, Any]: ...


def make_topic(world: Asker, name: str = "events", **request: Any) -> str:
    arn: str = world.ask(create_topic, Name=name, **request)["TopicArn"]
    return arn


def attributes(world: Asker, arn: str = TOPIC, **request: Any) -> dict[str, str]:
    found: dict[str, str] = world.ask(get_topic_attributes, TopicArn=arn, **request)["Attributes"]
    return found


def set_attribute(world: Asker, name: str, value: str, **request: Any) -> None:
    world.ask(set_topic_attributes, **{"TopicArn": TOPIC, **request}, AttributeName=name, AttributeValue=value)


def join(world: Asker, protocol: str = "sqs", endpoint: str = QUEUE, **request: Any) -> str:
    """Subscribes and gives back the subscription's ARN, confirmed or not."""
    request = {"TopicArn": TOPIC, "ReturnSubscriptionArn": True, **request}
    arn: str = world.ask(subscribe, Protocol=protocol, Endpoint=endpoint, **request)["SubscriptionArn"]
    return arn


def subscription(world: Asker, arn: str, **request: Any) -> dict[str, str]:
    found: dict[str, str] = world.ask(get_subscription_attributes, SubscriptionArn=arn, **request)["Attributes"]
    return found


def token_of(world: Asker, arn: str) -> str:
    """What was sent to the endpoint."""
    with world.store.read() as tables:
        found = tables.subscriptions.find(arn)
    assert found is not None
    return found.token

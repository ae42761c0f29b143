"""Subscriptions: asking for them, confirming, reading, changing and ending them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sns_site import (
    CONSUMER,
    NOBODYS,
    PROVIDER,
    QUEUE,
    STRANGER,
    TOPIC,
    attributes,
    join,
    make_topic,
    set_attribute,
    subscription,
    token_of,
)

from sidedoor import errors
from sidedoor.notifications.subscriptions import (
    confirm_subscription,
    get_subscription_attributes,
    list_subscriptions,
    list_subscriptions_by_topic,
    set_subscription_attributes,
    subscribe,
    unsubscribe,
)
from sidedoor.notifications.topics import add_permission

FUNCTION = f"arn:aws:lambda:us-east-1:{PROVIDER}:function:handle"
STREAM = f"arn:aws:firehose:us-east-1:{PROVIDER}:deliverystream/log"
DEVICE = f"arn:aws:sns:us-east-1:{PROVIDER}:endpoint/GCM/app/1234"
FOREIGN_QUEUE = f"arn:aws:sqs:us-east-1:{CONSUMER}:queue"
URL = "https://example.com/hook"


@pytest.fixture(autouse=True)
def topic(world: Any) -> str:
    return make_topic(world)


def refusal(world: Any, operation: Any, /, **request: Any) -> str:
    with pytest.raises(errors.ApiError) as caught:
        world.ask(operation, **request)
    return f"{caught.value.code}: {caught.value.message}"


def change(world: Any, arn: str, name: str, value: str, **request: Any) -> None:
    world.ask(set_subscription_attributes, SubscriptionArn=arn, AttributeName=name, AttributeValue=value, **request)


def change_refusal(world: Any, arn: str, name: str, value: str, **request: Any) -> str:
    request = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value, **request}
    return refusal(world, set_subscription_attributes, **request)


def listed(world: Any, **request: Any) -> list[str]:
    operation = list_subscriptions_by_topic if "TopicArn" in request else list_subscriptions
    return [one["SubscriptionArn"] for one in world.ask(operation, **request)["Subscriptions"]]


def permit(world: Any, account: str, *actions: str) -> None:
    world.ask(add_permission, TopicArn=TOPIC, Label=account, AWSAccountId=[account], ActionName=list(actions))


def test_a_queue_of_ones_own_is_subscribed_at_once(world: Any) -> None:
    arn = world.ask(subscribe, TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)["SubscriptionArn"]
    assert arn.startswith(f"{TOPIC}:")
    assert subscription(world, arn) == {
        "SubscriptionArn": arn, "TopicArn": TOPIC, "Owner": PROVIDER, "Protocol": "sqs", "Endpoint": QUEUE,
        "PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true", "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{PROVIDER}:root",
    }  # fmt: skip
    entry = {"SubscriptionArn": arn, "Owner": PROVIDER, "Protocol": "sqs", "Endpoint": QUEUE, "TopicArn": TOPIC}
    assert world.ask(list_subscriptions)["Subscriptions"] == [entry]
    assert world.ask(list_subscriptions_by_topic, TopicArn=TOPIC)["Subscriptions"] == [entry]


@pytest.mark.parametrize(
    ("protocol", "endpoint", "confirmed"),
    [
        ("sqs", QUEUE, True),
        ("lambda", FUNCTION, True),
        ("firehose", STREAM, True),
        ("application", DEVICE, True),
        ("sms", "+15551234567", True),
        ("sms", "+15/55-123.4567", True),
        ("sqs", FOREIGN_QUEUE, False),
        ("http", "http://example.com", False),
        ("https", URL, False),
        ("email", "ops@example.com", False),
        ("email-json", "ops@example.com", False),
    ],
)
def test_who_has_to_confirm(world: Any, protocol: str, endpoint: str, confirmed: bool) -> None:
    answer = world.ask(subscribe, TopicArn=TOPIC, Protocol=protocol, Endpoint=endpoint)["SubscriptionArn"]
    arn = join(world, protocol, endpoint)
    assert answer == (arn if confirmed else "pending confirmation")
    assert subscription(world, arn)["PendingConfirmation"] == ("false" if confirmed else "true")
    assert listed(world) == [arn if confirmed else "PendingConfirmation"]
    found = attributes(world)
    assert (found["SubscriptionsConfirmed"], found["SubscriptionsPending"]) == (("1", "0") if confirmed else ("0", "1"))


@pytest.mark.parametrize(
    ("protocol", "endpoint", "said"),
    [
        ("pigeon", "home", "Amazon SNS does not support this protocol string: pigeon"),
        ("sqs", "", "Endpoint"),
        ("http", URL, "Endpoint must match the specified protocol"),
        ("https", "https:///", "Endpoint must match the specified protocol"),
        ("https", "https://a b", "Endpoint must match the specified protocol"),
        ("email", "nobody", "Email address"),
        ("email", "a@b.org;c@d.org", "Email address"),
        ("email-json", "a@b.org\n", "Email address"),
        ("sms", "NAA+15551234567", "Invalid SMS endpoint: NAA+15551234567"),
        ("sms", "+15--551234567", "Invalid SMS endpoint: +15--551234567"),
        ("sms", "+15551234567.", "Invalid SMS endpoint: +15551234567."),
        ("sms", "/+15551234567", "Invalid SMS endpoint: /+15551234567"),
        ("sqs", "http://localhost/111111111111/queue", "SQS endpoint ARN"),
        ("sqs", FUNCTION, "SQS endpoint ARN"),
        ("sqs", f"{QUEUE}?a", "SQS endpoint ARN"),
        (
            "sqs",
            f"{QUEUE}.fifo",
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        ),
        ("lambda", QUEUE, "Lambda endpoint ARN"),
        ("firehose", QUEUE, "Firehose endpoint ARN"),
        ("application", TOPIC, f"Application endpoint arn invalid:{TOPIC}"),
    ],
)
def test_endpoints_that_a_protocol_does_not_have(world: Any, protocol: str, endpoint: str, said: str) -> None:
    answer = refusal(world, subscribe, TopicArn=TOPIC, Protocol=protocol, Endpoint=endpoint)
    assert answer == f"InvalidParameter: Invalid parameter: {said}"
    assert listed(world) == []


def test_an_endpoint_is_named(world: Any) -> None:
    assert refusal(world, subscribe, TopicArn=TOPIC, Protocol="sqs").endswith("Invalid parameter: Endpoint")


def test_a_subscription_needs_its_topic(world: Any) -> None:
    said = refusal(world, subscribe, TopicArn=NOBODYS, Protocol="sqs", Endpoint=QUEUE)
    assert said == "NotFound: Topic does not exist"


def test_whoever_subscribes_twice_has_one_subscription(world: Any) -> None:
    first = join(world, Attributes={"RawMessageDelivery": "true"})
    for same in ({}, {"Attributes": {"RawMessageDelivery": "TRUE"}}, {"Attributes": {"FilterPolicy": "{}"}}):
        assert join(world, **same) == first
    for name, value in (("RawMessageDelivery", "false"), ("FilterPolicy", '{"a": ["b"]}')):
        said = refusal(world, subscribe, TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, Attributes={name: value})
        assert said.endswith("Attributes Reason: Subscription already exists with different attributes")
    assert listed(world) == [first]
    assert join(world, endpoint=f"{QUEUE}2") != first


ALL = {
    "RawMessageDelivery": "true",
    "FilterPolicy": '{"event": ["Connect"]}',
    "FilterPolicyScope": "MessageBody",
    "DeliveryPolicy": '{"healthyRetryPolicy": {"numRetries": 10, "minDelayTarget": 1, "maxDelayTarget": 2}}',
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE}),
    "SubscriptionRoleArn": f"arn:aws:iam::{PROVIDER}:role/deliver",
}


def test_every_attribute_that_is_asked_for_is_shown(world: Any) -> None:
    arn = join(world, "http", "http://example.com/", Attributes=ALL)
    found = subscription(world, arn)
    assert {name: found[name] for name in ALL} == ALL
    effective = json.loads(found["EffectiveDeliveryPolicy"])
    assert effective["healthyRetryPolicy"]["numRetries"] == 10
    assert effective["requestPolicy"] == {"headerContentType": "text/plain; charset=UTF-8"}


def test_attributes_are_set_one_by_one_and_taken_away(world: Any) -> None:
    arn = join(world, "http", "http://example.com/")
    before = subscription(world, arn)
    for name in ("FilterPolicyScope", *ALL):
        change(world, arn, name, ALL[name])
    found = subscription(world, arn)
    assert {name: found[name] for name in ALL} == ALL
    change(world, arn, "RawMessageDelivery", "false")
    for name in ("DeliveryPolicy", "RedrivePolicy", "SubscriptionRoleArn"):
        change(world, arn, name, "")
    change(world, arn, "FilterPolicy", "{}")
    assert subscription(world, arn) == before


def test_a_scope_that_is_set_before_its_policy_stays(world: Any) -> None:
    arn = join(world)
    change(world, arn, "FilterPolicyScope", "MessageBody")
    assert "FilterPolicyScope" not in subscription(world, arn)
    change(world, arn, "RawMessageDelivery", "true")
    change(world, arn, "FilterPolicy", '{"a": {"b": ["c"]}}')
    assert subscription(world, arn)["FilterPolicyScope"] == "MessageBody"
    assert "does not support nested filter policy" in change_refusal(world, arn, "FilterPolicyScope", "MessageAttributes")


def test_a_filter_policys_scope_is_the_attributes_unless_told_otherwise(world: Any) -> None:
    arn = join(world, Attributes={"FilterPolicy": ALL["FilterPolicy"]})
    assert subscription(world, arn)["FilterPolicyScope"] == "MessageAttributes"


def test_a_topic_may_forbid_subscriptions_a_delivery_policy_of_their_own(world: Any) -> None:
    arn = join(world, "http", "http://example.com/", Attributes={"DeliveryPolicy": ALL["DeliveryPolicy"]})
    own = {"disableSubscriptionOverrides": True, "defaultHealthyRetryPolicy": {"numRetries": 7}}
    set_attribute(world, "DeliveryPolicy", json.dumps({"http": own}))
    assert json.loads(subscription(world, arn)["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 7


@pytest.mark.parametrize(
    ("protocol", "endpoint", "name", "value", "said"),
    [
        ("sqs", QUEUE, "RawMessageDelivery", "yes", "RawMessageDelivery: Invalid value [yes]. Must be true or false."),
        ("sqs", QUEUE, "RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false."),
        ("lambda", FUNCTION, "RawMessageDelivery", "true",
         "Delivery protocol [lambda] does not support raw message delivery."),
        ("sqs", QUEUE, "FilterPolicy", "{invalid}", "FilterPolicy: failed to parse JSON."),
        ("sqs", QUEUE, "FilterPolicyScope", "Body",
         "FilterPolicyScope: Invalid value [Body]. Please use either MessageAttributes or MessageBody"),
        ("sqs", QUEUE, "RedrivePolicy", "{invalid}", "RedrivePolicy: failed to parse JSON."),
        ("sqs", QUEUE, "RedrivePolicy", "{}", "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("sqs", QUEUE, "RedrivePolicy", '{"deadLetterTargetArn": "fake"}',
         "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("https", URL, "DeliveryPolicy", '{"http": {}}', "DeliveryPolicy: Unexpected JSON member: http"),
        ("https", URL, "DeliveryPolicy", "x", "DeliveryPolicy: failed to parse JSON."),
        ("sqs", QUEUE, "DeliveryPolicy", "{}", "Delivery protocol [sqs] does not support delivery policy."),
        ("firehose", STREAM, "SubscriptionRoleArn", "me", "SubscriptionRoleArn: me is not the ARN of a role"),
    ],
)  # fmt: skip
def test_a_value_that_an_attribute_cannot_have(
    world: Any, protocol: str, endpoint: str, name: str, value: str, said: str
) -> None:
    at_creation = refusal(world, subscribe, TopicArn=TOPIC, Protocol=protocol, Endpoint=endpoint, Attributes={name: value})
    assert at_creation == f"InvalidParameter: Invalid parameter: Attributes Reason: {said}"
    arn = join(world, protocol, endpoint)
    assert change_refusal(world, arn, name, value) == f"InvalidParameter: Invalid parameter: {said}"


@pytest.mark.parametrize("name", ["Owner", "PendingConfirmation", "rawmessagedelivery", "ReplayPolicy"])
def test_other_attributes_cannot_be_set(world: Any, name: str) -> None:
    said = refusal(world, subscribe, TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, Attributes={name: "true"})
    assert said.endswith(f"Attributes Reason: Unknown attribute {name}")
    arn = join(world)
    assert change_refusal(world, arn, name, "true") == "InvalidParameter: Invalid parameter: AttributeName"


def test_an_endpoint_confirms_with_the_token_that_was_sent_to_it(world: Any) -> None:
    arn = join(world, "https", URL)
    token = token_of(world, arn)
    for _ in range(2):
        assert world.ask(confirm_subscription, TopicArn=TOPIC, Token=token, account=STRANGER) == {"SubscriptionArn": arn}
    found = subscription(world, arn)
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("false", "false")
    assert listed(world) == [arn]


def test_an_endpoint_may_ask_that_only_owners_end_its_subscription(world: Any) -> None:
    arn = join(world, "https", URL)
    world.ask(confirm_subscription, TopicArn=TOPIC, Token=token_of(world, arn), AuthenticateOnUnsubscribe="true")
    assert subscription(world, arn)["ConfirmationWasAuthenticated"] == "true"


def test_tokens_that_confirm_nothing(world: Any) -> None:
    arn = join(world, "https", URL)
    token, other = token_of(world, arn), make_topic(world, name="other")
    for wrong in ("", "token", token[:-1], token.upper()):
        said = refusal(world, confirm_subscription, TopicArn=TOPIC, Token=wrong)
        assert said == "InvalidParameter: Invalid token"
    for topic_arn, wrong in ((TOPIC, "0" * 64), (other, token), (NOBODYS, token)):
        said = refusal(world, confirm_subscription, TopicArn=topic_arn, Token=wrong)
        assert said == "InvalidParameter: Invalid parameter: Token"
    assert subscription(world, arn)["PendingConfirmation"] == "true"


def test_a_token_is_good_for_two_days_and_then_a_new_one_is_asked_for(world: Any) -> None:
    arn = join(world, "https", URL)
    old = token_of(world, arn)
    assert (join(world, "https", URL), token_of(world, arn)) == (arn, old)
    world.now += timedelta(days=2, seconds=1)
    assert refusal(world, confirm_subscription, TopicArn=TOPIC, Token=old).endswith("Invalid parameter: Token")
    assert join(world, "https", URL) == arn
    new = token_of(world, arn)
    assert new != old
    world.ask(confirm_subscription, TopicArn=TOPIC, Token=new)
    world.now += timedelta(days=2, seconds=1)
    assert world.ask(confirm_subscription, TopicArn=TOPIC, Token=new) == {"SubscriptionArn": arn}


def test_a_subscription_ends_once_and_is_counted(world: Any) -> None:
    arn = join(world)
    for _ in range(2):
        assert world.ask(unsubscribe, SubscriptionArn=arn) == {}
    assert listed(world) == listed(world, TopicArn=TOPIC) == []
    assert attributes(world)["SubscriptionsDeleted"] == "1"
    assert refusal(world, get_subscription_attributes, SubscriptionArn=arn) == "NotFound: Subscription does not exist"
    assert change_refusal(world, arn, "RawMessageDelivery", "true") == "NotFound: Subscription does not exist"


@pytest.mark.parametrize("operation", [get_subscription_attributes, unsubscribe])
def test_what_is_no_subscription(world: Any, operation: Any) -> None:
    said = "InvalidParameter: Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"
    assert refusal(world, operation, SubscriptionArn="pending confirmation") == said
    assert refusal(world, operation, SubscriptionArn=TOPIC) == "InvalidParameter: Invalid parameter: SubscriptionId"


def test_subscriptions_come_in_pages_of_a_hundred(world: Any) -> None:
    made = [join(world, endpoint=f"{QUEUE}-{number}") for number in range(102)]
    for scope in ({}, {"TopicArn": TOPIC}):
        operation = list_subscriptions_by_topic if scope else list_subscriptions
        first = world.ask(operation, **scope)
        assert [one["SubscriptionArn"] for one in first["Subscriptions"]] == made[:100]
        assert listed(world, **scope, NextToken=first["NextToken"]) == made[100:]
    other = make_topic(world, name="other")
    said = refusal(world, list_subscriptions_by_topic, TopicArn=other, NextToken=first["NextToken"])
    assert said.startswith("InvalidParameter: Invalid parameter: NextToken")


def test_another_account_subscribes_where_the_topics_policy_lets_it(world: Any) -> None:
    request = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": FOREIGN_QUEUE, "account": CONSUMER}
    assert refusal(world, subscribe, **request).startswith("AuthorizationError")
    permit(world, CONSUMER, "Subscribe")
    arn = world.ask(subscribe, **request)["SubscriptionArn"]
    assert (listed(world), listed(world, account=CONSUMER), listed(world, TopicArn=TOPIC)) == ([], [arn], [arn])
    assert subscription(world, arn, account=CONSUMER)["PendingConfirmation"] == "false"
    assert subscription(world, arn)["Owner"] == CONSUMER
    assert refusal(world, list_subscriptions_by_topic, TopicArn=TOPIC, account=CONSUMER).startswith("AuthorizationError")
    assert change_refusal(world, arn, "RawMessageDelivery", "true").startswith("AuthorizationError")
    change(world, arn, "RawMessageDelivery", "true", account=CONSUMER)
    said = refusal(world, get_subscription_attributes, SubscriptionArn=arn, account=STRANGER)
    assert said == "NotFound: Subscription does not exist"
    world.ask(unsubscribe, SubscriptionArn=arn, account=STRANGER)
    assert listed(world, TopicArn=TOPIC) == [arn]
    world.ask(unsubscribe, SubscriptionArn=arn)
    assert listed(world, account=CONSUMER) == []


def test_a_topics_policy_may_look_at_protocol_and_endpoint(world: Any) -> None:
    statement = {
        "Effect": "Allow", "Principal": {"AWS": CONSUMER}, "Action": "SNS:Subscribe", "Resource": TOPIC,
        "Condition": {"StringEquals": {"sns:Protocol": "email"}, "StringLike": {"sns:Endpoint": "*@example.com"}},
    }  # fmt: skip
    set_attribute(world, "Policy", json.dumps({"Statement": statement}))
    join(world, "email", "ops@example.com", account=CONSUMER)
    for protocol, endpoint in (("email", "ops@example.org"), ("sqs", FOREIGN_QUEUE)):
        with pytest.raises(errors.AuthorizationError):
            join(world, protocol, endpoint, account=CONSUMER)

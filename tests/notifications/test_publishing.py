"""Publishing: what is taken, who may, and what is written down for delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sns_site import CONSUMER, NOBODYS, PROVIDER, TOPIC, join, make_topic, set_attribute, token_of

from sidedoor import errors
from sidedoor.notifications.model import Message, MessageAttribute, MessageKind
from sidedoor.notifications.publishing import publish, publish_batch
from sidedoor.notifications.subscriptions import confirm_subscription
from sidedoor.notifications.topics import add_permission, delete_topic

ALL_POLICY = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": TOPIC}}


@pytest.fixture(autouse=True)
def topic(world: Any) -> str:
    return make_topic(world)


def refusal(world: Any, **request: Any) -> str:
    with pytest.raises(errors.ApiError) as caught:
        world.ask(publish, **{"TopicArn": TOPIC, "Message": "hello", **request})
    return f"{caught.value.code}: {caught.value.message}"


def batch_refusal(world: Any, *entries: dict[str, Any]) -> str:
    with pytest.raises(errors.ApiError) as caught:
        world.ask(publish_batch, TopicArn=TOPIC, PublishBatchRequestEntries=list(entries))
    return f"{caught.value.code}: {caught.value.message}"


def written(world: Any) -> list[Message]:
    """The notifications; what asks for confirmations is left out."""
    with world.store.read() as tables:
        found: list[Message] = tables.messages.where(kind=MessageKind.NOTIFICATION)
    return found


def receivers(world: Any, message: Message) -> list[str]:
    with world.store.read() as tables:
        return [delivery.subscription_id for delivery in tables.deliveries.where(message_id=message.id)]


def test_a_message_is_written_down_for_those_who_are_subscribed(world: Any) -> None:
    arn = join(world)
    join(world, "email", "ops@example.com")
    kinds = {
        "kind": {"DataType": "String", "StringValue": "greeting"},
        "size": {"DataType": "Number", "StringValue": "1e3"},
        "data": {"DataType": "Binary.gif", "BinaryValue": b"\x02\x03"},
        "list": {"DataType": "String.Array", "StringValue": '["a"]'},
    }
    answer = world.ask(publish, TopicArn=TOPIC, Message="hello", Subject="Hello!", MessageGroupId="g", MessageAttributes=kinds)
    assert written(world) == [
        Message(
            id=answer["MessageId"], version=1, account=PROVIDER, region="us-east-1", topic_arn=TOPIC, body="hello",
            created=world.now, subject="Hello!", group_id="g", attributes=(
                MessageAttribute(name="kind", data_type="String", value="greeting"),
                MessageAttribute(name="size", data_type="Number", value="1e3"),
                MessageAttribute(name="data", data_type="Binary.gif", value="AgM="),
                MessageAttribute(name="list", data_type="String.Array", value='["a"]'),
            ),
        )
    ]  # fmt: skip
    assert receivers(world, written(world)[0]) == [arn]


def test_what_nobody_is_to_get_is_taken_and_not_kept(world: Any) -> None:
    arn = join(world, "email", "ops@example.com")
    assert world.ask(publish, TopicArn=TOPIC, Message="one")["MessageId"]
    assert written(world) == []
    world.ask(confirm_subscription, TopicArn=TOPIC, Token=token_of(world, arn))
    world.ask(publish, TopicArn=TOPIC, Message="two")
    assert [(message.body, receivers(world, message)) for message in written(world)] == [("two", [arn])]


def test_messages_go_with_their_topic(world: Any) -> None:
    join(world)
    world.ask(publish, TopicArn=TOPIC, Message="hello")
    world.ask(delete_topic, TopicArn=TOPIC)
    assert written(world) == []


def test_a_topic_may_be_called_a_target(world: Any) -> None:
    assert world.ask(publish, TargetArn=TOPIC, Message="hello")["MessageId"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"Message": "hello"}, "InvalidParameter: Invalid parameter: TopicArn or TargetArn Reason: no value for required"),
        ({"Message": "hello", "TopicArn": NOBODYS}, "NotFound: Topic does not exist"),
        ({"Message": "hello", "TopicArn": "randomstring"}, "TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ({"Message": "hello", "TargetArn": "x:y"}, "TargetArn Reason: An ARN must have at least 6 elements, not 2"),
        (
            {"Message": "hello", "TargetArn": f"arn:aws:sns:us-east-1:{PROVIDER}:endpoint/APNS/app/1"},
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
        ),
        ({"Message": "hello", "PhoneNumber": "+15551234567"}, "text messages are not supported by Sidedoor"),
    ],
)
def test_what_cannot_be_published_to(world: Any, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ApiError) as caught:
        world.ask(publish, **request_)
    assert said in f"{caught.value.code}: {caught.value.message}"


def attribute(name: str = "attr1", **value: Any) -> dict[str, Any]:
    return {"MessageAttributes": {name: value}}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"Message": ""}, "InvalidParameter: Invalid parameter: Empty message"),
        ({"Message": "x" * 262_145}, "InvalidParameter: Invalid parameter: Message too long"),
        ({"Message": "é" * 131_073}, "InvalidParameter: Invalid parameter: Message too long"),
        (
            {"Message": "x" * 262_137, **attribute(DataType="String", StringValue="x")},
            "InvalidParameter: Invalid parameter: Message too long",
        ),
        ({"Subject": ""}, "InvalidParameter: Invalid parameter: Subject"),
        ({"Subject": "two\nlines"}, "InvalidParameter: Invalid parameter: Subject"),
        ({"Subject": " space"}, "InvalidParameter: Invalid parameter: Subject"),
        ({"Subject": "a\x7f"}, "InvalidParameter: Invalid parameter: Subject"),
        ({"Subject": "two\u2028lines"}, "InvalidParameter: Invalid parameter: Subject"),
        ({"Subject": "x" * 101}, "InvalidParameter: Invalid parameter: Subject"),
        ({"MessageStructure": "xml"}, "InvalidParameter: Invalid parameter: MessageStructure"),
        ({"MessageStructure": "json"}, "Message Structure - JSON message body failed to parse"),
        ({"MessageStructure": "json", "Message": "{}"}, "Message Structure - No default entry in JSON message body"),
        ({"MessageStructure": "json", "Message": '{"default": 1}'}, "No default entry in JSON message body"),
        ({"MessageDeduplicationId": "x"}, "MessageDeduplicationId Reason: The request includes MessageDeduplicationId"),
        (
            attribute(DataType="String"),
            "ParameterValueInvalid: The message attribute 'attr1' must contain non-empty message attribute value for message "
            "attribute type 'String'.",
        ),
        (attribute(DataType="String", StringValue=""), "must contain non-empty message attribute value"),
        (attribute(DataType="", StringValue="x"), "must contain non-empty message attribute type."),
        (attribute(DataType="Text", StringValue="x"), "the set of supported type prefixes is Binary, Number, and String."),
        (attribute(DataType="String", BinaryValue=b"x"), "with type 'String' must use field 'StringValue'."),
        (attribute(DataType="Binary", StringValue="x"), "with type 'Binary' must use field 'BinaryValue'."),
        (attribute(DataType="Number", StringValue="x"), "does not contain a number"),
        (attribute(DataType="Number", StringValue="NaN"), "does not contain a number"),
        (attribute("AWS.x", DataType="String", StringValue="x"), "does not have a name that message attributes can have."),
        (attribute("a..b", DataType="String", StringValue="x"), "does not have a name that message attributes can have."),
        (attribute("a.", DataType="String", StringValue="x"), "does not have a name that message attributes can have."),
    ],
)
def test_messages_that_are_not_taken(world: Any, parts: dict[str, Any], said: str) -> None:
    join(world)
    assert said in refusal(world, **parts)
    assert written(world) == []


@pytest.mark.parametrize(
    "parts",
    [
        {"Message": "x" * 262_144},
        {"Subject": "x" * 100},
        {"Subject": "é 漢字 " + "x" * 95},
        {"MessageStructure": "json", "Message": '{"default": "a", "email": "b"}'},
        attribute("a.b-c_D9", DataType="Number.float", StringValue="-1.5"),
    ],
)
def test_messages_that_are_taken(world: Any, parts: dict[str, Any]) -> None:
    join(world)
    world.ask(publish, **{"TopicArn": TOPIC, "Message": "hello", **parts})
    assert len(written(world)) == 1


def test_another_account_publishes_where_the_topics_policy_lets_it(world: Any) -> None:
    assert refusal(world, account=CONSUMER).startswith("AuthorizationError")
    world.ask(add_permission, TopicArn=TOPIC, Label="x", AWSAccountId=[CONSUMER], ActionName=["Publish"])
    arn = join(world)
    world.ask(publish, TopicArn=TOPIC, Message="hello", account=CONSUMER)
    (message,) = written(world)
    assert (message.account, receivers(world, message)) == (PROVIDER, [arn])


def test_a_deny_refuses_another_account_what_an_allow_grants_it(world: Any) -> None:
    allow = ALL_POLICY["Statement"]
    set_attribute(world, "Policy", json.dumps({"Statement": [allow]}))
    world.ask(publish, TopicArn=TOPIC, Message="hello", account=CONSUMER)
    deny = {**allow, "Effect": "Deny", "Principal": {"AWS": CONSUMER}}
    set_attribute(world, "Policy", json.dumps({"Statement": [allow, deny]}))
    assert refusal(world, account=CONSUMER).startswith("AuthorizationError")


def entry(number: int | str, **parts: Any) -> dict[str, Any]:
    return {"Id": str(number), "Message": f"message {number}", **parts}


def test_a_batch_is_up_to_ten_messages(world: Any) -> None:
    join(world)
    answer = world.ask(publish_batch, TopicArn=TOPIC, PublishBatchRequestEntries=[entry(number) for number in range(10)])
    assert [one["Id"] for one in answer["Successful"]] == [str(number) for number in range(10)]
    assert answer["Failed"] == []
    assert {message.id: message.body for message in written(world)} == {
        one["MessageId"]: f"message {one['Id']}" for one in answer["Successful"]
    }


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "EmptyBatchRequest: "),
        ([entry(number) for number in range(11)], "TooManyEntriesInBatchRequest: The batch request contains more entries"),
        ([entry(1), entry(1)], "BatchEntryIdsNotDistinct: Two or more batch entries in the request have the same Id."),
        ([entry("a b")], "InvalidBatchEntryId: "),
        ([entry("x" * 81)], "InvalidBatchEntryId: "),
        ([entry(1), entry(2, Message="")], "InvalidParameter: Invalid parameter: Empty message"),
        ([entry(1, MessageStructure="json", Message="{}")], "No default entry in JSON message body"),
        ([entry(1, **attribute(DataType="String"))], "ParameterValueInvalid: "),
        ([entry(number, Message="x" * 131_073) for number in range(2)], "BatchRequestTooLong: "),
    ],
)
def test_batches_that_are_not_taken_publish_nothing(world: Any, entries: list[dict[str, Any]], said: str) -> None:
    join(world)
    assert said in batch_refusal(world, *entries)
    assert written(world) == []

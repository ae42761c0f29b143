"""Topics: creating, reading, changing and deleting them, and who else may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sns_site import CONSUMER, NOBODYS, PROVIDER, TOPIC, attributes, join, make_topic, set_attribute

from sidedoor import errors
from sidedoor.notifications.subscriptions import list_subscriptions
from sidedoor.notifications.topic_tags import list_tags_for_resource, tag_resource, untag_resource
from sidedoor.notifications.topics import (
    add_permission,
    delete_topic,
    get_topic_attributes,
    list_topics,
    remove_permission,
    set_topic_attributes,
)


def refusal(world: Any, operation: Any, /, **request: Any) -> str:
    with pytest.raises(errors.ApiError) as caught:
        world.ask(operation, **request)
    return f"{caught.value.code}: {caught.value.message}"


def create_refusal(world: Any, **request: Any) -> str:
    with pytest.raises(errors.ApiError) as caught:
        make_topic(world, **request)
    assert caught.value.status == 400
    return f"{caught.value.code}: {caught.value.message}"


def topics(world: Any, **request: Any) -> list[str]:
    return [one["TopicArn"] for one in world.ask(list_topics, **request)["Topics"]]


def tags(world: Any) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in world.ask(list_tags_for_resource, ResourceArn=TOPIC)["Tags"]}


def test_a_new_topic_has_the_attributes_that_aws_gives_it(world: Any) -> None:
    assert make_topic(world) == TOPIC
    found = attributes(world)
    assert json.loads(found.pop("Policy"))["Id"] == "__default_policy_ID"
    assert json.loads(found.pop("EffectiveDeliveryPolicy")) == {
        "http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
            },
            "disableSubscriptionOverrides": False,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }
    }  # fmt: skip
    assert found == {
        "TopicArn": TOPIC, "Owner": PROVIDER, "DisplayName": "", "SubscriptionsConfirmed": "0", "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }  # fmt: skip


ALL: dict[str, str] = {
    "DisplayName": "Events of endpoints",
    "DeliveryPolicy": '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}',
    "KmsMasterKeyId": "alias/aws/sns",
    "Policy": '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": "*"}}',
    "SignatureVersion": "2",
    "TracingConfig": "Active",
    "HTTPSuccessFeedbackRoleArn": "arn:aws:iam::111111111111:role/feedback",
    "HTTPSuccessFeedbackSampleRate": "100",
    "SQSFailureFeedbackRoleArn": "arn:aws:iam::111111111111:role/feedback",
}


def test_every_attribute_that_a_topic_is_created_with_is_shown(world: Any) -> None:
    make_topic(world, Attributes=ALL)
    assert {name: value for name, value in attributes(world).items() if name in ALL} == ALL


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_attribute_is_set_and_taken_away(world: Any, name: str) -> None:
    make_topic(world)
    before = attributes(world)
    set_attribute(world, name, ALL[name])
    assert attributes(world)[name] == ALL[name]
    if name == "Policy":
        assert "Policy Error: null" in refusal(
            world, set_topic_attributes, TopicArn=TOPIC, AttributeName=name, AttributeValue=""
        )
    else:
        set_attribute(world, name, "")
        assert attributes(world) == before


def test_the_delivery_policy_in_force_is_the_default_with_the_topics_own_over_it(world: Any) -> None:
    make_topic(world, Attributes={"DeliveryPolicy": ALL["DeliveryPolicy"]})
    effective = json.loads(attributes(world)["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
    assert (effective["numRetries"], effective["minDelayTarget"]) == (5, 20)


def retries(**values: Any) -> str:
    return json.dumps({"http": {"defaultHealthyRetryPolicy": values}})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SQSSuccessFeedbackSampleRate", "500", "500 value provided is not an integer between 0-100"),
        ("SQSSuccessFeedbackSampleRate", "-1", "value provided is not an integer"),
        ("LambdaFailureFeedbackRoleArn", "role", "is not the ARN of a role"),
        ("DisplayName", "x" * 101, "at most 100 characters"),
        ("SignatureVersion", "3", "Must be 1 or 2"),
        ("TracingConfig", "active", "Must be PassThrough or Active"),
        ("Policy", "{}", "Policy Error: null"),
        ("DeliveryPolicy", "x", "DeliveryPolicy: failed to parse JSON."),
        ("DeliveryPolicy", '{"http": 7}', "http must be a JSON object"),
        ("DeliveryPolicy", '{"http": {"retries": 7}}', "Unexpected JSON member: http.retries"),
        ("DeliveryPolicy", '{"http": {"disableSubscriptionOverrides": "no"}}', "must be a boolean"),
        ("DeliveryPolicy", '{"http": {"defaultRequestPolicy": "no"}}', "must be a JSON object"),
        ("DeliveryPolicy", '{"http": {"defaultThrottlePolicy": {"maxReceivesPerSecond": 0}}}', "greater than or equal to 1"),
        ("DeliveryPolicy", retries(numRetries=300), "numRetries must be less than or equal to 100"),
        ("DeliveryPolicy", retries(numRetries="3"), "numRetries must be an integer"),
        ("DeliveryPolicy", retries(numRetries=1, numNoDelayRetries=2), "the sum of its phases"),
        ("DeliveryPolicy", retries(minDelayTarget=30), "greater than or equal to minDelayTarget"),
        ("DeliveryPolicy", retries(backoffFunction="random"), "must be one of arithmetic"),
        ("DeliveryPolicy", retries(retries=1), "Unexpected JSON member: http.defaultHealthyRetryPolicy.retries"),
    ],
)
def test_a_value_that_an_attribute_cannot_have(world: Any, name: str, value: str, reason: str) -> None:
    assert reason in create_refusal(world, Attributes={name: value})
    make_topic(world)
    said = refusal(world, set_topic_attributes, TopicArn=TOPIC, AttributeName=name, AttributeValue=value)
    assert said.startswith("InvalidParameter: Invalid parameter: ")
    assert reason in said


def test_what_is_wrong_is_worded_as_aws_words_it_at_creation_and_at_a_change(world: Any) -> None:
    bad = {"DeliveryPolicy": retries(numRetries=300)}
    reason = "DeliveryPolicy: http.defaultHealthyRetryPolicy.numRetries must be less than or equal to 100"
    assert create_refusal(world, Attributes=bad) == f"InvalidParameter: Invalid parameter: Attributes Reason: {reason}"
    make_topic(world)
    said = refusal(
        world,
        set_topic_attributes,
        TopicArn=TOPIC,
        AttributeName="DeliveryPolicy",
        AttributeValue=bad["DeliveryPolicy"],
    )
    assert said == f"InvalidParameter: Invalid parameter: {reason}"


@pytest.mark.parametrize("name", ["TopicArn", "Owner", "SubscriptionsPending", "displayname", "ArchivePolicy", "FifoTopic"])
def test_other_attributes_cannot_be_set(world: Any, name: str) -> None:
    make_topic(world)
    said = refusal(world, set_topic_attributes, TopicArn=TOPIC, AttributeName=name, AttributeValue="true")
    assert said == "InvalidParameter: Invalid parameter: AttributeName"


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a:b", "events.fifo", "x" * 257, "évents", "a\n"])
def test_names_that_topics_cannot_have(world: Any, name: str) -> None:
    assert create_refusal(world, name=name) == "InvalidParameter: Invalid parameter: Topic Name"


def test_a_topic_that_is_not_there_yet_says_so(world: Any) -> None:
    fifo = create_refusal(world, name="events.fifo", Attributes={"FifoTopic": "true"})
    assert fifo.endswith("Attributes Reason: FIFO topics are not supported by Sidedoor: create a standard topic")
    assert "Must be true or false" in create_refusal(world, Attributes={"FifoTopic": "maybe"})
    assert "Unknown attribute ContentBased" in create_refusal(world, Attributes={"ContentBasedDeduplication": "true"})
    assert "Unknown attribute Color" in create_refusal(world, Attributes={"Color": "red"})
    assert "data protection policies are not supported" in create_refusal(world, DataProtectionPolicy="{}")
    assert topics(world) == []


def test_a_standard_topic_may_say_that_it_is_none_of_fifo(world: Any) -> None:
    make_topic(world, Attributes={"FifoTopic": "false", "ContentBasedDeduplication": "false"})
    assert {"FifoTopic", "ContentBasedDeduplication"} & set(attributes(world)) == set()


def test_the_same_topic_is_created_once_however_often_it_is_asked_for(world: Any) -> None:
    request = {"Attributes": {"DisplayName": "one", "Policy": ALL["Policy"]}, "Tags": [{"Key": "a", "Value": "1"}]}
    assert make_topic(world, **request) == make_topic(world, **request) == make_topic(world) == TOPIC
    respaced = {"Policy": json.dumps(json.loads(ALL["Policy"]), indent=4)}
    assert make_topic(world, Attributes=respaced) == TOPIC
    assert topics(world) == [TOPIC]
    assert attributes(world)["Policy"] == ALL["Policy"]


def test_a_topic_that_is_asked_for_differently_is_refused(world: Any) -> None:
    make_topic(world, Attributes={"DisplayName": "one"}, Tags=[{"Key": "a", "Value": "1"}])
    for other in ({"DisplayName": "two"}, {"TracingConfig": "Active"}, {"Policy": ALL["Policy"]}):
        said = "InvalidParameter: Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        assert create_refusal(world, Attributes=other) == said
    for tag in ({"Key": "a", "Value": "2"}, {"Key": "b", "Value": "1"}):
        said = "InvalidParameter: Invalid parameter: Tags Reason: Topic already exists with different tags"
        assert create_refusal(world, Tags=[tag]) == said


def test_topics_come_in_pages_of_a_hundred_that_survive_inserts(world: Any) -> None:
    made = [make_topic(world, name=f"topic-{number}") for number in range(102)]
    first = world.ask(list_topics)
    assert [one["TopicArn"] for one in first["Topics"]] == made[:100]
    made.append(make_topic(world, name="late"))
    last = world.ask(list_topics, NextToken=first["NextToken"])
    assert [one["TopicArn"] for one in last["Topics"]] == made[100:]
    assert "NextToken" not in last
    for token, account in (("x", PROVIDER), (first["NextToken"], CONSUMER)):
        assert "Invalid parameter: NextToken" in refusal(world, list_topics, NextToken=token, account=account)


def test_topics_are_of_an_account_and_a_region(world: Any) -> None:
    make_topic(world)
    others = make_topic(world, account=CONSUMER)
    elsewhere = make_topic(world, region="eu-west-1")
    assert (topics(world), topics(world, account=CONSUMER)) == ([TOPIC], [others])
    assert topics(world, region="eu-west-1") == [elsewhere]
    said = refusal(world, get_topic_attributes, TopicArn=TOPIC, region="eu-west-1")
    assert said == "InvalidParameter: Invalid parameter: TopicArn"


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("a:b:c", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 3"),
        (f"{TOPIC}:a:b", "Invalid parameter: TopicArn"),
        ("arn:aws:sqs:us-east-1:111111111111:events", "Invalid parameter: TopicArn"),
        (NOBODYS, "Topic does not exist"),
        (f"{NOBODYS}.fifo", "Topic does not exist"),
    ],
)
def test_what_is_no_topic(world: Any, arn: str, said: str) -> None:
    code = "NotFound" if "exist" in said else "InvalidParameter"
    assert refusal(world, get_topic_attributes, TopicArn=arn) == f"{code}: {said}"


def test_a_topic_is_deleted_with_its_subscriptions_and_only_once(world: Any) -> None:
    make_topic(world)
    join(world)
    for _ in range(2):
        assert world.ask(delete_topic, TopicArn=TOPIC) == {}
    assert (topics(world), world.ask(list_subscriptions)["Subscriptions"]) == ([], [])
    assert refusal(world, get_topic_attributes, TopicArn=TOPIC) == "NotFound: Topic does not exist"
    make_topic(world, Tags=[{"Key": "new", "Value": "1"}])
    assert tags(world) == {"new": "1"}


def test_another_account_is_refused_alike_whether_there_is_a_topic_or_not(world: Any) -> None:
    make_topic(world)
    root = f"arn:aws:iam::{CONSUMER}:root"
    for operation, name in ((get_topic_attributes, "GetTopicAttributes"), (delete_topic, "DeleteTopic")):
        for arn in (TOPIC, NOBODYS):
            assert refusal(world, operation, TopicArn=arn, account=CONSUMER) == (
                f"AuthorizationError: User: {root} is not authorized to perform: SNS:{name} on resource: {arn} because no "
                f"resource-based policy allows the SNS:{name} action"
            )


def test_a_permission_lets_another_account_do_that_and_no_more(world: Any) -> None:
    make_topic(world)
    before = attributes(world)["Policy"]
    world.ask(add_permission, TopicArn=TOPIC, Label="read", AWSAccountId=[CONSUMER], ActionName=["GetTopicAttributes"])
    assert attributes(world, account=CONSUMER)["Owner"] == PROVIDER
    assert refusal(world, delete_topic, TopicArn=TOPIC, account=CONSUMER).startswith("AuthorizationError")
    world.ask(remove_permission, TopicArn=TOPIC, Label="read")
    world.ask(remove_permission, TopicArn=TOPIC, Label="read")
    assert attributes(world)["Policy"] == before
    assert refusal(world, get_topic_attributes, TopicArn=TOPIC, account=CONSUMER).startswith("AuthorizationError")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"Label": "one"}, "Invalid parameter: Statement already exists"),
        ({"ActionName": ["Dance"]}, "Invalid parameter: Policy statement action out of service scope!"),
        ({"AWSAccountId": ["12"]}, "12-digit account numbers"),
        ({"AWSAccountId": []}, "12-digit account numbers"),
        ({"ActionName": []}, "it needs to be a list of actions"),
        ({"TopicArn": NOBODYS}, "Topic does not exist"),
    ],
)
def test_permissions_that_cannot_be_added(world: Any, parts: dict[str, Any], said: str) -> None:
    make_topic(world)
    request = {"TopicArn": TOPIC, "Label": "one", "AWSAccountId": [CONSUMER], "ActionName": ["Publish"]}
    world.ask(add_permission, **request)
    assert said in refusal(world, add_permission, **{**request, "Label": "two", **parts})


def test_an_owner_is_not_locked_out_by_its_topics_policy(world: Any) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "SNS:GetTopicAttributes", "Resource": TOPIC}
    make_topic(world, Attributes={"Policy": json.dumps({"Statement": deny})})
    assert attributes(world)["Owner"] == PROVIDER


def test_tags_are_given_at_creation_added_changed_and_taken_away(world: Any) -> None:
    make_topic(world, Tags=[{"Key": "a", "Value": "1"}])
    world.ask(tag_resource, ResourceArn=TOPIC, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    assert tags(world) == {"a": "2", "b": ""}
    world.ask(untag_resource, ResourceArn=TOPIC, TagKeys=["a", "never"])
    assert tags(world) == {"b": ""}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([("a", "1"), ("a", "2")], "InvalidParameter: Invalid parameter: Duplicated keys are not allowed."),
        ([("aws:a", "1")], "aws: prefixed tag key names are not allowed"),
        ([("", "1")], "keys have 1 to 128 characters"),
        ([("a", "x" * 257)], "values up to 256"),
        (
            [(f"k{n}", "") for n in range(50)],
            "TagLimitExceeded: Could not complete request: tag quota of per resource exceeded",
        ),
    ],
)
def test_tags_beyond_the_limits_change_nothing(world: Any, asked: list[tuple[str, str]], said: str) -> None:
    make_topic(world, Tags=[{"Key": "first", "Value": "1"}])
    pairs = [{"Key": key, "Value": value} for key, value in asked]
    assert said in refusal(world, tag_resource, ResourceArn=TOPIC, Tags=pairs)
    assert tags(world) == {"first": "1"}


def test_only_the_owner_sees_a_topics_tags(world: Any) -> None:
    make_topic(world, Attributes={"Policy": ALL["Policy"]})
    cases = ((TOPIC, CONSUMER, "us-east-1"), (TOPIC, PROVIDER, "us-east-2"), (NOBODYS, PROVIDER, "us-east-1"))
    for arn, account, region in cases:
        said = refusal(world, list_tags_for_resource, ResourceArn=arn, account=account, region=region)
        assert said == "ResourceNotFound: Resource does not exist"

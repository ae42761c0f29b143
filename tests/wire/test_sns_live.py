"""boto3's SNS client against the whole control plane on a real port: the life of a topic."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from sidedoor.app.control_plane import ControlPlane
from sidedoor.store.engine import Store

OWNER, OTHER = "111111111111", "222222222222"
ARN = f"arn:aws:sns:us-east-1:{OWNER}:VpceNotification"
QUEUE = f"arn:aws:sqs:us-east-1:{OWNER}:events"
CHAPTER = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish", "Resource": ARN},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[str]:
    path = shutil.copyfile(migrated, tmp_path_factory.mktemp("sns") / "sidedoor.db")
    store = Store(f"sqlite:///{path}")
    app = ControlPlane(store, dev=True).application()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()
    store.close()


@pytest.fixture
def client(endpoint: str) -> Iterator[Any]:
    made: list[Any] = []

    def of(account: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
        made.append(
            boto3.client(
                "sns", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=account,
                aws_secret_access_key="anything", config=config,
            )
        )  # fmt: skip
        return made[-1]

    yield of
    for one in made:
        one.close()


def test_the_life_of_a_topic(client: Any) -> None:
    sns = client(OWNER)
    assert sns.create_topic(Name="VpceNotification", Tags=[{"Key": "team", "Value": "net"}])["TopicArn"] == ARN
    sns.set_topic_attributes(TopicArn=ARN, AttributeName="Policy", AttributeValue=json.dumps(CHAPTER))
    sns.set_topic_attributes(TopicArn=ARN, AttributeName="DisplayName", AttributeValue="<Events & more>")
    attributes = sns.get_topic_attributes(TopicArn=ARN)["Attributes"]
    assert (json.loads(attributes["Policy"]), attributes["DisplayName"]) == (CHAPTER, "<Events & more>")
    sns.tag_resource(ResourceArn=ARN, Tags=[{"Key": "env", "Value": "test"}])
    sns.untag_resource(ResourceArn=ARN, TagKeys=["team"])
    assert sns.list_tags_for_resource(ResourceArn=ARN)["Tags"] == [{"Key": "env", "Value": "test"}]
    assert [one["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for one in page["Topics"]] == [ARN]
    lives_of_its_subscriptions(sns)
    sns.delete_topic(TopicArn=ARN)
    with pytest.raises(sns.exceptions.NotFoundException) as caught:
        sns.get_topic_attributes(TopicArn=ARN)
    assert caught.value.response["Error"] == {"Type": "Sender", "Code": "NotFound", "Message": "Topic does not exist"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def lives_of_its_subscriptions(sns: Any) -> None:
    raw = {"RawMessageDelivery": "true", "FilterPolicy": '{"event": ["Connect"]}'}
    queue = sns.subscribe(TopicArn=ARN, Protocol="sqs", Endpoint=QUEUE, Attributes=raw)["SubscriptionArn"]
    mail = sns.subscribe(TopicArn=ARN, Protocol="email", Endpoint="ops@example.com")["SubscriptionArn"]
    assert mail == "pending confirmation"
    listed = {one["Endpoint"]: one["SubscriptionArn"] for one in sns.list_subscriptions()["Subscriptions"]}
    assert listed == {QUEUE: queue, "ops@example.com": "PendingConfirmation"}
    assert len(sns.list_subscriptions_by_topic(TopicArn=ARN)["Subscriptions"]) == 2
    attributes = sns.get_subscription_attributes(SubscriptionArn=queue)["Attributes"]
    assert {name: attributes[name] for name in raw} == raw
    sns.set_subscription_attributes(SubscriptionArn=queue, AttributeName="RawMessageDelivery", AttributeValue="false")
    text = {"DataType": "String", "StringValue": "x"}
    assert sns.publish(TopicArn=ARN, Message="hello", MessageAttributes={"a": text})["MessageId"]
    entries = [{"Id": "one", "Message": "hello", "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": b"\x00"}}}]
    batch = sns.publish_batch(TopicArn=ARN, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in batch["Successful"]] == ["one"]
    sns.unsubscribe(SubscriptionArn=queue)
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_subscription_attributes(SubscriptionArn=queue)
    with pytest.raises(sns.exceptions.InvalidParameterException, match="Token"):
        sns.confirm_subscription(TopicArn=ARN, Token="0" * 64)


def test_another_account_is_let_in_by_a_permission_and_only_by_that(client: Any) -> None:
    sns, other = client(OWNER), client(OTHER)
    arn = sns.create_topic(Name="shared")["TopicArn"]
    with pytest.raises(other.exceptions.AuthorizationErrorException) as caught:
        other.publish(TopicArn=arn, Message="hello")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    sns.add_permission(TopicArn=arn, Label="other", AWSAccountId=[OTHER], ActionName=["Publish"])
    assert other.publish(TopicArn=arn, Message="hello")["MessageId"]
    sns.remove_permission(TopicArn=arn, Label="other")
    with pytest.raises(other.exceptions.AuthorizationErrorException):
        other.publish(TopicArn=arn, Message="hello")
    sns.delete_topic(TopicArn=arn)


def test_what_sns_refuses_has_the_exceptions_that_boto3_knows(client: Any) -> None:
    sns = client(OWNER)
    with pytest.raises(sns.exceptions.InvalidParameterException, match="Invalid parameter: Topic Name"):
        sns.create_topic(Name="no spaces allowed")
    arn = sns.create_topic(Name="refusals")["TopicArn"]
    many = [{"Key": f"key{number}", "Value": ""} for number in range(51)]
    with pytest.raises(sns.exceptions.TagLimitExceededException):
        sns.tag_resource(ResourceArn=arn, Tags=many)
    with pytest.raises(sns.exceptions.ResourceNotFoundException):
        sns.list_tags_for_resource(ResourceArn=f"{arn}-not")
    with pytest.raises(sns.exceptions.InvalidParameterValueException):
        sns.publish(TopicArn=arn, Message="x", MessageAttributes={"a": {"DataType": "String"}})
    with pytest.raises(sns.exceptions.EmptyBatchRequestException):
        sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=[])
    sns.delete_topic(TopicArn=arn)

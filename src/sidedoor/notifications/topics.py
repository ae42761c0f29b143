"""Topics: creating, reading, changing and deleting them, and who else may use them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.notifications import policy, topic_attributes, topic_tags
from sidedoor.notifications.model import Topic
from sidedoor.notifications.topic_attributes import POLICY, TopicAttributeInvalid, TopicAttributeUnknown
from sidedoor.notifications.topic_lookup import invalid, invalid_because, page, permitted_topic
from sidedoor.store import outbox

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


def create_topic(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""
    name, attributes = request["Name"], _asked_attributes(request)
    if not _NAME.fullmatch(name):
        raise invalid("Topic Name")
    if request.get("DataProtectionPolicy"):
        raise invalid_because("DataProtectionPolicy", "data protection policies are not supported by Sidedoor")
    tags = topic_tags.of_new(request)
    arn = call.arn("sns", name)
    topic = call.tables.topics.find(arn)
    if topic is not None:
        _check_same(topic, attributes, tags)
        return {"TopicArn": arn}
    own = attributes.pop(POLICY, None) or policy.default_policy(arn, call.account)
    call.tables.topics.add(
        Topic(
            id=arn, account=call.account, region=call.region, name=name, policy=own, created=call.now,
            attributes={name: value for name, value in attributes.items() if value}, tags=tags,
        )
    )  # fmt: skip
    return {"TopicArn": arn}


def _asked_attributes(request: Request) -> dict[str, str]:
    """The attributes that a new topic is to have. Raises ``InvalidParameter``."""
    try:
        if topic_attributes.is_fifo(request.get("Attributes") or {}):
            raise TopicAttributeInvalid("FIFO topics are not supported by Sidedoor: create a standard topic")
        attributes = topic_attributes.of_standard_topics(request.get("Attributes") or {})
        return {name: topic_attributes.checked(name, value) for name, value in attributes.items()}
    except TopicAttributeUnknown as error:
        raise invalid_because("Attributes", f"Unknown attribute {error}") from None
    except TopicAttributeInvalid as error:
        raise invalid_because("Attributes", error) from None


def _check_same(topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str]) -> None:
    """A name is used once; whoever repeats the request must not ask for another topic than there is."""
    if topic_attributes.differ(topic, attributes):
        raise invalid_because("Attributes", "Topic already exists with different attributes")
    if any(topic.tags.get(key) != value for key, value in tags.items()):
        raise invalid_because("Tags", "Topic already exists with different tags")


def delete_topic(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html"""
    try:
        topic = permitted_topic(call, request["TopicArn"], "DeleteTopic")
    except errors.TopicNotFound:
        return {}  # "This action is idempotent, so deleting a topic that does not exist does not result in an error."
    for subscription in call.tables.subscriptions.where(topic_arn=topic.id):
        call.tables.subscriptions.remove(subscription)
        outbox.forget_deliveries(call.tables, subscription.id)
    call.tables.topics.remove(topic)
    return {}


def get_topic_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html"""
    topic = permitted_topic(call, request["TopicArn"], "GetTopicAttributes")
    return {"Attributes": topic_attributes.shown(topic, call.tables.subscriptions.where(topic_arn=topic.id))}


def set_topic_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html"""
    topic = permitted_topic(call, request["TopicArn"], "SetTopicAttributes")
    name = request["AttributeName"]
    try:
        value = topic_attributes.checked(name, request.get("AttributeValue", ""))
    except TopicAttributeUnknown:
        raise invalid("AttributeName") from None
    except TopicAttributeInvalid as error:
        raise invalid(error) from None
    if name == POLICY:
        changed = replace(topic, policy=value)
    else:
        others = {other: kept for other, kept in topic.attributes.items() if other != name}
        changed = replace(topic, attributes={**others, name: value} if value else others)
    call.tables.topics.update(topic, changed)
    return {}


def list_topics(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ListTopics.html"""
    shown, rest = page(call, request, call.tables.topics.where(**call.owned))
    return {"Topics": [{"TopicArn": topic.id} for topic in shown], **rest}


def add_permission(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_AddPermission.html"""
    topic = permitted_topic(call, request["TopicArn"], "AddPermission")
    accounts, actions = request["AWSAccountId"], request["ActionName"]
    if not accounts or not all(re.fullmatch(r"[0-9]{12}", account, re.ASCII) for account in accounts):
        raise invalid_because("AWSAccountId", "it needs to be a list of 12-digit account numbers")
    if not actions:
        raise invalid_because("ActionName", "it needs to be a list of actions")
    try:
        changed = policy.with_permission(topic.policy, request["Label"], accounts, actions, topic.id)
    except ValueError as error:
        raise invalid(error) from None
    call.tables.topics.update(topic, replace(topic, policy=changed))
    return {}


def remove_permission(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_RemovePermission.html"""
    topic = permitted_topic(call, request["TopicArn"], "RemovePermission")
    call.tables.topics.update(topic, replace(topic, policy=policy.without_permission(topic.policy, request["Label"])))
    return {}

"""Publishing to a topic. A message is written down with those who are to get it; it is delivered from there, later."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.notifications import message_rules, outgoing
from sidedoor.notifications.model import Message, MessageAttribute, Topic
from sidedoor.notifications.phone_numbers import is_phone_number
from sidedoor.notifications.topic_lookup import check_arn, invalid_because, permitted_topic

MOST_ENTRIES = 10


def publish(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    topic = _target(call, request)
    (message,) = _messages(call, topic, [request])
    return {"MessageId": message.id}


def publish_batch(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""
    topic = permitted_topic(call, request["TopicArn"], "Publish")
    entries: Sequence[Mapping[str, Any]] = request["PublishBatchRequestEntries"]
    _check_entries([entry["Id"] for entry in entries])
    messages = _messages(call, topic, entries)
    done = [{"Id": entry["Id"], "MessageId": message.id} for entry, message in zip(entries, messages, strict=True)]
    return {"Successful": done, "Failed": []}


def _target(call: Call, request: Request) -> Topic:
    """The topic that is published to, which is the only thing that can be."""
    if request.get("PhoneNumber"):
        if not is_phone_number(request["PhoneNumber"]):
            raise invalid_because("PhoneNumber", f"{request['PhoneNumber']} is not valid to publish to")
        raise invalid_because("PhoneNumber", "text messages are not supported by Sidedoor: publish to a topic")
    if "TopicArn" in request:
        return permitted_topic(call, request["TopicArn"], "Publish")
    if "TargetArn" not in request:
        raise invalid_because("TopicArn or TargetArn", "no value for required parameter")
    arn = request["TargetArn"]
    check_arn(arn, "TargetArn")
    if "/" in arn:  # the ARN of a device; a topic's has none
        raise invalid_because("TargetArn", "No endpoint found for the target arn specified")
    return permitted_topic(call, arn, "Publish", parameter="TargetArn")


def _check_entries(names: Sequence[str]) -> None:
    if not names:
        raise errors.EmptyBatchRequest
    if len(names) > MOST_ENTRIES:
        raise errors.TooManyEntriesInBatchRequest
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) for name in names):
        raise errors.InvalidBatchEntryId
    if len(set(names)) < len(names):
        raise errors.BatchEntryIdsNotDistinct


def _messages(call: Call, topic: Topic, entries: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages, written down unless nobody is to get them."""
    attributes = [message_rules.read_attributes(entry) for entry in entries]
    if sum(map(message_rules.size, entries, attributes)) > message_rules.LARGEST:
        raise errors.BatchRequestTooLong(limit=message_rules.LARGEST)
    messages = [_message(call, topic, *one) for one in zip(entries, attributes, strict=True)]
    for message in messages:
        outgoing.send(call.tables, message, outgoing.wanting(call.tables, message), entropy=call.entropy)
    return messages


def _message(call: Call, topic: Topic, entry: Mapping[str, Any], attributes: tuple[MessageAttribute, ...]) -> Message:
    return Message(
        id=ids.random_uuid(call.entropy), account=topic.account, region=topic.region, topic_arn=topic.id,
        body=entry["Message"], created=call.now, subject=entry.get("Subject"),
        structure=entry.get("MessageStructure") or None, group_id=entry.get("MessageGroupId"), attributes=attributes,
    )  # fmt: skip

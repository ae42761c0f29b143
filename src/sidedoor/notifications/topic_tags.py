"""The tags of topics, within SNS's limits and with its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sidedoor import errors, tagging
from sidedoor.call import Answer, Call, Request
from sidedoor.notifications.model import Topic
from sidedoor.notifications.topic_lookup import invalid, invalid_because

MAX_TAGS = 50
MAX_KEY = 128
MAX_VALUE = 256


def of_new(request: Request) -> dict[str, str]:
    """The tags that a request asks for on a new topic."""
    return _merged({}, _asked(request))


def _asked(request: Request) -> dict[str, str]:
    asked: dict[str, str] = {}
    for pair in request.get("Tags") or ():
        key, value = str(pair["Key"]), str(pair["Value"])
        if key in asked:
            raise invalid("Duplicated keys are not allowed.")
        if not 1 <= len(key) <= MAX_KEY or len(value) > MAX_VALUE:
            raise invalid_because("Tags", f"keys have 1 to {MAX_KEY} characters, values up to {MAX_VALUE}")
        if key.lower().startswith("aws:"):
            raise invalid_because("Tags", "aws: prefixed tag key names are not allowed for external use.")
        asked[key] = value
    return asked


def _merged(current: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    tags = {**current, **new}
    if len(tags) > MAX_TAGS:
        raise errors.TopicTagLimitExceeded
    return tags


def tag_resource(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html"""
    topic = _owned(call, request["ResourceArn"])
    call.tables.topics.update(topic, replace(topic, tags=_merged(topic.tags, _asked(request))))
    return {}


def untag_resource(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_UntagResource.html"""
    topic, gone = _owned(call, request["ResourceArn"]), set(request["TagKeys"])
    left = {key: value for key, value in topic.tags.items() if key not in gone}
    call.tables.topics.update(topic, replace(topic, tags=left))
    return {}


def list_tags_for_resource(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ListTagsForResource.html"""
    return {"Tags": tagging.to_wire(_owned(call, request["ResourceArn"]).tags)}


def _owned(call: Call, arn: str) -> Topic:
    """The caller's topic. Its tags are no other account's business, whatever its policy says."""
    topic = call.tables.topics.find(arn)
    if topic is None or (topic.account, topic.region) != (call.account, call.region):
        raise errors.TaggedTopicNotFound
    return topic

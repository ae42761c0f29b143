"""What SNS takes as a message: its subject, its size, its structure and its attributes. Pure.

SNS API reference, ``Publish`` and ``MessageAttributeValue``; the messages are recorded.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sidedoor import errors
from sidedoor.notifications import documents
from sidedoor.notifications.model import MessageAttribute

LARGEST = 262_144
"""Bytes of a message with its attributes."""

LONGEST_SUBJECT = 100

_ATTRIBUTE_NAME = re.compile(r"(?!(?i:aws|amazon)\.)(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9_.-]{0,255}(?<!\.)")
_TYPE = re.compile(r"(String\.Array|String|Number|Binary)(\.[A-Za-z0-9_.-]{1,200})?")


def read_attributes(entry: Mapping[str, Any]) -> tuple[MessageAttribute, ...]:
    """The attributes of a message to a standard topic, which was looked over.

    Raises ``InvalidParameter``, and ``ParameterValueInvalid`` for what is wrong with an attribute.
    """
    _check_body(entry)
    if entry.get("MessageDeduplicationId"):
        reason = "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
        raise errors.TopicParameterInvalid(reason=f"MessageDeduplicationId Reason: {reason}")
    asked: Mapping[str, Mapping[str, Any]] = entry.get("MessageAttributes") or {}
    attributes = tuple(_attribute(name, value) for name, value in asked.items())
    if size(entry, attributes) > LARGEST:
        raise errors.TopicParameterInvalid(reason="Message too long")
    return attributes


def _check_body(entry: Mapping[str, Any]) -> None:
    body, subject, structure = entry["Message"], entry.get("Subject"), entry.get("MessageStructure")
    if not body:
        raise errors.TopicParameterInvalid(reason="Empty message")
    if subject is not None and not _is_subject(subject):
        raise errors.TopicParameterInvalid(reason="Subject")
    if structure not in (None, "", "json"):
        raise errors.TopicParameterInvalid(reason="MessageStructure")
    if structure == "json":
        _check_structured(body)


def _is_subject(text: str) -> bool:
    """Text of one line without control characters (SNS API reference, ``Publish``), that does not begin with a space."""
    return 1 <= len(text) <= LONGEST_SUBJECT and text.isprintable() and not text.startswith(" ")


def _check_structured(body: str) -> None:
    try:
        messages = documents.parsed(body)
    except documents.Unreadable:
        reason = "Message Structure - JSON message body failed to parse"
        raise errors.TopicParameterInvalid(reason=reason) from None
    if not isinstance(messages.get("default"), str):
        raise errors.TopicParameterInvalid(reason="Message Structure - No default entry in JSON message body")


def _attribute(name: str, given: Mapping[str, Any]) -> MessageAttribute:
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise errors.MessageAttributeInvalid(name=name, reason="does not have a name that message attributes can have.")
    data_type = str(given.get("DataType") or "")
    kind = _TYPE.fullmatch(data_type)
    if kind is None:
        raise errors.MessageAttributeInvalid(name=name, reason=_type_refusal(data_type))
    member = "BinaryValue" if kind[1] == "Binary" else "StringValue"
    value = given.get(member)
    if not value:
        others = given.get("StringValue") or given.get("BinaryValue")
        reason = f"with type '{data_type}' must use field '{member}'." if others else _empty_refusal(data_type)
        raise errors.MessageAttributeInvalid(name=name, reason=reason)
    if kind[1] == "Number" and not _is_number(value):
        raise errors.MessageAttributeInvalid(name=name, reason="does not contain a number, as its type says it does.")
    text = base64.b64encode(value).decode() if kind[1] == "Binary" else value
    return MessageAttribute(name=name, data_type=data_type, value=text)


def _type_refusal(data_type: str) -> str:
    if not data_type:
        return "must contain non-empty message attribute type."
    return "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."


def _empty_refusal(data_type: str) -> str:
    return f"must contain non-empty message attribute value for message attribute type '{data_type}'."


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def size(entry: Mapping[str, Any], attributes: Iterable[MessageAttribute]) -> int:
    """How many bytes of ``LARGEST`` a message takes."""
    parts = [entry["Message"]]
    for attribute in attributes:
        parts += [attribute.name, attribute.data_type, attribute.value]
    return sum(len(part.encode()) for part in parts)

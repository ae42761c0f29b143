"""An operation's answer out as XML, and errors in their envelopes: the protocols ``ec2`` and ``query``, by output shape.

Rule 1: a member that is absent or None is left out; an empty list is an empty element (aws-reference 1.1).
Rule 2: what the shape does not have, or has as another type, is our bug and raises; it is never dropped in silence.
Rule 3: every answer is well-formed: what XML 1.0 cannot hold is shown as U+FFFD.

A shape becomes a function once, at its first use; describing a thousand endpoints then only joins strings.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from botocore.model import Shape

from sidedoor import errors, times
from sidedoor.aws.models import Service

Writer = Callable[[Any], str]
"""A value to its whole element."""

AnswerWriter = Callable[[Mapping[str, Any], str], bytes]
"""An answer and its request id to the body of the response."""

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NOT_XML = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
"""What XML 1.0 cannot hold in any way (its production 2, "Char"), as the inside of a character class."""

# A carriage return written as it is would be read as a line feed (XML 1.0, 2.11).
_SPECIAL = re.compile(f"[&<>\r{NOT_XML}]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def writer(service: Service, operation: str) -> AnswerWriter:
    """What writes the answers of an operation that the service offers."""
    output = service.offered[operation].output_shape
    opening, closing = f'{_DECLARATION}<{operation}Response xmlns="{service.namespace}">', f"</{operation}Response>"
    members = _members(output) if output is not None else _nothing

    def ec2(answer: Mapping[str, Any], request_id: str) -> bytes:
        # EC2 answers an operation without output with a plain "true".
        body = "<return>true</return>" if output is None else members(answer)
        return f"{opening}<requestId>{request_id}</requestId>{body}{closing}".encode()

    def query(answer: Mapping[str, Any], request_id: str) -> bytes:
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        return f"{opening}{result[0]}{members(answer)}{result[1]}{metadata}{closing}".encode()

    wrapper = output.serialization.get("resultWrapper") if output is not None else None
    result = (f"<{wrapper}>", f"</{wrapper}>") if wrapper else ("", "")
    return ec2 if service.form == "ec2" else query


def write_error(service: Service | None, error: errors.ApiError, request_id: str) -> bytes:
    """The envelope of an error in the service's protocol. With no service it is EC2's, which botocore reads in both."""
    code, message = _text(error.code), _text(error.message)
    if service is None or service.form == "ec2":
        inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        return f"{_DECLARATION}<Response>{inner}<RequestID>{request_id}</RequestID></Response>".encode()
    side = "Sender" if error.status < 500 else "Receiver"
    inner = f"<Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    opening = f'{_DECLARATION}<ErrorResponse xmlns="{service.namespace}">'
    return f"{opening}{inner}<RequestId>{request_id}</RequestId></ErrorResponse>".encode()


def _nothing(answer: Mapping[str, Any]) -> str:
    if answer:
        raise TypeError(f"an operation without output answered {sorted(answer)}")
    return ""


def _element(tag: str, shape: Shape) -> Writer:
    if shape.type_name == "structure":
        return _members(shape, f"<{tag}>", f"</{tag}>")
    if shape.type_name == "list":
        return _list(tag, shape)
    if shape.type_name == "map":
        return _map(tag, shape)
    return _text_element(tag) if shape.type_name == "string" else _wrapped(tag, _SCALAR[shape.type_name])


def _text_element(tag: str) -> Writer:
    """``_wrapped(tag, _text)`` in one step: most of an answer is text."""
    opening, closing = f"<{tag}>", f"</{tag}>"

    def element(value: str) -> str:
        return f"{opening}{value if _SPECIAL.search(value) is None else _text(value)}{closing}"

    return element


def _wrapped(tag: str, content: Writer) -> Writer:
    opening, closing = f"<{tag}>", f"</{tag}>"
    return lambda value: f"{opening}{content(value)}{closing}"


def _members(shape: Shape, opening: str = "", closing: str = "") -> Writer:
    """A structure's members between these tags."""

    @cache  # at the first use, since a shape may contain itself
    def writers() -> dict[str, Writer]:
        return {name: _element(_tag(member, name), member) for name, member in shape.members.items()}

    def members(value: Mapping[str, Any]) -> str:
        by_name = writers()
        try:
            written = "".join([by_name[name](member) for name, member in value.items() if member is not None])
            return f"{opening}{written}{closing}"
        except KeyError as error:
            raise TypeError(f"{shape.name} has no member {error}") from None

    return members


def _tag(shape: Shape, name: str) -> str:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return str(shape.member.serialization.get("name") or shape.serialization.get("name") or name)
    return str(shape.serialization.get("name") or name)


def _list(tag: str, shape: Shape) -> Writer:
    flattened = shape.serialization.get("flattened")

    @cache
    def item() -> Writer:
        return _element(tag if flattened else str(shape.member.serialization.get("name") or "member"), shape.member)

    def items(values: list[Any]) -> str:
        if type(values) is not list and isinstance(values, str | Mapping):
            raise TypeError(f"{shape.name} is a list, not {values!r}")
        return "".join(map(item(), values))

    return items if flattened else _wrapped(tag, items)


def _map(tag: str, shape: Shape) -> Writer:
    flattened = shape.serialization.get("flattened")
    write_key = _element(str(shape.key.serialization.get("name") or "key"), shape.key)
    write_value = _element(str(shape.value.serialization.get("name") or "value"), shape.value)
    entry = _wrapped(tag if flattened else "entry", lambda pair: write_key(pair[0]) + write_value(pair[1]))

    def entries(value: Mapping[str, Any]) -> str:
        return "".join(map(entry, value.items()))

    return entries if flattened else _wrapped(tag, entries)


def _text(value: str) -> str:
    if _SPECIAL.search(value) is None:
        return str.__str__(value)  # of a StrEnum, its value
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], "\ufffd"), value)


def _integer(value: int) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"not an integer: {value!r}")
    return str(int(value))


def _boolean(value: bool) -> str:
    if not isinstance(value, bool):
        raise TypeError(f"not a boolean: {value!r}")
    return "true" if value else "false"


def _float(value: float) -> str:
    return repr(float(value))


def _timestamp(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError(f"a time without a zone: {value!r}")
    return times.text(value)


def _blob(value: bytes) -> str:
    return base64.b64encode(value).decode()


_SCALAR: Mapping[str, Writer] = {
    "string": _text,
    "character": _text,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "double": _float,
    "float": _float,
    "timestamp": _timestamp,
    "blob": _blob,
}

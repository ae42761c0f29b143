"""A JSON or a CBOR document in, an operation's input out, and an answer or an error out as one, by shape: the protocols
``json`` (AWS JSON 1.0 and 1.1) and ``smithy-rpc-v2-cbor``.

Rule 1: what the shape does not have is refused, never ignored; a member that is null is absent.
Rule 2: the work is bounded by the size of the request, whatever it claims, and its depth by ``MAX_DEPTH``.
Rule 3: what is refused of a form (``parse.py``) is refused here in the same words: the parameters are called as there.
Rule 4: an answer that is not of its shape is our bug and raises, as in ``serialize.py``.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import cbor2
from botocore.model import Shape

from sidedoor import errors, times
from sidedoor.aws import refusals
from sidedoor.aws.models import CBOR, DocumentProtocol, Service
from sidedoor.aws.parse import FORMS, MAX_DEPTH, NOT_XML_AT_ALL, broken_constraint
from sidedoor.aws.refusals import Refusals
from sidedoor.aws.serialize import AnswerWriter

Convert = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SURROGATES = re.compile("[\ud800-\udfff]")


# --- in -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    protocol: DocumentProtocol
    refusals: Refusals


def read(service: Service, operation: str, protocol: DocumentProtocol, body: bytes) -> dict[str, Any]:
    """The input of an operation that the service offers, as boto3's caller wrote it. Raises the service's errors."""
    document = _decoded(protocol, body) if body else {}
    if not isinstance(document, dict):
        raise errors.SerializationError(reason="It must be a map of parameters.")
    reading = _Reading(protocol, refusals.of_service(service.name, service.form or protocol))
    shape = service.offered[operation].input_shape
    if shape is not None:
        return _structure(shape, document, "", reading)
    for name in document:
        raise reading.refusals.unknown(str(name))
    return {}


def _decoded(protocol: DocumentProtocol, body: bytes) -> Any:
    try:
        if protocol == CBOR:
            return _cbor(body)
        return json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError, cbor2.CBORError) as error:
        raise errors.SerializationError(reason=refusals.shortened(str(error))) from None


def _cbor(body: bytes) -> Any:
    stream = io.BytesIO(body)
    decoder = cbor2.CBORDecoder(stream, max_depth=MAX_DEPTH, allow_duplicate_keys=False, strict_hashable_types=True)
    document = decoder.decode()
    if stream.tell() != len(body):
        raise ValueError("Something follows the document.")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name occurs more than once.")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")


def _value(shape: Shape, value: Any, path: str, reading: _Reading) -> Any:
    if path.count(".") > MAX_DEPTH:
        raise reading.refusals.unknown(path)
    compound = _COMPOUND.get(shape.type_name)
    if compound is not None:
        return compound(shape, value, path, reading)
    try:
        found = _SCALAR_IN[shape.type_name](value, shape, reading.protocol)
    except (TypeError, ValueError, OverflowError):
        raise reading.refusals.invalid(path, _quoted(value), FORMS[shape.type_name]) from None
    broken = broken_constraint(shape.metadata, found)
    if broken is not None:
        raise reading.refusals.invalid(path, _quoted(value), broken)
    return found


def _quoted(value: Any) -> str:
    return refusals.shortened(value if isinstance(value, str) else f"a {type(value).__name__}")


def _structure(shape: Shape, value: Any, path: str, reading: _Reading) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in _mapping(shape, value, path, reading).items():
        where = f"{path}.{name}" if path else str(name)
        if name not in shape.members:
            raise reading.refusals.unknown(where)
        if inner is not None:
            found[name] = _value(shape.members[name], inner, where, reading)
    for name in shape.required_members:
        if name not in found:
            raise reading.refusals.missing(f"{path}.{name}" if path else name)
    return found


def _list(shape: Shape, value: Any, path: str, reading: _Reading) -> list[Any]:
    if not isinstance(value, list):
        raise reading.refusals.invalid(path, _quoted(value), "must be a list")
    return [_value(shape.member, item, f"{path}.member.{number}", reading) for number, item in enumerate(value, 1)]


def _map(shape: Shape, value: Any, path: str, reading: _Reading) -> dict[str, Any]:
    entries = enumerate(_mapping(shape, value, path, reading).items(), 1)
    return {
        _value(shape.key, key, f"{path}.entry.{number}.key", reading): _value(
            shape.value, inner, f"{path}.entry.{number}.value", reading
        )
        for number, (key, inner) in entries
    }


def _mapping(shape: Shape, value: Any, path: str, reading: _Reading) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise reading.refusals.invalid(path, _quoted(value), f"must be a {shape.type_name}")
    return value


_COMPOUND: Mapping[str, Callable[[Shape, Any, str, _Reading], Any]] = {"structure": _structure, "list": _list, "map": _map}


def _string_in(value: Any, *_: Any) -> str:
    if not isinstance(value, str) or NOT_XML_AT_ALL.search(value):
        raise ValueError
    return value


def _whole_in(bits: int) -> Callable[..., int]:
    def read_whole(value: Any, *_: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise ValueError
        return value

    return read_whole


def _boolean_in(value: Any, *_: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _float_in(value: Any, *_: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _timestamp_in(value: Any, shape: Shape, protocol: DocumentProtocol) -> datetime:
    if protocol == CBOR:
        if not isinstance(value, datetime):  # tag 1: seconds since the epoch
            raise TypeError
        return value.astimezone(UTC)
    if shape.serialization.get("timestampFormat") == "iso8601":
        when = datetime.fromisoformat(value)
        return when.astimezone(UTC) if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return datetime.fromtimestamp(_float_in(value), UTC)


def _blob_in(value: Any, _: Shape, protocol: DocumentProtocol) -> bytes:
    if protocol != CBOR:
        return base64.b64decode(value, validate=True)
    if not isinstance(value, bytes):
        raise TypeError
    return value


_SCALAR_IN: Mapping[str, Callable[[Any, Shape, DocumentProtocol], Any]] = {
    "string": _string_in,
    "character": _string_in,
    "integer": _whole_in(32),
    "long": _whole_in(64),
    "boolean": _boolean_in,
    "double": _float_in,
    "float": _float_in,
    "timestamp": _timestamp_in,
    "blob": _blob_in,
}


# --- out ----------------------------------------------------------------------------------------------------------


def writer(service: Service, operation: str, protocol: DocumentProtocol) -> AnswerWriter:
    """What writes the answers of an operation that the service offers; the request id stands in a header alone."""
    output = service.offered[operation].output_shape
    convert = _conversion(output, protocol) if output is not None else _nothing

    def answer(found: Mapping[str, Any], _: str) -> bytes:
        return _encoded(convert(found), protocol)

    return answer


def write_error(service: Service, error: errors.ApiError, protocol: DocumentProtocol) -> bytes:
    """An error's document: the model's name of it, or the one that AWS gives it in all services."""
    name = service.error_names.get(error.code) or _NAMES.get(error.code) or error.code
    return _encoded({"__type": f"{service.smithy}#{name}", "message": _string_out(error.message)}, protocol)


_NAMES = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "InternalError": "InternalFailure",
    "InvalidAction": "UnknownOperationException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAction": "UnknownOperationException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "RequestExpired": "InvalidSignatureException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "ValidationError": "ValidationException",
}
"""Code of the query protocol -> what the same error is called where documents are spoken ("Common Errors" of both)."""


def headers(service: Service, error: errors.ApiError | None, protocol: DocumentProtocol) -> list[tuple[bytes, bytes]]:
    """The headers of an answer or an error, but those that all protocols have.

    ``x-amzn-query-error``: a service that once spoke ``query`` alone goes on telling clients the codes of that time
    (smithy.io/2.0/aws/protocols/aws-query-protocol.html, ``awsQueryCompatible``).
    """
    found = [(b"content-type", f"application/x-amz-json-{service.json_version}".encode())]
    if protocol == CBOR:
        found = [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor")]
    if error is not None and service.query_compatible:
        side = "Sender" if error.status < 500 else "Receiver"
        found.append((b"x-amzn-query-error", f"{error.code};{side}".encode()))
    return found


def _encoded(document: Any, protocol: DocumentProtocol) -> bytes:
    return cbor2.dumps(document) if protocol == CBOR else json.dumps(document, separators=(",", ":")).encode()


def _nothing(answer: Mapping[str, Any]) -> dict[str, Any]:
    if answer:
        raise TypeError(f"an operation without output answered {sorted(answer)}")
    return {}


@lru_cache(maxsize=4096)
def _conversion(shape: Shape, protocol: DocumentProtocol) -> Convert:
    """What makes plain JSON or CBOR types of a value of this shape."""
    if shape.type_name == "structure":
        return _structure_out(shape, protocol)
    if shape.type_name == "list":
        return _list_out(shape, protocol)
    if shape.type_name == "map":
        return _map_out(shape, protocol)
    if shape.type_name == "timestamp":
        return _timestamp_out(shape, protocol)
    if shape.type_name == "blob":
        return _bytes_out if protocol == CBOR else _base64_out
    return _SCALAR_OUT[shape.type_name]


def _structure_out(shape: Shape, protocol: DocumentProtocol) -> Convert:
    @cache  # at the first use, since a shape may contain itself
    def members() -> dict[str, Convert]:
        return {name: _conversion(member, protocol) for name, member in shape.members.items()}

    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        by_name = members()
        try:
            return {name: by_name[name](member) for name, member in value.items() if member is not None}
        except KeyError as error:
            raise TypeError(f"{shape.name} has no member {error}") from None

    return convert


def _list_out(shape: Shape, protocol: DocumentProtocol) -> Convert:
    def convert(values: list[Any]) -> list[Any]:
        if type(values) is not list and isinstance(values, str | Mapping):
            raise TypeError(f"{shape.name} is a list, not {values!r}")
        return list(map(_conversion(shape.member, protocol), values))

    return convert


def _map_out(shape: Shape, protocol: DocumentProtocol) -> Convert:
    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        key_of, value_of = _conversion(shape.key, protocol), _conversion(shape.value, protocol)
        return {key_of(key): value_of(one) for key, one in value.items()}

    return convert


def _timestamp_out(shape: Shape, protocol: DocumentProtocol) -> Convert:
    def seconds(value: datetime) -> Any:
        if value.tzinfo is None:
            raise TypeError(f"a time without a zone: {value!r}")
        milliseconds = (value - _EPOCH) // timedelta(milliseconds=1)
        return milliseconds / 1000 if milliseconds % 1000 else milliseconds // 1000

    if protocol == CBOR:
        return lambda value: cbor2.CBORTag(1, seconds(value))
    return times.text if shape.serialization.get("timestampFormat") == "iso8601" else seconds


def _string_out(value: str) -> str:
    return _SURROGATES.sub("\ufffd", value)


def _integer_out(value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"not an integer: {value!r}")
    return int(value)


def _boolean_out(value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"not a boolean: {value!r}")
    return value


def _bytes_out(value: bytes) -> bytes:
    return bytes(value)


def _base64_out(value: bytes) -> str:
    return base64.b64encode(value).decode()


_SCALAR_OUT: Mapping[str, Convert] = {
    "string": _string_out,
    "character": _string_out,
    "integer": _integer_out,
    "long": _integer_out,
    "boolean": _boolean_out,
    "double": float,
    "float": float,
}

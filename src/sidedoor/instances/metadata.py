"""The options of the metadata service, as a request changes them and as an answer shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.instances.model import MetadataOptions

_SWITCH = ("enabled", "disabled")
_WORDS: Mapping[str, tuple[str, Sequence[str]]] = {
    "HttpEndpoint": ("http_endpoint", _SWITCH),
    "HttpTokens": ("http_tokens", ("optional", "required")),
    "HttpProtocolIpv6": ("http_protocol_ipv6", _SWITCH),
    "InstanceMetadataTags": ("instance_tags", _SWITCH),
}
"""Member of requests and answers -> (field, values)."""

_MOST_HOPS = 64


def changed(options: MetadataOptions, request: Mapping[str, Any]) -> MetadataOptions:
    """The options with what the request says. Raises ``InvalidParameterValue``."""
    changes: dict[str, Any] = {}
    for member, (field, values) in _WORDS.items():
        word = request.get(member)
        if word and word not in values:
            raise errors.InvalidParameterValue(value=word, name=member, reason=f"Expecting {' or '.join(values)}.")
        if word:
            changes[field] = word
    hops = request.get("HttpPutResponseHopLimit")
    if hops is not None and not 1 <= hops <= _MOST_HOPS:
        reason = f"Expecting a number from 1 to {_MOST_HOPS}."
        raise errors.InvalidParameterValue(value=hops, name="HttpPutResponseHopLimit", reason=reason)
    if hops is not None:
        changes["hop_limit"] = hops
    return replace(options, **changes)


def to_wire(options: MetadataOptions) -> dict[str, Any]:
    words = {member: getattr(options, field) for member, (field, _) in _WORDS.items()}
    return {"State": "applied", "HttpPutResponseHopLimit": options.hop_limit, **words}

"""The tags of load balancers, target groups and listeners, within ELBv2's limits and with its errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.call import Answer, Call, Request
from sidedoor.ids import Arn
from sidedoor.loadbalancers import lookup
from sidedoor.loadbalancers.model import Listener, LoadBalancer, TargetGroup

Tags = dict[str, str]
Tagged = LoadBalancer | TargetGroup | Listener

MAX_TAGS = 50
MAX_KEY = 128
MAX_VALUE = 256
MAX_DESCRIBED = 20


def of_new(request: Request) -> Tags:
    """The tags that a request asks for on a new resource."""
    return _merged({}, _asked(request))


def _asked(request: Request) -> Tags:
    """A request's ``Tags``. Raises ``DuplicateTagKeys``, ``ValidationError``."""
    asked: Tags = {}
    for pair in request.get("Tags") or ():
        key, value = str(pair.get("Key") or ""), str(pair.get("Value") or "")
        if key in asked:
            raise errors.DuplicateTagKeys(key=key)
        _check(key, value)
        asked[key] = value
    return asked


def _check(key: str, value: str) -> None:
    if not 1 <= len(key) <= MAX_KEY:
        raise errors.ValidationError(f"The tag key '{key}' must have 1 to {MAX_KEY} characters")
    if key.lower().startswith("aws:"):
        raise errors.ValidationError(f"The tag key '{key}' must not begin with 'aws:', which is reserved")
    if len(value) > MAX_VALUE:
        raise errors.ValidationError(f"The value of the tag '{key}' must have at most {MAX_VALUE} characters")


def _merged(current: Mapping[str, str], new: Mapping[str, str]) -> Tags:
    merged = {**current, **new}
    if len(merged) > MAX_TAGS:
        raise errors.TooManyTags(limit=MAX_TAGS)
    return merged


def add_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html"""
    new = _asked(request)
    for record in _resources(call, request):
        _retag(call, record, _merged(record.tags, new))
    return {}


def remove_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RemoveTags.html"""
    keys = set(request.get("TagKeys") or ())
    for record in _resources(call, request):
        _retag(call, record, {key: value for key, value in record.tags.items() if key not in keys})
    return {}


def describe_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html"""
    if len(request["ResourceArns"]) > MAX_DESCRIBED:
        raise errors.ValidationError(f"Up to {MAX_DESCRIBED} resources can be described in one call")
    return {"TagDescriptions": [_description(record) for record in _resources(call, request)]}


def _description(record: Tagged) -> dict[str, Any]:
    return {"ResourceArn": record.id, "Tags": tagging.to_wire(record.tags)}


def _resources(call: Call, request: Request) -> Iterable[Tagged]:
    return [_owned(call, arn) for arn in dict.fromkeys(request["ResourceArns"])]


def _owned(call: Call, text: str) -> Tagged:
    arn = Arn.parse(text)
    match arn.resource.partition("/")[0] if arn else None:
        case "loadbalancer":
            return lookup.owned_load_balancer(call, text)
        case "targetgroup":
            return lookup.owned_target_group(call, text)
        case "listener":
            return lookup.owned_listener(call, text)
    raise errors.ValidationError(f"'{text}' is not the ARN of a load balancer, target group or listener")


def _retag(call: Call, record: Tagged, tags: Tags) -> None:
    match record:
        case LoadBalancer():
            call.tables.load_balancers.update(record, replace(record, tags=tags))
        case TargetGroup():
            call.tables.target_groups.update(record, replace(record, tags=tags))
        case Listener():
            call.tables.listeners.update(record, replace(record, tags=tags))

"""Tags as a request names them, as a record keeps them and as an answer shows them; AWS's limits on them. Pure.

Limits: EC2 API reference, ``Tag`` and "Tag restrictions" (aws-reference 1.1): at most 50 tags a resource, keys of 1 to 127
characters that do not begin with ``aws:``, values of up to 256 characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sidedoor import errors

MAX_TAGS = 50
MAX_KEY = 127
MAX_VALUE = 256


def from_specifications(request: Mapping[str, Any], resource_type: str) -> dict[str, str]:
    """The tags that ``TagSpecifications`` asks for on a new resource of this type.

    Raises ``InvalidParameterValue`` where a specification is for another type.
    """
    asked: list[Mapping[str, Any]] = []
    for specification in request.get("TagSpecifications") or ():
        kind = specification.get("ResourceType")
        if kind is None:
            raise errors.InvalidParameter("Tag specification resource type must have a value")
        if kind != resource_type:
            raise errors.InvalidParameterValue(f"'{kind}' is not a valid taggable resource type for this operation.")
        if not specification.get("Tags"):
            raise errors.InvalidParameter("Tag specification must have at least one tag")
        asked += specification["Tags"]
    return merged({}, from_wire(asked))


def from_wire(pairs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """A request's ``Tags`` as a mapping, each key and value within AWS's limits; a missing value is the empty string."""
    tags: dict[str, str] = {}
    for pair in pairs:
        key, value = str(pair.get("Key") or ""), str(pair.get("Value") or "")
        check_key(key)
        if len(value) > MAX_VALUE:
            raise errors.InvalidParameterValue(f"Tag value exceeds the maximum length of {MAX_VALUE} characters (key '{key}')")
        if key in tags:
            raise errors.InvalidParameterValue(f"Duplicate tag key '{key}' specified.")
        tags[key] = value
    return tags


def check_key(key: str) -> None:
    """Raises ``InvalidTagKey.Malformed`` where a key is empty, too long or reserved for AWS."""
    if not 1 <= len(key) <= MAX_KEY or key.lower().startswith("aws:"):
        raise errors.InvalidTagKeyMalformed(key=key)


def merged(current: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """A resource's tags with ``new`` put over them. Raises ``TagLimitExceeded``."""
    tags = {**current, **new}
    if len(tags) > MAX_TAGS:
        raise errors.TagLimitExceeded(limit=MAX_TAGS)
    return tags


def to_wire(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as answers list them, in the order of their keys."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]

"""What IAM allows as a name, a path, a policy document and a tag (the constraints of its service model). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sidedoor import errors

_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/|/[!-~]{1,510}/")
MAX_TAGS = 50
LONGEST_CERTIFICATE_NAME = 128


def check_name(text: str, parameter: str, longest: int = 64) -> str:
    """A user's, role's or policy's name."""
    if not _NAME.fullmatch(text):
        _reject(text, parameter, r"Member must satisfy regular expression pattern: [\w+=,.@-]+")
    if len(text) > longest:
        _reject(text, parameter, f"Member must have length less than or equal to {longest}")
    return text


def check_path(text: str) -> str:
    """A path such as ``/division/``."""
    if not _PATH.fullmatch(text):
        raise errors.ValidationError(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters "
            "and/or / characters."
        )
    return text


def check_range(value: int, parameter: str, least: int, most: int) -> int:
    """A number between two bounds."""
    if value < least:
        _reject(value, parameter, f"Member must have value greater than or equal to {least}")
    if value > most:
        _reject(value, parameter, f"Member must have value less than or equal to {most}")
    return value


def _reject(value: object, parameter: str, constraint: str) -> None:
    raise errors.ValidationError(
        f"1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: {constraint}"
    )


def tags_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a request. Keys are distinguished without regard to case (IAM user guide, "Tagging")."""
    pairs = {str(pair["Key"]): str(pair["Value"]) for pair in request.get("Tags") or ()}
    if len({key.lower() for key in pairs}) != len(request.get("Tags") or ()):
        raise errors.InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if len(pairs) > MAX_TAGS:
        raise errors.LimitExceeded(quota="TagsPerResource", limit=MAX_TAGS)
    for key, value in pairs.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:") or len(value) > 256:
            raise errors.InvalidInput(f"The tag '{key}' is not valid: keys have 1 to 128 characters, values up to 256.")
    return pairs

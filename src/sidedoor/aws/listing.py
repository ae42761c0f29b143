"""``Filters``, ``MaxResults`` and ``NextToken`` over any list of records. Pure.

Rule 1: a filter that an operation does not document is an error, never ignored.
Rule 2: a page's token names the last item that was given, not a position: what is inserted or deleted between two pages
neither repeats nor hides another item. A token is sealed for its operation and account; a forged one is ``InvalidNextToken``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sidedoor import errors

T = TypeVar("T")
Field = Callable[[T], Iterable[str] | str | None]

MAX_FILTER_VALUES = 200


def filtered(
    items: Iterable[T],
    filters: Sequence[Mapping[str, Any]] | None,
    fields: Mapping[str, Field[T]],
    tags: Callable[[T], Mapping[str, str]] | None = None,
) -> list[T]:
    """The items that match all filters.

    ``filters``: the request's ``Filters``; the values of one are alternatives and may hold ``*`` and ``?``.
    ``fields``: filter name -> what of an item it looks at. With ``tags`` also ``tag:<key>``, ``tag-key`` and ``tag-value`` are
    understood; the last one AWS documented for years, and still accepts.
    Raises ``InvalidFilter``, ``FilterLimitExceeded``.
    """
    found = list(items)
    if sum(len(one.get("Values", ())) for one in filters or ()) > MAX_FILTER_VALUES:
        raise errors.FilterLimitExceeded(limit=MAX_FILTER_VALUES)
    for one in filters or ():
        look = _field(str(one.get("Name", "")), fields, tags)
        patterns = [_pattern(str(value)) for value in one.get("Values", ())]
        found = [item for item in found if _matches(look(item), patterns)]
    return found


def exact(filters: Sequence[Mapping[str, Any]] | None, name: str) -> frozenset[str] | None:
    """The values that the filters of this name let pass, where they name them; None where they do not (no filter, a wildcard).

    For a store that finds what has a value faster than it reads everything; ``filtered`` still decides.
    """
    passed: frozenset[str] | None = None
    for one in filters or ():
        if one.get("Name") == name:
            values = frozenset(str(value) for value in one.get("Values") or ())
            if _WILD.search("".join(values)) is None:
                passed = values if passed is None else passed & values
    return passed


_WILD = re.compile(r"[*?\\]")


def _field(name: str, fields: Mapping[str, Field[T]], tags: Callable[[T], Mapping[str, str]] | None) -> Field[T]:
    if name in fields:
        return fields[name]
    if tags is not None and name == "tag-key":
        return lambda item: list(tags(item))
    if tags is not None and name == "tag-value":
        return lambda item: list(tags(item).values())
    if tags is not None and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda item: tags(item).get(key)
    raise errors.InvalidFilter(name=name)


@lru_cache(maxsize=1024)
def _pattern(value: str) -> re.Pattern[str]:
    """An AWS wildcard pattern; a backslash takes the meaning from the character after it."""
    parts: list[str] = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"*": ".*", "?": "."}.get(character, re.escape(character)))
    return re.compile("".join(parts), re.DOTALL)


def _matches(found: Iterable[str] | str | None, patterns: Sequence[re.Pattern[str]]) -> bool:
    values = () if found is None else (found,) if isinstance(found, str) else found
    return any(pattern.fullmatch(value) for value in values for pattern in patterns)


def truth(flag: bool) -> str:
    """A boolean as filters spell it."""
    return "true" if flag else "false"


def paged(
    items: Sequence[T],
    *,
    size: int | None,
    token: str | None,
    key: Callable[[T], str],
    secret: bytes,
    scope: str,
    most: int = 1000,
) -> tuple[list[T], str | None]:
    """One page and the token of the next one, or None at the end.

    ``items`` in the order of ``key``, which is unique. ``scope``: what the token is good for (account, region, operation).
    ``size`` None or 0: everything. Raises ``InvalidNextToken``.
    """
    rest = list(items)
    if token:
        last = opened(token, secret, scope)
        rest = [item for item in rest if key(item) > last]
    if not size or len(rest) <= min(size, most):
        return rest, None
    page = rest[: min(size, most)]
    return page, seal(key(page[-1]), secret, scope)


def seal(last: str, secret: bytes, scope: str) -> str:
    """The token that names the item with this key as the last one that was given."""
    return base64.urlsafe_b64encode(_mac(last, secret, scope) + last.encode()).decode()


def opened(token: str, secret: bytes, scope: str) -> str:
    """The key that ``seal`` made this token of. Raises ``InvalidNextToken``."""
    try:
        sealed = base64.urlsafe_b64decode(token.encode())
        last = sealed[16:].decode()
    except (ValueError, binascii.Error):
        raise errors.InvalidNextToken(token=token) from None
    spelled = base64.urlsafe_b64encode(sealed).decode()  # decoding passes over what is no digit of base64
    if spelled != token or not hmac.compare_digest(sealed[:16], _mac(last, secret, scope)):
        raise errors.InvalidNextToken(token=token)
    return last


def _mac(last: str, secret: bytes, scope: str) -> bytes:
    return hmac.digest(secret, f"{scope}\n{last}".encode(), hashlib.sha256)[:16]

"""DNS records of our own, for which the operator of this installation vouches without a public DNS; and no answer at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

TXT = "TXT"

_VALUE = re.compile(r"[ -~]{1,255}")
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")


class Unanswered(Exception):
    """No server gave an answer that says anything. The message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsRecord:
    """One value of a name, in lower case and without a final dot. More values of it are more records."""

    id: str
    version: int = 0
    name: str
    type: str
    value: str
    created: datetime


def record_name(text: str) -> str | None:
    """The name in the form of records, or None for what is no name."""
    name = text.lower().removesuffix(".")
    return name if _NAME.fullmatch(name) else None


def is_value(text: str) -> bool:
    """Whether a record may have this value: one string of a TXT record, in printable ASCII."""
    return _VALUE.fullmatch(text) is not None

"""User data: kept as a client sent it, in base64, and given back. Nothing runs it."""

from __future__ import annotations

import base64
import binascii

from sidedoor import errors

LONGEST = 16_384
"""EC2 user guide, "Run commands when you launch an EC2 instance": 16 KB before it is encoded."""


def checked(text: str | None) -> str | None:
    """The user data of a request, which is base64 already. Raises ``InvalidParameterValue``."""
    if not text:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise errors.InvalidParameterValue("Invalid BASE64 encoding of user data.") from None
    return encoded(data)


def encoded(data: bytes) -> str | None:
    """User data as it is kept. Raises ``InvalidParameterValue`` where it is too long."""
    if len(data) > LONGEST:
        raise errors.InvalidParameterValue(f"User data is limited to {LONGEST} bytes")
    return base64.b64encode(data).decode() or None

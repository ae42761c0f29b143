"""AWS ids and ARNs: minting and reading. Pure: entropy is passed in.

Forms: aws-reference 1.1.1, for example ``vpce-svc-03d5ebb7d9579a2b3`` (prefix and 17 hex digits, the first one 0).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Entropy = Callable[[int], bytes]
"""Returns that many random bytes; ``os.urandom`` in production, a seeded generator in tests."""

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def mint(prefix: str, entropy: Entropy) -> str:
    """A new id such as ``vpc-0a1b2c3d4e5f60718``: the prefix and 17 hex digits."""
    return f"{prefix}-0{entropy(8).hex()}"


def hex_digits(count: int, entropy: Entropy) -> str:
    """``count`` random lower-case hex digits."""
    return entropy((count + 1) // 2).hex()[:count]


def base36(count: int, entropy: Entropy) -> str:
    """``count`` random characters of a-z0-9, as in an endpoint's DNS suffix."""
    return "".join(_BASE36[byte % 36] for byte in entropy(count))


def base62(count: int, entropy: Entropy) -> str:
    """``count`` random characters of a-zA-Z0-9, as in the value that proves a private DNS name."""
    return "".join(_BASE62[byte % 62] for byte in entropy(count))


def base32(count: int, entropy: Entropy) -> str:
    """``count`` random characters of A-Z2-7, as in access key ids and unique ids of IAM."""
    return "".join(_BASE32[byte % 32] for byte in entropy(count))


def random_uuid(entropy: Entropy) -> str:
    """A random UUID (RFC 9562, version 4), as SNS gives subscriptions and messages."""
    digits = entropy(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def is_id(prefix: str, text: str) -> bool:
    """Whether ``text`` has the form of an id with this prefix (8 or 17 hex digits)."""
    return re.fullmatch(rf"{re.escape(prefix)}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", text) is not None


@dataclass(frozen=True, slots=True)
class Arn:
    """``arn:aws:service:region:account:resource``."""

    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{self.resource}"

    @classmethod
    def parse(cls, text: str) -> Arn | None:
        """The parts of an ARN of partition ``aws``, or None where ``text`` is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[:2] != ["arn", "aws"]:
            return None
        return cls(parts[2], parts[3], parts[4], parts[5])

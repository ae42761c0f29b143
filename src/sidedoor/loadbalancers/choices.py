"""Parameters that take one of a list of words, and ELBv2's error for any other word. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sidedoor import errors

LISTENER_PROTOCOLS = ("HTTP", "HTTPS", "UDP", "TCP", "TLS", "TCP_UDP")
PROTOCOLS = ("HTTP", "HTTPS", "UDP", "TCP", "TLS", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC")
OVER_UDP = ("UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
IP_ADDRESS_TYPES = ("ipv4", "dualstack", "dualstack-without-public-ipv4")
LOAD_BALANCER_TYPES = ("application", "network", "gateway")
TARGET_TYPES = ("instance", "ip", "lambda", "alb")


def check(parameter: str, value: str | None, words: Sequence[str], shown: Sequence[str] = ()) -> None:
    """Raises ``ValidationError`` for a word that ELBv2 does not know. ``parameter`` is written as its errors do.

    ``shown``: the words that the error lists, where those are not all.
    """
    if value is not None and value not in words:
        raise errors.ValidationError(
            f"1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(shown or words)}]"
        )

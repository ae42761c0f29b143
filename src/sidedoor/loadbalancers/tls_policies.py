"""AWS's policies for TLS: versions, ciphers and application protocols. Pure.

Facts: ELB user guides, "Security policies": versions of TLS and ciphers, in the order of preference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TLS13 = frozenset(("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"))
GCM = frozenset(f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384"))
CBC = frozenset(f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-SHA256", "AES256-SHA384"))
CBC_SHA1 = frozenset(f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-SHA", "AES256-SHA"))
RSA = frozenset(("AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"))
RSA_SHA1 = frozenset(("AES128-SHA", "AES256-SHA"))

PREFERENCE = (
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES128-SHA256",
    "AES128-SHA", "AES256-GCM-SHA384", "AES256-SHA256", "AES256-SHA",
)  # fmt: skip
"""All ciphers, the preferred ones first; each policy has its own in this order."""

VERSIONS = ("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1")


@dataclass(frozen=True, slots=True)
class Policy:
    """``oldest`` and ``newest``: positions in ``VERSIONS``. ``post_quantum``: ML-KEM where a client can."""

    newest: int
    oldest: int
    ciphers: frozenset[str]
    post_quantum: bool = False

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of TLS that it allows, the newest first."""
        return VERSIONS[self.newest : self.oldest + 1]

    @property
    def ordered_ciphers(self) -> tuple[str, ...]:
        """Its ciphers, the preferred ones first."""
        return tuple(cipher for cipher in PREFERENCE if cipher in self.ciphers)


_FORWARD_SECRET = GCM | CBC | CBC_SHA1
_ALL = _FORWARD_SECRET | RSA | RSA_SHA1

POLICIES: Mapping[str, Policy] = {
    **{
        f"ELBSecurityPolicy-TLS13-{name}-{date}": Policy(0, oldest, TLS13 | ciphers, date.startswith("PQ-"))
        for name, oldest, ciphers in (
            ("1-3", 0, frozenset[str]()),
            ("1-2", 1, GCM | CBC),
            ("1-2-Res", 1, GCM),
            ("1-2-Ext1", 1, GCM | CBC | RSA),
            ("1-2-Ext2", 1, _ALL),
            ("1-1", 2, _ALL),
            ("1-0", 3, _ALL),
        )
        for date in (("2021-06",) if name == "1-1" else ("2021-06", "PQ-2025-09"))
    },
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": Policy(1, 1, _ALL),
    "ELBSecurityPolicy-TLS-1-2-2017-01": Policy(1, 1, GCM | CBC | RSA),
    "ELBSecurityPolicy-TLS-1-1-2017-01": Policy(1, 2, _ALL),
    "ELBSecurityPolicy-2016-08": Policy(1, 3, _ALL),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": Policy(1, 1, GCM),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": Policy(1, 1, GCM | CBC),
    "ELBSecurityPolicy-FS-1-2-2019-08": Policy(1, 1, _FORWARD_SECRET),
    "ELBSecurityPolicy-FS-1-1-2019-08": Policy(1, 2, _FORWARD_SECRET),
    "ELBSecurityPolicy-FS-2018-06": Policy(1, 3, _FORWARD_SECRET),
}

DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"
"""That of a TLS listener for which none was named (NLB guide, "Security policies": the default of all but the console)."""

TO_TARGETS = POLICIES["ELBSecurityPolicy-TLS13-1-0-2021-06"]
"""What is offered to targets of the protocol TLS."""

ALPN: Mapping[str, tuple[str, ...]] = {
    "HTTP1Only": ("http/1.1", "http/1.0"),
    "HTTP2Only": ("h2",),
    "HTTP2Optional": ("http/1.1", "http/1.0", "h2"),
    "HTTP2Preferred": ("h2", "http/1.1", "http/1.0"),
    "None": (),
}
"""ALPN policy -> the protocols that it negotiates, the preferred ones first (NLB guide, "ALPN policies")."""

ALPN_TO_TARGETS: Mapping[str, tuple[str, ...]] = {name: ALPN[name] for name in ("HTTP1Only", "HTTP2Only")}
"""What is offered to targets of the protocol TLS: where a client and a target could choose differently, nothing."""

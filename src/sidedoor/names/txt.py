"""Asks a DNS server for the texts of a name: the host's own servers, or one that is named.

Rule 1: every question ends within a fixed time, whatever the server does.
Rule 2: "there is no such text" and "nobody answered" are two answers; who reads them must not mistake one for the other.
"""

from __future__ import annotations

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from sidedoor.names.model import TXT, Unanswered

SECONDS = 3.0
"""How long one question may take, all tries together."""

_LONGEST_CHAIN = 8
"""How many aliases are followed, one after the other."""


class TxtResolver:
    """``upstream``: the server's address and port, None for those of ``/etc/resolv.conf`` as it is when a question is asked."""

    def __init__(self, upstream: tuple[str, int] | None = None, *, seconds: float = SECONDS) -> None:
        self._upstream = upstream
        self._seconds = seconds

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """The texts of a name, each put together from its parts; none where the name has none. Raises ``Unanswered``."""
        asked = dns.name.from_text(name)
        try:
            resolver = self._resolver()
            for _ in range(_LONGEST_CHAIN):
                answer = await resolver.resolve(asked, TXT, search=False, raise_on_no_answer=False)
                if answer.rrset is not None:
                    return tuple(b"".join(record.strings) for record in answer.rrset)
                if answer.canonical_name == asked:
                    return ()
                asked = answer.canonical_name  # A server that does not follow aliases itself.
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(str(error) or type(error).__name__) from error
        raise Unanswered(f"{name} leads from alias to alias")

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=self._upstream is None)
        if self._upstream is not None:
            resolver.nameservers, resolver.port = [self._upstream[0]], self._upstream[1]
        resolver.timeout, resolver.lifetime = self._seconds / 3, self._seconds
        return resolver

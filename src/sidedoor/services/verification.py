"""What proves a private DNS name: where its record may stand, and what a look for it makes of the name's state. Pure.

The record is looked for at ``_name.domain``, then at the domain itself (for DNS providers that allow no underscore), and then
at the parent domains in the same way: who owns example.com also owns api.example.com (PrivateLink guide, "Manage DNS names").
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sidedoor.services.model import DnsNameEvent, DnsNameState, Service, private_zone

PERIOD = timedelta(hours=72)
"""How long a proof is waited for. The PrivateLink guide names no period; SES, whose procedure this is, has 72 hours."""


class Finding(StrEnum):
    """What a look for the record found. ``UNKNOWN``: some server gave no answer, so that nobody knows."""

    FOUND = "found"
    ABSENT = "absent"
    UNKNOWN = "unknown"


def places(service: Service) -> tuple[str, ...]:
    """The names at which the record may stand, in the order in which they are looked at.

    A domain of one label (com) proves nothing.
    """
    assert service.private_dns_name is not None
    labels = private_zone(service.private_dns_name).split(".")
    domains = [".".join(labels[above:]) for above in range(len(labels) - 1)]
    return tuple(place for domain in domains for place in (f"{service.private_dns_record_name}.{domain}", domain))


def judged(service: Service, finding: Finding, now: datetime) -> Service:
    """The service after a look for its record.

    Only a record that is known to be absent takes the state ``verified`` away: a server that does not answer takes nothing.
    """
    if service.private_dns_state is DnsNameState.VERIFIED:
        return service.after_dns(DnsNameEvent.VANISHED, now) if finding is Finding.ABSENT else service
    if finding is Finding.FOUND:
        return service.after_dns(DnsNameEvent.PROVED, now)
    since = service.private_dns_pending_since
    if since is None:  # pending since before such moments were written down
        return service.after_dns(DnsNameEvent.STARTED, now)
    return service.after_dns(DnsNameEvent.GIVEN_UP, now) if now - since >= PERIOD else service

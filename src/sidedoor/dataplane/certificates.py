"""What a host should have of TLS: the certificates of load balancers' listeners, and which of them clients are shown.

Rule 1: no I/O, and no knowledge of Envoy.
Rule 2: what has a flow keeps its name, so that an engine can change what is behind the name and leave the flow alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sidedoor.dataplane.wanted import Wanted
from sidedoor.identity.model import ServerCertificate
from sidedoor.loadbalancers.model import Listener
from sidedoor.loadbalancers.tls_policies import ALPN, DEFAULT_POLICY


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What is presented to clients: a certificate with its chain, in PEM, and its key."""

    chain: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """How a listener speaks TLS. ``default`` and ``further`` name certificates, of which ``of_balancer`` has the content.

    ``further``: (certificates, the domains that each of these and no others are for); each certificate also stands there alone,
    though it may be for no domain of its own. A client that asks for none of the domains, or for no name, is shown the default.
    """

    policy: str
    alpn: tuple[str, ...]
    default: str
    further: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def names(self) -> frozenset[str]:
        """All certificates that it names."""
        return frozenset({self.default, *(name for names, _ in self.further for name in names)})


def of_balancer(wanted: Wanted, balancer_id: str) -> dict[str, Certificate]:
    """The certificates of a load balancer's listeners, by the names that ``Tls`` has for them."""
    return {
        name: _content(wanted.server_certificates[certificate_id])
        for listener in (wanted.listeners[one] for one in wanted.listeners_of_balancer[balancer_id])
        for name, certificate_id in _certificate_names(listener).items()
        if certificate_id in wanted.server_certificates
    }


def _content(record: ServerCertificate) -> Certificate:
    parts = [part.strip() for part in (record.certificate, record.chain) if part]
    return Certificate(chain="\n".join((*parts, "")), private_key=record.private_key)


def _certificate_names(listener: Listener) -> dict[str, str]:
    """Name -> id of a listener's certificates. The default one's name stays when the listener is given another."""
    if listener.certificate_id is None:
        return {}
    short = listener.id.rpartition(":")[2]
    return {f"{short}/default": listener.certificate_id} | {
        f"{short}/{one}": one for one in listener.more_certificate_ids if one != listener.certificate_id
    }


def tls_of(wanted: Wanted, listener: Listener) -> Tls | None:
    """How this listener speaks TLS; None where it does not."""
    names = _certificate_names(listener)
    if not names:
        return None
    default = next(iter(names))
    of_domain: dict[str, tuple[str, ...]] = {}
    for name, certificate_id in names.items():
        for domain in wanted.server_certificates[certificate_id].domains:
            of_domain[domain] = (*of_domain.get(domain, ()), name)
    further: dict[tuple[str, ...], tuple[str, ...]] = {(name,): () for name in names}
    for domain, those in sorted(of_domain.items()):
        further[those] = (*further.get(those, ()), domain)
    return Tls(
        policy=listener.ssl_policy or DEFAULT_POLICY,
        alpn=ALPN[listener.alpn_policy or "None"],
        default=default,
        further=tuple(sorted(further.items())) if len(names) > 1 else (),
    )

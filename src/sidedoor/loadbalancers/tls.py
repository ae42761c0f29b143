"""What a TLS listener has besides a TCP listener: certificates, a policy for TLS, and one for application protocols.

Certificates are IAM's server certificates: a listener names them by ARN on the wire and keeps their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.identity.model import ServerCertificate
from sidedoor.ids import Arn
from sidedoor.loadbalancers.model import Listener
from sidedoor.loadbalancers.tls_policies import ALPN, DEFAULT_POLICY, POLICIES

_OF_TLS: Mapping[str, str] = {
    "Certificates": "A certificate",
    "SslPolicy": "An SSL policy",
    "AlpnPolicy": "An ALPN policy",
    "MutualAuthentication": "Mutual authentication",
}
"""Parameter of a TLS listener -> what an error calls it."""

_CERTIFICATE = "server-certificate/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """The fields of a listener that belong to TLS; of another protocol, none of them has a value."""

    certificate_id: str | None = None
    more_certificate_ids: tuple[str, ...] = ()
    ssl_policy: str | None = None
    alpn_policy: str | None = None

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def of(listener: Listener) -> Tls:
    return Tls(**{name: getattr(listener, name) for name in Tls.__slots__})


def asked(call: Call, request: Request, protocol: str, before: Tls = Tls()) -> Tls:
    """What a request makes of a listener's TLS: what it does not name stays as ``before``."""
    if protocol != "TLS":
        for parameter, what in _OF_TLS.items():
            if request.get(parameter):
                raise errors.ValidationError(f"{what} cannot be specified for {protocol} listeners")
        return Tls()
    if (request.get("MutualAuthentication") or {}).get("Mode", "off") != "off":
        raise errors.ValidationError("Mutual authentication cannot be specified for TLS listeners")
    certificates = request.get("Certificates")
    if not certificates and before.certificate_id is None:
        raise errors.ValidationError("A certificate must be specified for TLS listeners")
    if certificates and len(certificates) > 1:
        raise errors.TooManyCertificates("A listener has exactly one default certificate: use AddListenerCertificates for more")
    return Tls(
        certificate_id=named(call, certificates).id if certificates else before.certificate_id,
        more_certificate_ids=before.more_certificate_ids,
        ssl_policy=_ssl_policy(request.get("SslPolicy") or before.ssl_policy or DEFAULT_POLICY),
        alpn_policy=_alpn_policy(request.get("AlpnPolicy") or ()) or before.alpn_policy,
    )


def _ssl_policy(name: str) -> str:
    if name not in POLICIES:
        raise errors.SslPolicyNotFound(names=name)
    return name


def _alpn_policy(names: Sequence[str]) -> str | None:
    if len(names) > 1:
        raise errors.ValidationError("You can specify one ALPN policy")
    for name in names:
        if name not in ALPN:
            raise errors.AlpnPolicyNotFound(names=name)
        return name
    return None


def named(call: Call, certificates: Sequence[Mapping[str, Any]]) -> ServerCertificate:
    """The one certificate that a request names. Raises ``CertificateNotFound``: there are none of ACM's."""
    if len(certificates) != 1:
        raise errors.ValidationError("Exactly one certificate must be specified")
    if certificates[0].get("IsDefault") is not None:
        raise errors.ValidationError("IsDefault cannot be specified: AWS takes it in answers only")
    text = str(certificates[0].get("CertificateArn") or "")
    arn = Arn.parse(text)
    if arn is None or arn.service not in ("iam", "acm"):
        raise errors.ValidationError(f"Certificate ARN '{text}' is not valid")
    if (arn.service, arn.region, arn.account) == ("iam", "", call.account) and arn.resource.startswith(_CERTIFICATE):
        name = arn.resource.rpartition("/")[2]
        for found in call.tables.server_certificates.where(account=call.account, name=name):
            if found.arn == text:
                return found
    raise errors.CertificateNotFound(arn=text)


def to_wire(call: Call, listeners: Iterable[Listener]) -> dict[str, dict[str, Any]]:
    """Listener id -> its members that belong to TLS."""
    found = [one for one in listeners if one.protocol == "TLS"]
    arns = arns_of(call, {one.certificate_id for one in found if one.certificate_id})
    return {
        one.id: {
            "Certificates": [{"CertificateArn": arns[one.certificate_id or ""]}],
            "SslPolicy": one.ssl_policy,
            **({"AlpnPolicy": [one.alpn_policy]} if one.alpn_policy else {}),
        }
        for one in found
    }


def arns_of(call: Call, certificate_ids: Iterable[str]) -> dict[str, str]:
    """Id of a certificate -> its ARN."""
    ids = sorted(set(certificate_ids))
    return {one.id: one.arn for one in call.tables.server_certificates.where(id=ids)} if ids else {}

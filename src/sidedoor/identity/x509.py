"""Certificates and private keys as a user gives them: read, and held to what a listener can serve. Pure.

Facts: IAM user guide, "Managing server certificates in IAM": PEM; a private key without a password; a certificate that is valid
at the moment; a chain that begins with the certificate's issuer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from sidedoor import errors

LEAST_RSA_BITS = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")

_DOMAIN = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """What a certificate says of itself. ``domains``: its DNS names in lower case, without those that no client can ask for."""

    expires: datetime
    domains: tuple[str, ...]


def key_pair(certificate: str, chain: str | None, private_key: str, now: datetime) -> KeyPair:
    """Reads a certificate and its key. Raises ``MalformedCertificate`` and ``KeyPairMismatch``."""
    (leaf,) = _certificates(certificate, "certificate", most=1)
    key = _private_key(private_key)
    if _public_bytes(key.public_key()) != _public_bytes(leaf.public_key()):
        raise errors.KeyPairMismatch
    _check_dates(leaf, now)
    _check_chain([leaf, *(_certificates(chain, "certificate chain") if chain else ())])
    return KeyPair(leaf.not_valid_after_utc, _domains(leaf))


def split(text: str) -> tuple[str, str | None]:
    """The first certificate of a text, and the rest: a file with a certificate and its chain."""
    first, *rest = _BLOCK.findall(text) or [text]
    return first, "\n".join(rest) or None


def _certificates(text: str, what: str, most: int | None = None) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        for one in found:
            one.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise errors.MalformedCertificate(f"Unable to parse {what}. Please ensure the {what} is in PEM format.") from None
    if most is not None and len(found) > most:
        raise errors.MalformedCertificate("There is more than one certificate: give the others as the certificate chain.")
    return found


def _private_key(text: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """A key that a listener can use."""
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise errors.MalformedCertificate("The private key is encrypted: give it without a password.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise errors.MalformedCertificate("Unable to parse key. Please ensure the private key is in PEM format.") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise errors.MalformedCertificate(
        f"The key type is not supported: use RSA of {LEAST_RSA_BITS} bits or more, or ECDSA on P-256, P-384 or P-521."
    )


def _public_bytes(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _check_dates(leaf: x509.Certificate, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise errors.MalformedCertificate("Certificate is not valid yet: its 'Not Before' date is in the future.")
    if now > leaf.not_valid_after_utc:
        raise errors.MalformedCertificate("Certificate is no longer valid: its 'Not After' date has passed.")


def _check_chain(certificates: list[x509.Certificate]) -> None:
    """Each certificate is signed by the next one."""
    for index, (one, issuer) in enumerate(pairwise(certificates)):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise errors.MalformedCertificate(
                "Unable to validate certificate chain. It must begin with the immediate signing certificate, followed by any "
                f"intermediaries in order. The index within the chain of the invalid certificate is: {index}"
            ) from None


def _domains(leaf: x509.Certificate) -> tuple[str, ...]:
    """The alternative names, or where there are none the common name (RFC 9525, RFC 6125)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(dict.fromkeys(name.lower() for name in names if _DOMAIN.fullmatch(name.lower())))

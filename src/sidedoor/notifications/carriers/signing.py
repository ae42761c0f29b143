"""Signs what is sent, so that a receiver knows it from anybody's: SNS's signature versions 1 and 2.

SNS developer guide, "Verifying the signatures of Amazon SNS messages": RSA (PKCS #1 v1.5) over the string to sign, with SHA-1
in version 1 and SHA-256 in version 2; the certificate is at the URL that the message has.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from sidedoor.notifications.documents import dumped
from sidedoor.notifications.letter import Letter, string_to_sign

KEY_BITS = 2048
LIFE = timedelta(days=3650)

RECENT = 512
"""Signatures that are kept for the message's other subscribers."""

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SNS's version 1


@dataclass(frozen=True)
class Signer:
    """``key`` and ``certificate``: PEM."""

    key: bytes
    certificate: bytes

    @classmethod
    def new(cls, now: datetime) -> Signer:
        """A key of our own with a certificate that it signed itself."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.sidedoor")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + LIFE)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return cls(plain, certificate.public_bytes(pem))

    @cached_property
    def path(self) -> str:
        """Where the certificate is found, beneath our URL. Another key has another path."""
        return f"/SimpleNotificationService-{hashlib.sha256(self.certificate).hexdigest()[:32]}.pem"

    def signed(self, document: Mapping[str, Any], version: str, base: str) -> dict[str, Any]:
        """The document with its signature; ``version``: "1" or "2"."""
        return {
            **document,
            "SignatureVersion": version,
            "Signature": self._signature(string_to_sign(document), version),
            "SigningCertURL": f"{base}{self.path}",
        }

    def dumped(self, letter: Letter) -> str:
        """The letter's document with its signature."""
        return dumped(self.signed(letter.document(), letter.signature_version, letter.base))

    @cached_property
    def _signature(self) -> Callable[[str, str], str]:
        """The signature of a text in a version. To its many subscribers one message goes with the same, made once."""

        @lru_cache(RECENT)
        def signature(text: str, version: str) -> str:
            made = self._private_key.sign(text.encode(), padding.PKCS1v15(), _HASHES[version])
            return base64.b64encode(made).decode()

        return signature

    @cached_property
    def _private_key(self) -> rsa.RSAPrivateKey:
        key = serialization.load_pem_private_key(self.key, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the key that signs messages is no RSA key")
        return key

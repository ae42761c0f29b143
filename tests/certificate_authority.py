"""An authority that signs certificates for the tests of TLS, as PEM texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class KeyPair:
    certificate: str
    private_key: str

    @property
    def upload(self) -> dict[str, str]:
        """The parameters of UploadServerCertificate that hold it."""
        return {"CertificateBody": self.certificate, "PrivateKey": self.private_key}

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certificate.encode()).serial_number


@dataclass(frozen=True)
class Authority:
    """``certificate``: its own, as PEM."""

    key: Any
    name: x509.Name
    certificate: str

    def issue(
        self, *domains: str, common_name: str = "", key: Any = None, start: datetime = START, end: datetime = END
    ) -> KeyPair:
        """A certificate for these names, with a new key of its own unless one is given."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name or (domains[0] if domains else "nobody"))
        built = _builder(subject, self.name, key, start, end)
        if domains:
            built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in domains]), critical=False)
        return KeyPair(_pem(built.sign(self.key, hashes.SHA256())), _key_pem(key))


def an_authority(name: str = "Test authority") -> Authority:
    key, own = ec.generate_private_key(ec.SECP256R1()), _name(name)
    built = _builder(own, own, key, START, END).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return Authority(key, own, _pem(built.add_extension(usage, critical=True).sign(key, hashes.SHA256())))


@cache
def an_rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, start: datetime, end: datetime) -> x509.CertificateBuilder:
    begun = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return begun.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: Any) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()

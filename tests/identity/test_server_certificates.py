"""Server certificates: what is taken, what is refused, and that a private key never comes out again."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certificate_authority import an_authority, an_rsa_key
from sidedoor import errors
from sidedoor.identity.kept_certificates import PER_ACCOUNT
from sidedoor.identity.principal_tags import (
    list_server_certificate_tags,
    tag_server_certificate,
    untag_server_certificate,
)
from sidedoor.identity.server_certificates import (
    delete_server_certificate,
    get_server_certificate,
    list_server_certificates,
    update_server_certificate,
    upload_server_certificate,
)

PROVIDER, CONSUMER = "111111111111", "222222222222"
AUTHORITY = an_authority()
WEB = {"ServerCertificateName": "web"}
PAIR = AUTHORITY.issue("web.example.com", "*.Example.com", "f*.example.com", "a b.example.com")


def names(answer: dict[str, Any]) -> list[str]:
    return [one["ServerCertificateName"] for one in answer["ServerCertificateMetadataList"]]


def domains(world: Any, name: str = "web") -> tuple[str, ...]:
    with world.store.read() as tables:
        (found,) = tables.server_certificates.where(name=name)
    return tuple(found.domains)


def test_a_certificate_is_shown_as_it_was_uploaded_but_for_its_key(world: Any) -> None:
    made = world.ask(
        upload_server_certificate, **WEB, **PAIR.upload, CertificateChain=AUTHORITY.certificate, Path="/cloud/",
        Tags=[{"Key": "a", "Value": "b"}],
    )  # fmt: skip
    metadata = made["ServerCertificateMetadata"]
    assert metadata["Arn"] == f"arn:aws:iam::{PROVIDER}:server-certificate/cloud/web"
    assert metadata["ServerCertificateId"].startswith("ASCA")
    assert (metadata["UploadDate"], metadata["Expiration"]) == (world.now, datetime(2046, 1, 1, tzinfo=UTC))
    assert made["Tags"] == [{"Key": "a", "Value": "b"}]
    shown = world.ask(get_server_certificate, **WEB)["ServerCertificate"]
    assert shown == {
        "ServerCertificateMetadata": metadata,
        "CertificateBody": PAIR.certificate.strip(),
        "CertificateChain": AUTHORITY.certificate.strip(),
        "Tags": made["Tags"],
    }
    assert world.ask(list_server_certificates)["ServerCertificateMetadataList"] == [metadata]
    assert names(world.ask(list_server_certificates, PathPrefix="/other/")) == []
    assert names(world.ask(list_server_certificates, account=CONSUMER)) == []


def test_a_private_key_stands_in_no_answer_in_no_log_and_in_no_representation(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        world.ask(upload_server_certificate, **WEB, **PAIR.upload),
        world.ask(get_server_certificate, **WEB),
        world.ask(list_server_certificates),
        world.ask(update_server_certificate, **WEB, NewPath="/new/"),
        world.ask(list_server_certificate_tags, **WEB),
    ]
    with pytest.raises(errors.EntityAlreadyExists) as refused:
        world.ask(upload_server_certificate, **WEB, **PAIR.upload)
    with world.store.read() as tables:
        (record,) = tables.server_certificates.where(name="web")
    secret = PAIR.private_key.splitlines()[1]
    assert secret in record.private_key
    for text in (json.dumps(answers, default=str), caplog.text, repr(record), str(refused.value)):
        assert secret not in text


def test_domains_are_those_that_a_client_can_ask_for(world: Any) -> None:
    world.ask(upload_server_certificate, **WEB, **PAIR.upload)
    assert domains(world) == ("web.example.com", "*.example.com")
    world.ask(upload_server_certificate, ServerCertificateName="old", **AUTHORITY.issue(common_name="Old.example.com").upload)
    assert domains(world, "old") == ("old.example.com",)


@pytest.mark.parametrize("key", [an_rsa_key(), ec.generate_private_key(ec.SECP384R1())], ids=["rsa", "p384"])
def test_keys_that_a_listener_can_serve_are_taken(world: Any, key: Any) -> None:
    world.ask(upload_server_certificate, **WEB, **AUTHORITY.issue("a.example.com", key=key).upload)


def _encrypted() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()


REFUSED = {
    "no certificate": ({"CertificateBody": "hello"}, errors.MalformedCertificate, "Unable to parse certificate"),
    "two certificates": (
        {"CertificateBody": PAIR.certificate + AUTHORITY.certificate}, errors.MalformedCertificate, "more than one certificate"
    ),
    "no key": ({"PrivateKey": PAIR.certificate}, errors.MalformedCertificate, "Unable to parse key"),
    "a key with a password": ({"PrivateKey": _encrypted()}, errors.MalformedCertificate, "encrypted"),
    "another's key": ({"PrivateKey": AUTHORITY.issue("a").private_key}, errors.KeyPairMismatch, "do not belong together"),
    "a short key": (AUTHORITY.issue("a", key=an_rsa_key(1024)).upload, errors.MalformedCertificate, "RSA of 2048 bits"),
    "a key of another kind": (
        AUTHORITY.issue("a", key=ed25519.Ed25519PrivateKey.generate()).upload, errors.MalformedCertificate, "RSA of 2048 bits"
    ),
    "expired": (
        AUTHORITY.issue("a", end=datetime(2025, 6, 1, tzinfo=UTC)).upload, errors.MalformedCertificate, "no longer valid"
    ),
    "not valid yet": (
        AUTHORITY.issue("a", start=datetime(2026, 6, 1, tzinfo=UTC)).upload, errors.MalformedCertificate, "not valid yet"
    ),
    "another's chain": (
        {"CertificateChain": an_authority().certificate}, errors.MalformedCertificate, "invalid certificate is: 0"
    ),
    "no chain": ({"CertificateChain": "hello"}, errors.MalformedCertificate, "Unable to parse certificate chain"),
    "no name": ({"ServerCertificateName": "a/b"}, errors.ValidationError, "serverCertificateName"),
    "no path": ({"Path": "cloud"}, errors.ValidationError, "path"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_listener_could_present_is_refused(world: Any, case: str) -> None:
    change, error, reason = REFUSED[case]
    with pytest.raises(error, match=reason):
        world.ask(upload_server_certificate, **{**WEB, **PAIR.upload, **change})
    assert names(world.ask(list_server_certificates)) == []


def test_a_name_is_taken_once_in_an_account_without_regard_to_case(world: Any) -> None:
    world.ask(upload_server_certificate, **WEB, **PAIR.upload)
    with pytest.raises(errors.EntityAlreadyExists, match="Server Certificate with name WEB already exists"):
        world.ask(upload_server_certificate, ServerCertificateName="WEB", **PAIR.upload)
    world.ask(upload_server_certificate, account=CONSUMER, **WEB, **PAIR.upload)


def test_an_account_has_so_many_certificates_and_no_more(world: Any) -> None:
    for number in range(PER_ACCOUNT):
        world.ask(upload_server_certificate, ServerCertificateName=f"c{number}", **PAIR.upload)
    with pytest.raises(errors.LimitExceeded, match=f"ServerCertificatesPerAccount: {PER_ACCOUNT}"):
        world.ask(upload_server_certificate, **WEB, **PAIR.upload)


def test_a_certificate_can_be_renamed_and_moved(world: Any) -> None:
    made = world.ask(upload_server_certificate, **WEB, **PAIR.upload)["ServerCertificateMetadata"]
    world.ask(upload_server_certificate, ServerCertificateName="taken", **PAIR.upload)
    with pytest.raises(errors.EntityAlreadyExists):
        world.ask(update_server_certificate, **WEB, NewServerCertificateName="Taken")
    world.ask(update_server_certificate, **WEB, NewServerCertificateName="Web", NewPath="/new/")
    (moved,) = world.ask(list_server_certificates, PathPrefix="/new/")["ServerCertificateMetadataList"]
    assert (moved["ServerCertificateId"], moved["ServerCertificateName"]) == (made["ServerCertificateId"], "Web")


def test_tags_can_be_put_and_taken_away(world: Any) -> None:
    world.ask(upload_server_certificate, **WEB, **PAIR.upload)
    world.ask(tag_server_certificate, **WEB, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    world.ask(untag_server_certificate, **WEB, TagKeys=["A"])
    assert world.ask(list_server_certificate_tags, **WEB)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_a_deleted_certificate_is_unknown(world: Any) -> None:
    world.ask(upload_server_certificate, **WEB, **PAIR.upload)
    assert world.ask(delete_server_certificate, **WEB) == {}
    for operation in (get_server_certificate, delete_server_certificate, list_server_certificate_tags):
        with pytest.raises(errors.NoSuchEntity, match="Server Certificate with name web cannot be found"):
            world.ask(operation, **WEB)

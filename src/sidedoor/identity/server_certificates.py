"""Server certificates: the certificates that TLS listeners can have. Their private keys come in, and never go out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity import kept_certificates
from sidedoor.identity.constraints import LONGEST_CERTIFICATE_NAME, check_name, check_path, tags_of
from sidedoor.identity.model import ServerCertificate
from sidedoor.identity.pages import marked_page
from sidedoor.tagging import to_wire as tags_to_wire


def upload_server_certificate(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadServerCertificate.html"""
    name = check_name(request["ServerCertificateName"], "serverCertificateName", LONGEST_CERTIFICATE_NAME)
    path, tags = check_path(request.get("Path", "/")), tags_of(request)
    _check_free(call, name)
    given = kept_certificates.Given(request["CertificateBody"], request.get("CertificateChain"), request["PrivateKey"])
    made = kept_certificates.new(
        call.tables, call.account, name, given, now=call.now, entropy=call.entropy, path=path, tags=tags
    )
    return {"ServerCertificateMetadata": _to_wire(made), **_tags(made)}


def get_server_certificate(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServerCertificate.html"""
    found = named(call, request)
    chain = {"CertificateChain": found.chain} if found.chain is not None else {}
    shown = {"ServerCertificateMetadata": _to_wire(found), "CertificateBody": found.certificate, **chain, **_tags(found)}
    return {"ServerCertificate": shown}


def list_server_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServerCertificates.html"""
    prefix = request.get("PathPrefix", "/")
    found = [one for one in call.tables.server_certificates.where(account=call.account) if one.path.startswith(prefix)]
    shown, rest = marked_page(call, request, found, key=lambda one: one.name)
    return {"ServerCertificateMetadataList": [_to_wire(one) for one in shown], **rest}


def update_server_certificate(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServerCertificate.html

    Its id stays, and with it the listeners that have it.
    """
    found = named(call, request)
    name = check_name(request.get("NewServerCertificateName", found.name), "newServerCertificateName", LONGEST_CERTIFICATE_NAME)
    if name.lower() != found.name.lower():
        _check_free(call, name)
    path = check_path(request.get("NewPath", found.path))
    call.tables.server_certificates.update(found, replace(found, name=name, path=path))
    return {}


def delete_server_certificate(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServerCertificate.html"""
    kept_certificates.remove(call.tables, named(call, request))
    return {}


def named(call: Call, request: Request) -> ServerCertificate:
    """The caller's account's certificate that the request names. Raises ``NoSuchEntity``."""
    name = request["ServerCertificateName"]
    for found in call.tables.server_certificates.where(account=call.account, name=name):
        return found
    raise errors.NoSuchEntity(f"The Server Certificate with name {name} cannot be found.")


def _check_free(call: Call, name: str) -> None:
    """Names are told apart without regard to case."""
    if name.lower() in {one.lower() for one in call.tables.server_certificates.values("name", account=call.account)}:
        raise errors.EntityAlreadyExists(f"The Server Certificate with name {name} already exists.")


def _to_wire(found: ServerCertificate) -> dict[str, Any]:
    return {
        "Path": found.path,
        "ServerCertificateName": found.name,
        "ServerCertificateId": found.id,
        "Arn": found.arn,
        "UploadDate": found.created,
        "Expiration": found.expires,
    }


def _tags(found: ServerCertificate) -> dict[str, Any]:
    return {"Tags": tags_to_wire(found.tags)} if found.tags else {}

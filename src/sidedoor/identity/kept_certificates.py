"""The server certificates that there are: kept, renewed, removed, and which of them listeners have.

For the operations and for ``sidedoor certificates``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sidedoor import errors, ids
from sidedoor.identity.model import ServerCertificate
from sidedoor.identity.x509 import key_pair
from sidedoor.store.tables import Tables

PER_ACCOUNT = 20
"""IAM user guide, "IAM and AWS STS quotas"."""


@dataclass(frozen=True, slots=True)
class Given:
    """A certificate as a user gives it, in PEM."""

    certificate: str
    chain: str | None
    private_key: str = field(repr=False)

    def fields(self, now: datetime) -> dict[str, Any]:
        """The fields of the record that hold it. Raises ``MalformedCertificate``, ``KeyPairMismatch``.

        Texts are kept without the white space around them: Terraform, which trims its own, would replace them for it.
        """
        pair = key_pair(self.certificate, self.chain, self.private_key, now)
        return {
            "created": now,
            "expires": pair.expires,
            "domains": pair.domains,
            "certificate": self.certificate.strip(),
            "chain": self.chain.strip() if self.chain else None,
            "private_key": self.private_key,
        }


def new(
    tables: Tables, account: str, name: str, given: Given, *,
    now: datetime, entropy: ids.Entropy, path: str = "/", tags: Mapping[str, str] | None = None,
) -> ServerCertificate:  # fmt: skip
    """Keeps a new certificate. Raises ``MalformedCertificate``, ``KeyPairMismatch``, ``LimitExceeded``."""
    fields = given.fields(now)
    if len(tables.server_certificates.values("id", account=account)) >= PER_ACCOUNT:
        raise errors.LimitExceeded(quota="ServerCertificatesPerAccount", limit=PER_ACCOUNT)
    unique_id = f"ASCA{ids.base32(17, entropy)}"
    return tables.server_certificates.add(
        ServerCertificate(id=unique_id, account=account, name=name, path=path, tags=dict(tags or {}), **fields)
    )


def renewed(tables: Tables, before: ServerCertificate, given: Given, now: datetime) -> ServerCertificate:
    """Puts a newer certificate in the place of one: its listeners have it from now on. Raises as ``new`` does.

    AWS has no operation for this: there a listener is given another certificate.
    """
    return tables.server_certificates.update(before, replace(before, **given.fields(now)))


def remove(tables: Tables, found: ServerCertificate) -> None:
    """Removes a certificate. Raises ``DeleteConflict`` where a listener has it."""
    users = [one.id for one in tables.listeners.where(account=found.account) if found.id in one.certificate_ids]
    if users:
        raise errors.DeleteConflict(f"Certificate: {found.arn} is currently in use by {', '.join(sorted(users))}")
    tables.server_certificates.remove(found)


def settle_use(tables: Tables, account: str, certificate_ids: Iterable[str]) -> None:
    """Writes down which of these certificates the account's listeners have now."""
    asked = sorted(set(certificate_ids))
    if not asked:
        return
    used = {one for listener in tables.listeners.where(account=account) for one in listener.certificate_ids}
    for found in tables.server_certificates.where(id=asked):
        tables.server_certificates.update(found, replace(found, in_use=found.id in used))

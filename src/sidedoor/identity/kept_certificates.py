"""The server certificates that there are: kept, renewed, removed, and which of them listeners have.

For the operations and for ``sidedoor certificates``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sidedoor import errors, ids
from sidedoor.identity.model import ServerCertificate
from sidedoor.store.tables import Tables

if TYPE_CHECKING:
    from sidedoor.identity.x509 import KeyPair

PER_ACCOUNT = 20
"""IAM user guide, "IAM and AWS STS quotas"."""


def new(
    tables: Tables, account: str, name: str, certificate: str, chain: str | None, private_key: str, *,
    now: datetime, entropy: ids.Entropy, path: str = "/", tags: Mapping[str, str] | None = None,
) -> ServerCertificate:  # fmt: skip
    """Keeps a new certificate. Raises ``MalformedCertificate``, ``KeyPairMismatch``, ``LimitExceeded``."""
    pair = _read(certificate, chain, private_key, now)
    if len(tables.server_certificates.values("id", account=account)) >= PER_ACCOUNT:
        raise errors.LimitExceeded(quota="ServerCertificatesPerAccount", limit=PER_ACCOUNT)
    return tables.server_certificates.add(
        ServerCertificate(
            id=f"ASCA{ids.base32(17, entropy)}", account=account, name=name, path=path, created=now, expires=pair.expires,
            domains=pair.domains, tags=dict(tags or {}), certificate=certificate, chain=chain, private_key=private_key,
        )
    )  # fmt: skip


def renewed(
    tables: Tables, before: ServerCertificate, certificate: str, chain: str | None, private_key: str, now: datetime
) -> ServerCertificate:
    """Puts a newer certificate in the place of one: its listeners have it from now on. Raises as ``new`` does.

    AWS has no operation for this: there a listener is given another certificate.
    """
    pair = _read(certificate, chain, private_key, now)
    after = replace(
        before, created=now, expires=pair.expires, domains=pair.domains, certificate=certificate, chain=chain,
        private_key=private_key,
    )  # fmt: skip
    return tables.server_certificates.update(before, after)


def _read(certificate: str, chain: str | None, private_key: str, now: datetime) -> KeyPair:
    """What the certificate says of itself. Its library is loaded with the first one: it is 8 MB, and most systems have none."""
    from sidedoor.identity.x509 import key_pair

    return key_pair(certificate, chain, private_key, now)


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

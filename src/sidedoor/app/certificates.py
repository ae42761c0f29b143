"""``sidedoor certificates``: certificates from files. Works on the database directly, whether Sidedoor runs or not.

It does what IAM's operations do, and one thing more: a certificate that is added again under its name takes the place of the
one before it, in the listeners too.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from sidedoor import errors
from sidedoor.app.database import opened
from sidedoor.clock import utc_now
from sidedoor.identity import constraints, kept_certificates, x509
from sidedoor.identity.kept_certificates import Given
from sidedoor.identity.model import ServerCertificate
from sidedoor.settings import Settings, SettingsError
from sidedoor.store.tables import Tables


def add(settings: Settings, account: str, name: str | None, certificate: Path, key: Path, chain: Path | None) -> dict[str, str]:
    """Adds a certificate, or renews the one of this name. Raises ``SettingsError``."""
    _account(account)
    body, rest = x509.split(_text(certificate))
    given = Given(body, _text(chain) if chain is not None else rest, _text(key))
    try:
        now = utc_now()
        name = constraints.check_name(name or _name_for(given, now), "name", constraints.LONGEST_CERTIFICATE_NAME)
        with opened(settings) as store, store.write() as tables:
            before = _named(tables, account, name)
            if before is None:
                kept = kept_certificates.new(tables, account, name, given, now=now, entropy=os.urandom)
            else:
                kept = kept_certificates.renewed(tables, before, given, now)
    except errors.ApiError as error:
        raise SettingsError(error.message) from None
    return _shown(kept)


def listed(settings: Settings, account: str | None) -> list[dict[str, str]]:
    """All certificates, or an account's, by account and name."""
    with opened(settings) as store, store.read() as tables:
        owned = {} if account is None else {"account": _account(account)}
        return [_shown(one) for one in sorted(tables.server_certificates.where(**owned), key=lambda one: one.arn)]


def remove(settings: Settings, account: str, name: str) -> None:
    """Removes a certificate. Raises ``SettingsError``: there is none, or a listener has it."""
    with opened(settings) as store, store.write() as tables:
        found = _named(tables, _account(account), name)
        if found is None:
            raise SettingsError(f"Account {account} has no certificate {name}: `sidedoor certificates list` shows all.")
        try:
            kept_certificates.remove(tables, found)
        except errors.DeleteConflict as error:
            raise SettingsError(f"{error.message}: give it another certificate first.") from None


def _text(path: Path) -> str:
    try:
        return path.read_text("latin-1")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None


def _name_for(given: Given, now: datetime) -> str:
    domains = x509.key_pair(given.certificate, given.chain, given.private_key, now).domains
    if not domains:
        raise SettingsError("The certificate is for no domain by which it could be named: give --name.")
    return domains[0].replace("*", "_")


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text, re.ASCII):
        raise SettingsError(f"{text} is no account id, which has 12 digits: `sidedoor accounts list` shows them.")
    return text


def _named(tables: Tables, account: str, name: str) -> ServerCertificate | None:
    found = tables.server_certificates.where(account=account)
    return next((one for one in found if one.name.lower() == name.lower()), None)


def _shown(one: ServerCertificate) -> dict[str, str]:
    return {
        "Arn": one.arn,
        "Expiration": one.expires.isoformat(),
        "Domains": " ".join(one.domains),
        "InUse": "yes" if one.in_use else "no",
    }

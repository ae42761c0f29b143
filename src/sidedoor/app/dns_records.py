"""``sidedoor dns``: the records of our own. Works on the database directly, whether Sidedoor runs or not.

Whoever can do this holds the database, and so could prove any name anyway.
"""

from __future__ import annotations

import os

from sidedoor import ids
from sidedoor.app.database import opened
from sidedoor.clock import utc_now
from sidedoor.names.model import TXT, DnsRecord, is_value, record_name
from sidedoor.settings import Settings, SettingsError


def put(settings: Settings, name: str, kind: str, value: str) -> None:
    """Adds a value to a name; one that is there already stays. Raises ``SettingsError``."""
    record = DnsRecord(
        id=ids.mint("dnsr", os.urandom), name=_name(name), type=_kind(kind), value=_value(value), created=utc_now()
    )
    with opened(settings) as store, store.write() as tables:
        if not tables.dns_records.where(name=record.name, type=record.type, value=record.value):
            tables.dns_records.add(record)


def listed(settings: Settings) -> list[dict[str, str]]:
    """All records, by name."""
    with opened(settings) as store, store.read() as tables:
        records = sorted(tables.dns_records.where(), key=lambda one: (one.name, one.type, one.value))
        return [{"Name": one.name, "Type": one.type, "Value": one.value} for one in records]


def remove(settings: Settings, name: str, kind: str | None, value: str | None) -> None:
    """Removes a name's records, or those of a type, or the one with this value. Raises ``SettingsError``: there is none."""
    wanted = {"name": _name(name)} | ({"type": _kind(kind)} if kind else {}) | ({"value": value} if value else {})
    with opened(settings) as store, store.write() as tables:
        found = tables.dns_records.where(**wanted)
        if not found:
            raise SettingsError(f"There is no such record of {wanted['name']}: `sidedoor dns list` shows what there is.")
        tables.dns_records.remove_all(found)


def _name(text: str) -> str:
    name = record_name(text)
    if name is None:
        raise SettingsError(f"{text} is no name of a DNS record: give one such as _abc.example.com.")
    return name


def _kind(text: str) -> str:
    if text.upper() != TXT:
        raise SettingsError(f"{text} records are of no use here: only {TXT} proves a name.")
    return TXT


def _value(text: str) -> str:
    if not is_value(text):
        raise SettingsError(f"The value of a {TXT} record has from 1 to 255 characters of printable ASCII.")
    return text

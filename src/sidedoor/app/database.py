"""The database of a command: apart from the control plane, so that who only looks into it does not load the API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sidedoor.settings import Settings, SettingsError
from sidedoor.store.engine import DatabaseUnusable, Store


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store of these settings, at the newest schema. Raises ``SettingsError``."""
    settings.prepare()
    try:
        store = Store(settings.database_url)
    except DatabaseUnusable as error:
        raise SettingsError(str(error)) from None
    try:
        store.migrate()
        yield store
    except DatabaseUnusable as error:
        raise SettingsError(str(error)) from None
    finally:
        store.close()

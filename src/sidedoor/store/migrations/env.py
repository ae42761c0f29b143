"""Alembic's entry point: runs the migrations on the connection that ``Store.migrate`` or scripts/new_migration.py passes."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from sidedoor.store.schema import UtcTime, metadata


def _render(kind: str, item: Any, _: object) -> str | Literal[False]:
    """A new migration names its column types by the constants of script.py.mako: it must not change when the schema does."""
    names = {UtcTime: "TIME", sa.JSON: "DOCUMENT", sa.Text: "TEXT"}
    return names.get(type(item), False) if kind == "type" else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    render_as_batch=True,
    render_item=_render,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

"""SQLite keeps the changes in the order of their key alone, and not in a table beside it: half the pages for each commit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("changes", "changes_before")
    op.create_table(
        "changes",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("revision", "kind", "id", name="pk_changes"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO changes SELECT revision, kind, id FROM changes_before")
    op.drop_table("changes_before")

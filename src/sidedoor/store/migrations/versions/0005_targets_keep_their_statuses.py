"""Targets keep the statuses by which they failed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.JSON()

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("target_health", schema=None) as batch_op:
        batch_op.add_column(sa.Column("codes", DOCUMENT, nullable=False, server_default="[]"))
    with op.batch_alter_table("target_health", schema=None) as batch_op:
        batch_op.alter_column("codes", existing_type=DOCUMENT, existing_nullable=False, server_default=None)

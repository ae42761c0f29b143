"""Listeners keep how their action was written"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("listeners", schema=None) as batch_op:
        batch_op.add_column(sa.Column("action_order", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("target_group_weight", sa.BigInteger(), nullable=True))

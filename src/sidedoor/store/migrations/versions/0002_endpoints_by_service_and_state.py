"""Endpoints are found by their service and state"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_endpoints_service_id"))
        batch_op.create_index(batch_op.f("ix_endpoints_service_id_state"), ["service_id", "state"], unique=False)

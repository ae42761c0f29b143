"""Private DNS names are verified"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.JSON()

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "dns_records",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dns_records")),
        sa.UniqueConstraint("name", "type", "value", name=op.f("uq_dns_records_name_type_value")),
    )
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        batch_op.add_column(sa.Column("private_dns_name", TEXT, nullable=True))

    with op.batch_alter_table("services", schema=None) as batch_op:
        batch_op.add_column(sa.Column("private_dns_pending_since", TIME, nullable=True))
        batch_op.create_index(batch_op.f("ix_services_private_dns_state"), ["private_dns_state"], unique=False)

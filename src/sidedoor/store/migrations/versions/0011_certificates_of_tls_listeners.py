"""Certificates of TLS listeners"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.JSON()

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "server_certificates",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.Column("domains", DOCUMENT, nullable=False),
        sa.Column("in_use", sa.Boolean(), nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.Column("certificate", TEXT, nullable=False),
        sa.Column("chain", TEXT, nullable=True),
        sa.Column("private_key", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_certificates")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_server_certificates_account_name")),
    )
    with op.batch_alter_table("listeners", schema=None) as batch_op:
        batch_op.add_column(sa.Column("certificate_id", TEXT, nullable=True))
        batch_op.add_column(sa.Column("more_certificate_ids", DOCUMENT, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("ssl_policy", TEXT, nullable=True))
        batch_op.add_column(sa.Column("alpn_policy", TEXT, nullable=True))
        batch_op.alter_column("more_certificate_ids", existing_type=DOCUMENT, existing_nullable=False, server_default=None)

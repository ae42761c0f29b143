"""Networks as peers' programs use them: further blocks of a VPC, DHCP options, prefix lists, reservations, more addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.JSON()

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "dhcp_options",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("configurations", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dhcp_options")),
    )
    with op.batch_alter_table("dhcp_options", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dhcp_options_account_region"), ["account", "region"], unique=False)
    with op.batch_alter_table("vpcs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("secondary", DOCUMENT, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("dhcp_options_id", TEXT, nullable=True))
    with op.batch_alter_table("vpcs", schema=None) as batch_op:
        batch_op.alter_column("secondary", existing_type=DOCUMENT, existing_nullable=False, server_default=None)
    op.create_table(
        "prefix_lists",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("family", TEXT, nullable=False),
        sa.Column("max_entries", sa.BigInteger(), nullable=False),
        sa.Column("entries", DOCUMENT, nullable=False),
        sa.Column("earlier", DOCUMENT, nullable=False),
        sa.Column("modified", sa.Boolean(), nullable=False),
        sa.Column("failure", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prefix_lists")),
    )
    with op.batch_alter_table("prefix_lists", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prefix_lists_account_region"), ["account", "region"], unique=False)
    op.create_table(
        "subnet_reservations",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("subnet_id", TEXT, nullable=False),
        sa.Column("cidr", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnet_reservations")),
    )
    with op.batch_alter_table("subnet_reservations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subnet_reservations_account_region"), ["account", "region"], unique=False)
        batch_op.create_index(batch_op.f("ix_subnet_reservations_subnet_id"), ["subnet_id"], unique=False)
    with op.batch_alter_table("interfaces", schema=None) as batch_op:
        batch_op.add_column(sa.Column("secondary", DOCUMENT, nullable=False, server_default="[]"))
    with op.batch_alter_table("interfaces", schema=None) as batch_op:
        batch_op.alter_column("secondary", existing_type=DOCUMENT, existing_nullable=False, server_default=None)
    with op.batch_alter_table("security_group_rules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("created", TIME, nullable=False, server_default="1970-01-01 00:00:00.000000"))
    with op.batch_alter_table("security_group_rules", schema=None) as batch_op:
        batch_op.alter_column("created", existing_type=TIME, existing_nullable=False, server_default=None)

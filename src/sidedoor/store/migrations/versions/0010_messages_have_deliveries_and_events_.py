"""Messages have deliveries and events have an order

What was published before there was anybody to deliver it is not sent so long after.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.JSON()

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("subscription_id", TEXT, nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("endpoint", TEXT, nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("due", TIME, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column("last_error", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    lanes = ["subscription_id", "lane", "sequence"]
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_subscription_id_due"), ["subscription_id", "due"], unique=False)
        batch_op.create_index(batch_op.f("ix_deliveries_sequence"), ["sequence"], unique=False)
        batch_op.create_index(batch_op.f("ix_deliveries_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deliveries_subscription_id_lane_sequence"), lanes, unique=False)
    op.execute("DELETE FROM messages")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", TEXT, nullable=False, server_default="Notification"))
        batch_op.add_column(sa.Column("token", TEXT, nullable=True))
        batch_op.drop_column("recipients")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.alter_column("kind", server_default=None)
    _order_events()


def _order_events() -> None:
    """Events so far have the order of their time."""
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sequence", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("consumer", TEXT, nullable=False, server_default=""))
        batch_op.add_column(sa.Column("before", TEXT, nullable=True))
        batch_op.add_column(sa.Column("after", TEXT, nullable=True))
        batch_op.add_column(sa.Column("actor", DOCUMENT, nullable=True))
        batch_op.add_column(sa.Column("notices", DOCUMENT, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("announced", sa.Boolean(), nullable=False, server_default=sa.true()))
    sqlite = op.get_bind().dialect.name == "sqlite"
    owner = "json_extract(body, '$.vpcEndpointOwner')" if sqlite else "body ->> 'vpcEndpointOwner'"
    op.execute(f"UPDATE events SET consumer = coalesce({owner}, '')")  # noqa: S608 - both are ours
    op.execute(
        "UPDATE events SET sequence = (SELECT count(*) FROM events AS other WHERE other.created < events.created"
        " OR (other.created = events.created AND other.id <= events.id))"
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        for column in ("sequence", "consumer", "notices", "announced"):
            batch_op.alter_column(column, server_default=None)
        for column in ("announced", "created", "sequence"):
            batch_op.create_index(batch_op.f(f"ix_events_{column}"), [column], unique=False)
        for column in ("account", "consumer"):
            batch_op.create_index(batch_op.f(f"ix_events_{column}_sequence"), [column, "sequence"], unique=False)

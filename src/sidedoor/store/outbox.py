"""What is asked of the outbox alone: events and deliveries in their order.

Rule: nothing here depends on how many events there were or how many deliveries wait for somebody else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sidedoor.notifications.model import Delivery
from sidedoor.store.schema import DELIVERIES, EVENTS, MESSAGES, SUBSCRIPTIONS, Kind, OutboxEvent
from sidedoor.store.tables import Tables


def next_event(tables: Tables) -> int:
    """The number of the next event. Writers are serial, so nobody else takes it."""
    return _next(tables, EVENTS)


def next_delivery(tables: Tables) -> int:
    """The number of the next delivery: greater than that of any that waits."""
    return _next(tables, DELIVERIES)


def _next(tables: Tables, kind: Kind[Any]) -> int:
    rows = tables.connection.execute(
        ("greatest sequence", kind.name), lambda: sa.select(sa.func.max(kind.table.c.sequence))
    ).fetchall()
    return (rows[0][0] or 0) + 1


def unannounced(tables: Tables, most: int) -> list[OutboxEvent]:
    """The oldest events of which nobody was told yet."""

    def compose() -> sa.Select[Any]:
        columns = EVENTS.table.c
        waiting = sa.select(EVENTS.table).where(columns.announced == sa.false()).order_by(columns.sequence)
        return waiting.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))

    read = tables.connection.statements.reader(EVENTS)
    return [read(row) for row in tables.connection.execute(("unannounced", most), compose).fetchall()]


def events_after(tables: Tables, sequence: int, most: int) -> list[OutboxEvent]:
    """The events after the one of this number, oldest first."""

    def compose() -> sa.Select[Any]:
        columns = EVENTS.table.c
        later = sa.select(EVENTS.table).where(columns.sequence > sa.bindparam("sequence")).order_by(columns.sequence)
        return later.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))

    read = tables.connection.statements.reader(EVENTS)
    found = tables.connection.execute(("events after", most), compose, {"sequence": sequence})
    return [read(row) for row in found.fetchall()]


def trail(
    tables: Tables,
    account: str,
    region: str,
    *,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    most: int,
) -> list[OutboxEvent]:
    """The events of a region that concern an account's services or endpoints, newest first.

    ``before``: only those before the event of this number.
    """

    def compose() -> sa.Select[Any]:
        columns = EVENTS.table.c
        asked: sa.BindParameter[str] = sa.bindparam("account")
        conditions = [sa.or_(columns.account == asked, columns.consumer == asked), columns.region == sa.bindparam("region")]
        if since is not None:
            conditions.append(columns.created >= sa.bindparam("since", type_=columns.created.type))
        if until is not None:
            conditions.append(columns.created <= sa.bindparam("until", type_=columns.created.type))
        if before is not None:
            conditions.append(columns.sequence < sa.bindparam("before"))
        newest_first = sa.select(EVENTS.table).where(*conditions).order_by(columns.sequence.desc())
        return newest_first.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))

    given = {"since": since, "until": until, "before": before}
    values = {"account": account, "region": region, **{name: value for name, value in given.items() if value is not None}}
    read = tables.connection.statements.reader(EVENTS)
    key = ("trail", most, *(name for name in given if name in values))
    return [read(row) for row in tables.connection.execute(key, compose, values).fetchall()]


def old_events(tables: Tables, until: datetime, most: int) -> list[OutboxEvent]:
    """The oldest events of before a moment, of which nobody has to be told any more."""
    return [event for event in tables.events.until("created", until, most) if event.announced]


def last_event(tables: Tables) -> int:
    """The number of the newest event, 0 where there is none."""
    return next_event(tables) - 1


def waiting(tables: Tables, now: datetime) -> list[str]:
    """The subscriptions for which a delivery is due. Each is looked up by itself, however many deliveries it has."""

    def compose() -> sa.Select[Any]:
        columns, subscriptions = DELIVERIES.table.c, SUBSCRIPTIONS.table.c
        due = columns.due <= sa.bindparam("now", type_=columns.due.type)
        return sa.select(subscriptions.id).where(sa.exists().where(columns.subscription_id == subscriptions.id, due))

    return [row[0] for row in tables.connection.execute("waiting", compose, {"now": now}).fetchall()]


def busy(tables: Tables, lane: str, subscription_ids: Collection[str]) -> set[str]:
    """Those of these subscriptions to which something is on its way in this lane."""

    def compose() -> sa.Select[Any]:
        columns, subscriptions = DELIVERIES.table.c, SUBSCRIPTIONS.table.c
        under_way = sa.exists().where(columns.subscription_id == subscriptions.id, columns.lane == sa.bindparam("lane"))
        return sa.select(subscriptions.id).where(tables.connection.statements.any_of(subscriptions.id, "ids"), under_way)

    values = {"lane": lane, "ids": tables.connection.statements.collection(subscription_ids)}
    return {row[0] for row in tables.connection.execute("busy", compose, values).fetchall()}


def due(tables: Tables, subscription_id: str, now: datetime, most: int) -> list[Delivery]:
    """A subscription's deliveries that are due, oldest first. What is behind another is not; but an older release did not put
    that off, so that it is looked at here as well.
    """

    def compose() -> sa.Select[Any]:
        columns, other = DELIVERIES.table.c, DELIVERIES.table.alias("earlier")
        earlier = sa.exists().where(
            other.c.subscription_id == columns.subscription_id,
            other.c.lane == columns.lane,
            other.c.sequence < columns.sequence,
        )
        mine = columns.subscription_id == sa.bindparam("subscription_id")
        ready = columns.due <= sa.bindparam("now", type_=columns.due.type)
        found = sa.select(DELIVERIES.table).where(mine, ready, ~earlier).order_by(columns.sequence)
        return found.limit(sa.bindparam("most", type_=sa.Integer())).offset(sa.literal_column("0"))

    read = tables.connection.statements.reader(DELIVERIES)
    values = {"subscription_id": subscription_id, "now": now, "most": most}
    return [read(row) for row in tables.connection.execute("due", compose, values).fetchall()]


def lease(tables: Tables, deliveries: Collection[Delivery], until: datetime) -> list[Delivery]:
    """Puts all of these off, so that nobody else takes them before. Returns them as they are now."""

    def compose() -> sa.Update:
        columns = DELIVERIES.table.c
        put_off = {"due": sa.bindparam("until", type_=columns.due.type), "version": columns.version + sa.literal_column("1")}
        return sa.update(DELIVERIES.table).where(tables.connection.statements.any_of(columns.id, "ids")).values(put_off)

    values = {"until": until, "ids": tables.connection.statements.collection([one.id for one in deliveries])}
    tables.connection.execute("lease", compose, values)
    return [replace(one, due=until, version=one.version + 1) for one in deliveries]


def remove_deliveries(tables: Tables, deliveries: Collection[Delivery], now: datetime) -> None:
    """Removes what is done with, all at once, and the messages that nobody else is to get. What was behind it is due now."""

    def call_next() -> sa.Update:
        done, behind = DELIVERIES.table.alias("done"), DELIVERIES.table.alias("behind")
        same_lane = behind.c.subscription_id == done.c.subscription_id, behind.c.lane == done.c.lane
        later = sa.select(behind.c.id).where(*same_lane, behind.c.sequence > done.c.sequence).order_by(behind.c.sequence)
        first = later.limit(sa.literal_column("1")).offset(sa.literal_column("0"))
        nexts = sa.select(first.scalar_subquery().correlate(done)).where(tables.connection.statements.any_of(done.c.id, "ids"))
        columns = DELIVERIES.table.c
        put_on = {"due": sa.bindparam("now", type_=columns.due.type), "version": columns.version + sa.literal_column("1")}
        return sa.update(DELIVERIES.table).where(columns.id.in_(nexts)).values(put_on)

    def compose() -> sa.Delete:
        return sa.delete(DELIVERIES.table).where(tables.connection.statements.any_of(DELIVERIES.table.c.id, "ids"))

    values = {"ids": tables.connection.statements.collection([one.id for one in deliveries])}
    tables.connection.execute("call next deliveries", call_next, {**values, "now": now})
    tables.connection.execute("remove deliveries", compose, values)
    forget_messages(tables, {one.message_id for one in deliveries})


def forget_messages(tables: Tables, message_ids: Collection[str]) -> None:
    """Removes those of these messages that nobody is to get any more."""

    def compose() -> sa.Delete:
        messages = MESSAGES.table.c
        wanted = sa.exists().where(DELIVERIES.table.c.message_id == messages.id)
        return sa.delete(MESSAGES.table).where(tables.connection.statements.any_of(messages.id, "ids"), ~wanted)

    values = {"ids": tables.connection.statements.collection(message_ids)}
    tables.connection.execute("forget messages", compose, values)


def forget_deliveries(tables: Tables, subscription_id: str) -> None:
    """Removes what waits for a subscriber who is not to get anything any more."""
    messages = tables.deliveries.values("message_id", subscription_id=subscription_id)

    def compose() -> sa.Delete:
        return sa.delete(DELIVERIES.table).where(DELIVERIES.table.c.subscription_id == sa.bindparam("subscription_id"))

    tables.connection.execute("forget deliveries", compose, {"subscription_id": subscription_id})
    forget_messages(tables, messages)

"""LookupEvents: the log of what happened to endpoints, as CloudTrail has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Answer, Call, Request
from sidedoor.store import outbox
from sidedoor.store.schema import OutboxEvent
from sidedoor.trail.model import ENDPOINT_TYPE, SERVICE_TYPE, SOURCE, Entry, event_name, shown, user_name

MOST = 50
"""Events that one answer has (CloudTrail API reference, ``LookupEvents``)."""

READ_AT_ONCE = 500


def lookup_events(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html"""
    size = request.get("MaxResults") or MOST
    if not 1 <= size <= MOST:
        raise errors.InvalidMaxResults(most=MOST)
    if request.get("EventCategory"):
        raise errors.InvalidEventCategory(category=request["EventCategory"])
    since, until = (_moment(request.get(name)) for name in ("StartTime", "EndTime"))
    if since is not None and until is not None and since > until:
        raise errors.InvalidTimeRange
    matches = _matching(call, request)
    scope = f"{call.account}/{call.region}/{call.operation}/{since}/{until}/{request.get('LookupAttributes')}"
    before = _place(call, request.get("NextToken"), scope)
    found: list[OutboxEvent] = []
    while len(found) <= size:
        page = outbox.trail(call.tables, call.account, call.region, since=since, until=until, before=before, most=READ_AT_ONCE)
        found += [event for event in page if matches(_entry(event))]
        if len(page) < READ_AT_ONCE:
            break
        before = page[-1].sequence
    events = [shown(_entry(event), call.account) for event in found[:size]]
    more = len(found) > size
    token = listing.seal(str(found[size - 1].sequence), call.settings.paging_secret, scope) if more else None
    return {"Events": events, "NextToken": token}


def _moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return None if value is None else value.astimezone(UTC)
    return datetime.fromtimestamp(float(value), UTC)


def _place(call: Call, token: str | None, scope: str) -> int | None:
    """The number of the event before which the page begins, None for the newest."""
    if not token:
        return None
    try:
        return int(listing.opened(token, call.settings.paging_secret, scope))
    except errors.InvalidNextToken:
        raise errors.InvalidTrailToken from None


def _entry(event: OutboxEvent) -> Entry:
    return Entry(
        id=event.id, name=event.name, account=event.account, consumer=event.consumer, region=event.region,
        endpoint_id=event.endpoint_id, service_id=event.service_id, created=event.created, before=event.before,
        after=event.after, actor=asdict(event.actor) if event.actor else None, facts=event.body,
    )  # fmt: skip


def _matching(call: Call, request: Request) -> Callable[[Entry], bool]:
    """What the lookup attribute asks of an entry; there may be one (CloudTrail API reference)."""
    attributes = request.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise errors.InvalidLookupAttributes(reason="one attribute may be given at a time.")
    if not attributes:
        return lambda entry: True
    key, value = attributes[0].get("AttributeKey"), attributes[0].get("AttributeValue")
    if key not in _ATTRIBUTES or not value:
        raise errors.InvalidLookupAttributes(reason=f"use one of {', '.join(_ATTRIBUTES)}, with a value.")
    values_of = _ATTRIBUTES[key]
    return lambda entry: value in values_of(entry, call.account)


def _key_of(entry: Entry, account: str) -> tuple[str | None, ...]:
    own = entry.actor is not None and entry.actor["account"] == account
    return (entry.actor["access_key_id"],) if own and entry.actor else ()


_ATTRIBUTES: Mapping[str, Callable[[Entry, str], tuple[str | None, ...]]] = {
    "EventId": lambda entry, account: (entry.id,),
    "EventName": lambda entry, account: (event_name(entry),),
    "ReadOnly": lambda entry, account: ("false",),
    "Username": lambda entry, account: (user_name(entry, account),),
    "ResourceType": lambda entry, account: (ENDPOINT_TYPE, SERVICE_TYPE),
    "ResourceName": lambda entry, account: (entry.endpoint_id, entry.service_id),
    "EventSource": lambda entry, account: (SOURCE,),
    "AccessKeyId": _key_of,
}

"""The pages of the console: what each asks the API, and what its template gets of the answer.

Rule 1: no query of its own: a page shows what the API's operations answer the same caller, and nothing else; but mails,
which no operation shows.
Rule 2: a list is a page of at most ``AT_ONCE`` rows; the token of the next one is the API's, where the list is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidedoor import errors
from sidedoor.console.visit import Visit
from sidedoor.notifications.mailbox import Stored, kept, stored
from sidedoor.trail.model import ENDPOINT_TYPE

AT_ONCE = 100
EVENTS_AT_ONCE = 50

ACCEPTABLE = ("pendingAcceptance", "rejected")
REJECTABLE = ("pendingAcceptance", "pending", "available")
"""The states in which a connection can be accepted and rejected (user guide, "Accept or reject connection requests")."""


@dataclass(frozen=True)
class Page:
    """``title``: one of ``words``. ``values``: for the template of this name. ``status``: of the HTTP response."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


class Elsewhere(Exception):
    """The visitor is led to another page. ``path`` begins where the console does."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


# --- what the provider sees ---------------------------------------------------------------------------------------


def services(visit: Visit) -> Page:
    answer = visit.ask("ec2", "DescribeVpcEndpointServiceConfigurations", MaxResults=AT_ONCE, NextToken=visit.query.get("next"))
    return Page("services", "services", {"services": answer["ServiceConfigurations"], "next": answer.get("NextToken")})


def service(visit: Visit) -> Page:
    """A service and the endpoints that are connected to it, those that wait before the others."""
    service_id = visit.path["service_id"]
    try:
        found = visit.ask("ec2", "DescribeVpcEndpointServiceConfigurations", ServiceIds=[service_id])["ServiceConfigurations"]
    except errors.ApiError as error:
        return missing(service_id, error)
    answer = visit.ask(
        "ec2", "DescribeVpcEndpointConnections", MaxResults=AT_ONCE, NextToken=visit.query.get("next"),
        Filters=[{"Name": "service-id", "Values": [service_id]}],
    )  # fmt: skip
    connections = sorted(answer["VpcEndpointConnections"], key=lambda one: one["VpcEndpointState"] != "pendingAcceptance")
    values = {"service": found[0], "connections": connections, "next": answer.get("NextToken")}
    return Page("service", "service", values)


def connection(visit: Visit) -> Page:
    """A connection, with what happened to it. Who owns the endpoint and not the service is led to the endpoint's page."""
    service_id, endpoint_id = visit.path["service_id"], visit.path["endpoint_id"]
    names = {"service-id": service_id, "vpc-endpoint-id": endpoint_id}
    filters = [{"Name": name, "Values": [value]} for name, value in names.items()]
    found = visit.ask("ec2", "DescribeVpcEndpointConnections", Filters=filters)["VpcEndpointConnections"]
    if not found:
        if _endpoint(visit, endpoint_id) is not None:
            raise Elsewhere(f"/endpoints/{endpoint_id}")
        return missing(endpoint_id)
    state = found[0]["VpcEndpointState"]
    values = {
        "connection": found[0],
        "acceptable": state in ACCEPTABLE,
        "rejectable": state in REJECTABLE,
        "events": _events(visit, endpoint_id)["events"],
    }
    return Page("connection", "connection", values)


def decide(visit: Visit, form: Mapping[str, Sequence[str]]) -> str:
    """Accepts or rejects the connections that a form names. Returns what became of it, one of ``words`` or an error's text."""
    operations = {"accept": "AcceptVpcEndpointConnections", "reject": "RejectVpcEndpointConnections"}
    what, endpoint_ids = "".join(form.get("do", ())), list(form.get("endpoint", ()))
    if what not in operations or not endpoint_ids:
        return "nothing chosen"
    answer = visit.ask("ec2", operations[what], ServiceId=visit.path["service_id"], VpcEndpointIds=endpoint_ids)
    refused = [f"{one['ResourceId']}: {one['Error']['Message']}" for one in answer.get("Unsuccessful") or ()]
    return " ".join(refused) or f"{what}ed"


# --- what the consumer sees ---------------------------------------------------------------------------------------


def endpoints(visit: Visit) -> Page:
    answer = visit.ask("ec2", "DescribeVpcEndpoints", MaxResults=AT_ONCE, NextToken=visit.query.get("next"))
    return Page("endpoints", "endpoints", {"endpoints": answer["VpcEndpoints"], "next": answer.get("NextToken")})


def endpoint(visit: Visit) -> Page:
    endpoint_id = visit.path["endpoint_id"]
    found = _endpoint(visit, endpoint_id)
    if found is None:
        return missing(endpoint_id)
    return Page("endpoint", "endpoint", {"endpoint": found, "events": _events(visit, endpoint_id)["events"]})


def _endpoint(visit: Visit, endpoint_id: str) -> Mapping[str, Any] | None:
    try:
        found: Sequence[Mapping[str, Any]] = visit.ask("ec2", "DescribeVpcEndpoints", VpcEndpointIds=[endpoint_id])[
            "VpcEndpoints"
        ]
    except errors.ApiError:
        return None
    return found[0]


# --- what happened ------------------------------------------------------------------------------------------------


def events(visit: Visit) -> Page:
    return Page("events", "events", _events(visit, None))


def _events(visit: Visit, endpoint_id: str | None) -> dict[str, Any]:
    """The newest events of an endpoint, or of all that concerns the caller."""
    attributes = [{"AttributeKey": "ResourceName", "AttributeValue": endpoint_id}] if endpoint_id else None
    token = None if endpoint_id else visit.query.get("next")
    answer = visit.ask("cloudtrail", "LookupEvents", LookupAttributes=attributes, MaxResults=EVENTS_AT_ONCE, NextToken=token)
    return {"events": [_shown(one) for one in answer["Events"]], "next": answer.get("NextToken")}


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table of events."""
    named = {one["ResourceType"]: one["ResourceName"] for one in event["Resources"]}
    details = json.loads(event["CloudTrailEvent"])
    change = details["serviceEventDetails"]
    return {
        "time": event["EventTime"], "name": event["EventName"],
        "who": event["Username"] or details["userIdentity"].get("accountId") or details["userIdentity"].get("invokedBy"),
        "endpoint": named[ENDPOINT_TYPE], "before": change["stateBefore"], "after": change["stateAfter"],
    }  # fmt: skip


def mails(visit: Visit) -> Page:
    """The mails of the account's topics, newest first; ``next`` names the last one of the page before."""
    own = _mails(visit)[::-1]
    begin = next((place for place, one in enumerate(own, 1) if one.key == visit.query.get("next")), 0)
    shown, further = own[begin : begin + AT_ONCE], own[begin + AT_ONCE :]
    return Page("mails", "mails", {"mails": shown, "next": shown[-1].key if further else None, "sent": visit.mail is None})


def mail(visit: Visit) -> Page:
    found = kept(visit.mail, visit.path["key"]) if visit.mail else None
    if found is None or not _is_own(visit, found):
        return missing(visit.path["key"])
    return Page("mail", "mail", {"stored": found})


def _mails(visit: Visit) -> list[Stored]:
    return [one for one in stored(visit.mail) if _is_own(visit, one)] if visit.mail else []


def _is_own(visit: Visit, one: Stored) -> bool:
    """Whether a mail is of a topic of the caller's account: a link in a mail is a key to what it confirms."""
    return one.account == visit.caller.account


def missing(name: str, error: errors.ApiError | None = None) -> Page:
    """There is no such thing, for this caller and in this region."""
    return Page("missing", "missing", {"name": name, "error": error}, 404)


PAGES: Mapping[str, Callable[[Visit], Page]] = {
    "/services": services,
    "/services/{service_id}": service,
    "/services/{service_id}/connections/{endpoint_id}": connection,
    "/endpoints": endpoints,
    "/endpoints/{endpoint_id}": endpoint,
    "/events": events,
    "/mail": mails,
    "/mail/{key}": mail,
}
"""Path beneath the console to what makes the page."""

"""An event as CloudTrail shows it: what a record of the log of events is to an account that looks it up. Pure.

CloudTrail user guide, "CloudTrail record contents".

Rule: of what another account did, an account learns that it was done, and not by whom in it, from where or with which key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SERVICE = "vpce.amazonaws.com"
"""Who did what nobody asked for: PrivateLink itself."""

SOURCE = "ec2.amazonaws.com"
VERSION = "1.11"

ENDPOINT_TYPE, SERVICE_TYPE = "AWS::EC2::VPCEndpoint", "AWS::EC2::VPCEndpointService"

OF_SERVICE: Mapping[str, str] = {
    "Available": "VpcEndpointAvailable",
    "Failed": "VpcEndpointFailed",
    "Removed": "VpcEndpointRemoved",
}
"""What the data plane did has no operation's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One change of an endpoint's state. ``account``: the service's owner, ``consumer``: the endpoint's.

    ``actor``: who made it by an operation, as a mapping of texts; None where PrivateLink did.
    """

    id: str
    name: str
    account: str
    consumer: str
    region: str
    endpoint_id: str
    service_id: str
    created: datetime
    before: str | None
    after: str | None
    actor: Mapping[str, str | None] | None
    facts: Mapping[str, str]


def shown(entry: Entry, account: str) -> dict[str, Any]:
    """The entry as LookupEvents answers it to an account."""
    own = entry.actor if entry.actor is not None and entry.actor["account"] == account else None
    return {
        "EventId": entry.id,
        "EventName": event_name(entry),
        "ReadOnly": "false",
        "AccessKeyId": own["access_key_id"] if own else None,
        "EventTime": entry.created.replace(microsecond=0),
        "EventSource": SOURCE,
        "Username": user_name(entry, account),
        "Resources": [
            {"ResourceType": kind, "ResourceName": name}
            for kind, name in ((ENDPOINT_TYPE, entry.endpoint_id), (SERVICE_TYPE, entry.service_id))
        ],
        "CloudTrailEvent": json.dumps(_record(entry, own, account)),
    }


def event_name(entry: Entry) -> str:
    """The operation, where there was one."""
    return str(entry.actor["operation"]) if entry.actor else OF_SERVICE.get(entry.name, entry.name)


def user_name(entry: Entry, account: str) -> str | None:
    """The last part of who did it, to the account whose user or role that is."""
    if entry.actor is None or entry.actor["account"] != account:
        return None
    return str(entry.actor["arn"]).rpartition("/")[2].rpartition(":")[2]


def _record(entry: Entry, own: Mapping[str, str | None] | None, account: str) -> dict[str, Any]:
    identity: dict[str, Any]
    if entry.actor is None:
        identity = {"type": "AWSService", "invokedBy": SERVICE}
    elif own is None:
        identity = {"type": "AWSAccount", "accountId": entry.actor["account"]}
    else:
        identity = {
            "type": _kind(str(own["arn"])), "principalId": own["user_id"], "arn": own["arn"], "accountId": own["account"],
            "accessKeyId": own["access_key_id"],
        }  # fmt: skip
    return {
        "eventVersion": VERSION,
        "userIdentity": identity,
        "eventTime": f"{entry.created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": SOURCE,
        "eventName": event_name(entry),
        "awsRegion": entry.region,
        "sourceIPAddress": (own["source"] if own else None) or SERVICE,
        "userAgent": (own["user_agent"] if own else None) or SERVICE,
        "requestID": own["request_id"] if own else None,
        "eventID": entry.id,
        "readOnly": False,
        "eventType": "AwsApiCall" if entry.actor else "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
        "resources": [
            _resource(entry, entry.consumer, ENDPOINT_TYPE, f"vpc-endpoint/{entry.endpoint_id}"),
            _resource(entry, entry.account, SERVICE_TYPE, f"vpc-endpoint-service/{entry.service_id}"),
        ],
        "serviceEventDetails": {
            "event": entry.name, "stateBefore": entry.before, "stateAfter": entry.after, **entry.facts,
        },
    }  # fmt: skip


def _resource(entry: Entry, account: str, kind: str, name: str) -> dict[str, str]:
    return {"accountId": account, "type": kind, "ARN": f"arn:aws:ec2:{entry.region}:{account}:{name}"}


def _kind(arn: str) -> str:
    if ":assumed-role/" in arn:
        return "AssumedRole"
    if ":federated-user/" in arn:
        return "FederatedUser"
    return "Root" if arn.endswith(":root") else "IAMUser"

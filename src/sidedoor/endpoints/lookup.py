"""Finds endpoints: the consumer's own, and those that are connected to a provider's service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.endpoints.model import Endpoint
from sidedoor.networks.lookup import owned
from sidedoor.services.model import Service

STATE_FILTER = "vpc-endpoint-state"


def owned_endpoint(call: Call, endpoint_id: str) -> Endpoint:
    not_found, malformed = errors.EndpointIdNotFound, errors.EndpointIdMalformed
    return owned(call, call.tables.endpoints, endpoint_id, "vpce", not_found, malformed)


def connected_endpoint(call: Call, service: Service, endpoint_id: str) -> Endpoint:
    """The endpoint with this id where it is connected to this service. Raises ``InvalidVpcEndpoint.NotFound``."""
    endpoint = call.tables.endpoints.find(endpoint_id)
    if endpoint is None or endpoint.service_id != service.id:
        raise errors.EndpointNotFound(id=endpoint_id)
    return endpoint


def any_case(filters: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    """The filters with the values of the state's in lower case: SDKs spell ``PendingAcceptance``, the wire otherwise."""
    return [
        {**one, "Values": [str(value).lower() for value in one.get("Values") or ()]} if one.get("Name") == STATE_FILTER else one
        for one in filters or ()
    ]


def lower_state(endpoint: Endpoint) -> str:
    """What the state's filter looks at after ``any_case``."""
    return endpoint.state.value.lower()

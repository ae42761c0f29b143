"""``MaxResults`` and ``NextToken`` of the EC2 operations, over records in the order in which the store returns them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Call, Request

T = TypeVar("T")

FEWEST, MOST = 5, 1000
"""A page has 5 to 1,000 items (EC2 API reference, ``MaxResults``); a larger request gets 1,000 (aws-reference 1.1)."""

_UP_TO_1000 = (5, 1000)
BOUNDS: Mapping[str, tuple[int, int]] = {
    "DescribeDhcpOptions": _UP_TO_1000,
    "DescribeInstanceCreditSpecifications": _UP_TO_1000,
    "DescribeInstanceTypes": (5, 100),
    "DescribeInternetGateways": _UP_TO_1000,
    "DescribeManagedPrefixLists": (1, 100),
    "DescribeNetworkAcls": _UP_TO_1000,
    "DescribeNetworkInterfaces": _UP_TO_1000,
    "DescribeRouteTables": (5, 100),
    "DescribeSecurityGroupRules": _UP_TO_1000,
    "DescribeSecurityGroups": _UP_TO_1000,
    "DescribeSubnets": _UP_TO_1000,
    "DescribeVpcClassicLinkDnsSupport": (5, 255),
    "DescribeVpcEndpointAssociations": (1, 100),
    "DescribeVpcs": _UP_TO_1000,
    "GetManagedPrefixListAssociations": (5, 255),
    "GetManagedPrefixListEntries": (1, 100),
    "GetSecurityGroupsForVpc": _UP_TO_1000,
    "GetSubnetCidrReservations": _UP_TO_1000,
}
"""Operations whose model has bounds of its own; beyond these a request is an error. A test holds them to botocore's model."""


def page(
    call: Call,
    request: Request,
    records: Sequence[T],
    token_name: str = "NextToken",  # noqa: S107 - the name of a parameter
    *,
    key: Callable[[T], str] | None = None,
) -> tuple[list[T], str | None]:
    """The page that the request asks for and the next page's token, or None at the end.

    ``key``: what orders the items; it is only needed for items that are no records. Raises ``InvalidParameterValue`` and
    ``InvalidNextToken``.
    """
    size = request.get("MaxResults")
    if size is not None:
        _check_size(size, *BOUNDS.get(call.operation, (FEWEST, None)))
    return listing.paged(
        records,
        size=size,
        token=request.get(token_name),
        key=key or record_key,
        secret=call.settings.paging_secret,
        scope=f"{call.account}/{call.region}/{call.operation}",
        most=MOST,
    )


def _check_size(size: int, fewest: int, most: int | None) -> None:
    if size < fewest:
        wanted = f"greater than or equal to {fewest}"
    elif most is not None and size > most:
        wanted = f"less than or equal to {most}"
    else:
        return
    sentence = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {wanted}."
    raise errors.InvalidParameterValue(sentence)


def record_key(record: Any) -> str:
    """Orders records as ``Records.where`` does: by creation, then by id."""
    created = getattr(record, "created", None)
    return record.id if created is None else f"{created.isoformat(timespec='microseconds')} {record.id}"

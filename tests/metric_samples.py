"""Series and minutes for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sidedoor.metrics.model import Datum, Namespace, Series, StatisticSet, Unit, sample, series

OWNER, OTHER = "111111111111", "222222222222"
REGION = "us-east-1"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def bytes_processed(endpoint: str = "vpce-1", account: str = OWNER) -> Series:
    dimensions = {"VPC Endpoint Id": endpoint, "Service Name": "com.amazonaws.vpce.us-east-1.vpce-svc-1"}
    return series(account, REGION, Namespace.ENDPOINTS, "BytesProcessed", dimensions, Unit.BYTES)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def told(one: Series, minute: int, value: float | StatisticSet) -> Datum:
    statistics = value if isinstance(value, StatisticSet) else sample(value)
    return Datum(series=one, minute=at(minute), statistics=statistics)

"""Moments as AWS writes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def text(moment: datetime) -> str:
    """In UTC, to the millisecond: ``2026-01-02T03:04:05.678Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

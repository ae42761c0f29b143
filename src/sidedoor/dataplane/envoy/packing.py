"""How a message travels within another. Pure."""

from __future__ import annotations

from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage


def packed(message: Any) -> Any:
    """The message in an ``Any``. The same message gives the same bytes."""
    outer = AnyMessage()
    outer.Pack(message, deterministic=True)
    return outer

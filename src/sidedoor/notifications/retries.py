"""When a delivery that failed is tried again: the schedule of each protocol. Pure.

SNS developer guide, "Amazon SNS message delivery retries": four phases one after the other (at once, before the back-off,
the back-off, after it), for HTTP as the delivery policy says, for the others as SNS has them fixed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidedoor.notifications.documents import parsed

HTTP = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often, and after how many seconds each time. ``function``: how the back-off grows from ``least`` to ``most``."""

    at_once: int
    before: int
    backing_off: int
    after: int
    least: float
    most: float
    function: str

    def delay(self, failed: int) -> float | None:
        """Seconds to wait after this many failures (1: the first), or None where that was the last try."""
        number = failed - 1
        for count, wait in ((self.at_once, 0.0), (self.before, self.least)):
            if number < count:
                return wait
            number -= count
        if number < self.backing_off:
            return self._grown(number)
        return self.most if number - self.backing_off < self.after else None

    def _grown(self, number: int) -> float:
        """The wait of a place in the back-off: ``least`` at its beginning, ``most`` at its end."""
        steps = self.backing_off - 1
        part = number / steps if steps else 1.0
        width = self.most - self.least
        match self.function:
            case "linear":
                grown = part
            case "arithmetic":
                grown = (number * (number + 1)) / (steps * (steps + 1)) if steps else 1.0
            case "geometric":
                return float(self.least * (self.most / self.least) ** part)
            case _:
                grown = math.expm1(number * math.log(2)) / math.expm1(steps * math.log(2)) if steps else 1.0
        return self.least + width * grown


OF_MAIL = Schedule(at_once=0, before=2, backing_off=10, after=38, least=10, most=600, function="exponential")
"""50 tries more, over hours: what SNS does for e-mail."""

OF_QUEUES = Schedule(at_once=3, before=2, backing_off=10, after=100_000, least=1, most=20, function="exponential")
"""100,015 tries more, over 23 days: what SNS does for SQS."""


def of_http(effective_policy: str) -> Schedule:
    """The schedule of an ``EffectiveDeliveryPolicy``."""
    policy: Mapping[str, Any] = parsed(effective_policy)["healthyRetryPolicy"]
    phases = policy["numNoDelayRetries"], policy["numMinDelayRetries"], policy["numMaxDelayRetries"]
    return Schedule(
        at_once=phases[0],
        before=phases[1],
        backing_off=policy["numRetries"] - sum(phases),
        after=phases[2],
        least=policy["minDelayTarget"],
        most=policy["maxDelayTarget"],
        function=policy["backoffFunction"],
    )


def schedule(protocol: str, effective_policy: str) -> Schedule:
    """The schedule of a protocol; ``effective_policy`` counts for HTTP alone."""
    if protocol in HTTP:
        return of_http(effective_policy)
    return OF_QUEUES if protocol == "sqs" else OF_MAIL

"""When a delivery is tried again: the schedules of SNS's developer guide, "Amazon SNS message delivery retries"."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidedoor.notifications.delivery_policy import of_subscription
from sidedoor.notifications.retries import OF_MAIL, OF_QUEUES, Schedule, schedule


def waits(schedule: Schedule, most: int = 200_000) -> list[float]:
    found: list[float] = []
    while (wait := schedule.delay(len(found) + 1)) is not None and len(found) < most:
        found.append(wait)
    return found


def http(**policy: Any) -> list[float]:
    text = json.dumps({"healthyRetryPolicy": policy}) if policy else None
    return waits(schedule("https", of_subscription(text, None)))


def test_http_by_default_has_three_more_tries_20_s_apart() -> None:
    assert http() == [20, 20, 20]


def test_the_phases_of_a_policy_come_one_after_the_other() -> None:
    phases = {"numNoDelayRetries": 2, "numMinDelayRetries": 1, "numMaxDelayRetries": 2, "numRetries": 8}
    found = http(minDelayTarget=10, maxDelayTarget=30, **phases)
    assert found == [0, 0, 10, 10, 20, 30, 30, 30]


@pytest.mark.parametrize("function", ["linear", "arithmetic", "geometric", "exponential"])
def test_each_back_off_grows_from_the_least_to_the_most(function: str) -> None:
    found = http(minDelayTarget=1, maxDelayTarget=60, numRetries=10, backoffFunction=function)
    assert found == sorted(found)
    assert (len(found), found[0], round(found[-1], 6)) == (10, 1, 60)
    assert all(wait == 60 for wait in http(minDelayTarget=1, maxDelayTarget=60, numRetries=1, backoffFunction=function))


def test_back_offs_are_steeper_in_the_order_of_their_names() -> None:
    halfway = [
        http(minDelayTarget=1, maxDelayTarget=60, numRetries=9, backoffFunction=function)[4]
        for function in ("linear", "arithmetic", "geometric", "exponential")
    ]
    assert halfway == sorted(halfway, reverse=True)


def test_mail_is_tried_50_times_more_and_a_queue_for_23_days() -> None:
    mail, queue = waits(OF_MAIL), waits(OF_QUEUES)
    assert (len(mail), round(sum(mail) / 3600)) == (50, 7)
    assert (len(queue), queue[:5], round(sum(queue) / 86400)) == (100_015, [0, 0, 0, 1, 1], 23)

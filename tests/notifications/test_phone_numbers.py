"""Telephone numbers: nobody has opted out of text messages that are never sent."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.notifications.phone_numbers import (
    check_if_phone_number_is_opted_out,
    list_phone_numbers_opted_out,
    opt_in_phone_number,
)
from sidedoor.notifications.publishing import publish


def test_nobody_has_opted_out(world: Any) -> None:
    assert world.ask(check_if_phone_number_is_opted_out, phoneNumber="+15551234567") == {"isOptedOut": False}
    assert world.ask(list_phone_numbers_opted_out) == {"phoneNumbers": []}
    assert world.ask(opt_in_phone_number, phoneNumber="+15551234567") == {}


@pytest.mark.parametrize("number", ["", "+0155", "NAA+15551234567", "+1555123456789012", "+1-555-1234567"])
def test_what_is_no_number_is_refused(world: Any, number: str) -> None:
    for operation in (check_if_phone_number_is_opted_out, opt_in_phone_number):
        with pytest.raises(errors.InvalidParameter, match="PhoneNumber Reason: input incorrectly formatted"):
            world.ask(operation, phoneNumber=number)


def test_a_text_message_is_refused_after_a_wrong_number(world: Any) -> None:
    with pytest.raises(errors.TopicParameterInvalid, match="PhoneNumber Reason: NAA123 is not valid to publish to"):
        world.ask(publish, PhoneNumber="NAA123", Message="hello")
    with pytest.raises(errors.TopicParameterInvalid, match="text messages are not supported by Sidedoor"):
        world.ask(publish, PhoneNumber="+15551234567", Message="hello")

"""Telephone numbers that want no text messages: there are none, for Sidedoor sends no text messages."""

from __future__ import annotations

import re

from sidedoor import errors
from sidedoor.call import Answer, Call, Request

_E164 = re.compile(r"\+?[1-9][0-9]{1,14}", re.ASCII)


def is_phone_number(text: str) -> bool:
    """Whether this is a number in the form E.164."""
    return _E164.fullmatch(text) is not None


def check_if_phone_number_is_opted_out(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_CheckIfPhoneNumberIsOptedOut.html"""
    _check(request["phoneNumber"])
    return {"isOptedOut": False}


def list_phone_numbers_opted_out(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ListPhoneNumbersOptedOut.html"""
    return {"phoneNumbers": []}


def opt_in_phone_number(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_OptInPhoneNumber.html"""
    _check(request["phoneNumber"])
    return {}


def _check(number: str) -> None:
    if not is_phone_number(number):
        raise errors.InvalidParameter("Invalid parameter: PhoneNumber Reason: input incorrectly formatted")

"""How each service words what is wrong with a parameter. Pure.

EC2 and CloudWatch have a code for each kind of mistake; IAM, STS and ELBv2 name the constraint that a value fails; SNS names
the parameter (aws-reference 1.2; the recorded messages of each service).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sidedoor import errors

MAX_QUOTED = 200
"""How much of a caller's own text is quoted back."""


@dataclass(frozen=True)
class Refusals:
    """``unknown(name)``, ``missing(name)``, ``invalid(name, value, constraint)``: the error to raise.

    ``name`` is the wire's; ``constraint`` says what the value must be, as in "must be true or false".
    """

    unknown: Callable[[str], errors.ApiError]
    missing: Callable[[str], errors.ApiError]
    invalid: Callable[[str, str, str], errors.ApiError]


def of_service(name: str, protocol: str) -> Refusals:
    if protocol == "ec2":
        return _EC2
    return {"sns": _SNS, "cloudwatch": _CLOUDWATCH}.get(name, _QUERY)


def shortened(text: str) -> str:
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "..."


def _ec2_unknown(name: str) -> errors.ApiError:
    return errors.UnknownParameter(name=shortened(name))


def _ec2_missing(name: str) -> errors.ApiError:
    return errors.MissingParameter(name=name)


def _ec2_invalid(name: str, value: str, constraint: str) -> errors.ApiError:
    return errors.InvalidParameterValue(name=name, value=shortened(value), reason=f"It {constraint}.")


def _query_unknown(name: str) -> errors.ApiError:
    return errors.ValidationError(f"The parameter {shortened(name)} is not recognized")


def _query_missing(name: str) -> errors.ApiError:
    return _violation("null", name, "must not be null")


def _query_invalid(name: str, value: str, constraint: str) -> errors.ApiError:
    return _violation(f"'{shortened(value)}'", name, constraint)


def _violation(value: str, name: str, constraint: str) -> errors.ApiError:
    where = f"Value {value} at '{_path(name)}' failed to satisfy constraint: Member {constraint}"
    return errors.ValidationError(f"1 validation error detected: {where}")


def _path(name: str) -> str:
    """``Tags.member.2.Key`` as these services print it: ``tags.2.member.key``."""
    swapped = re.sub(r"\b(member|entry)\.(\d+)", r"\2.\1", name)
    return ".".join(part[:1].lower() + part[1:] for part in swapped.split("."))


def _sns_unknown(name: str) -> errors.ApiError:
    return errors.InvalidParameter(f"Invalid parameter: {shortened(name)} Reason: the parameter is not recognized")


def _sns_missing(name: str) -> errors.ApiError:
    return errors.InvalidParameter(f"Invalid parameter: {name} Reason: no value for required parameter")


def _sns_invalid(name: str, value: str, constraint: str) -> errors.ApiError:
    return errors.InvalidParameter(f"Invalid parameter: {name} Reason: the value '{shortened(value)}' {constraint}")


def _cloudwatch_missing(name: str) -> errors.ApiError:
    return errors.MissingParameter(f"The parameter {name} is required.")


def _cloudwatch_invalid(name: str, value: str, constraint: str) -> errors.ApiError:
    return errors.InvalidParameterValue(f"The value {shortened(value)} for parameter {name} is invalid: it {constraint}.")


_EC2 = Refusals(_ec2_unknown, _ec2_missing, _ec2_invalid)
_QUERY = Refusals(_query_unknown, _query_missing, _query_invalid)
_SNS = Refusals(_sns_unknown, _sns_missing, _sns_invalid)
_CLOUDWATCH = Refusals(_query_unknown, _cloudwatch_missing, _cloudwatch_invalid)

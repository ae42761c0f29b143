"""What the operations on topics share: finding a topic and whether the caller may, and pages of SNS's fixed size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Call, Request
from sidedoor.ids import Arn
from sidedoor.notifications.model import Topic, is_topic
from sidedoor.notifications.policy import Asker, allows
from sidedoor.paging import record_key

T = TypeVar("T")

FIFO = ".fifo"
"""How the name of a FIFO topic ends. There are none here; that is no reason to say that it cannot be one."""

PAGE = 100
"""SNS lists 100 topics or subscriptions at a time (SNS API reference, ``ListTopics``)."""


def invalid(reason: object) -> errors.TopicParameterInvalid:
    """``Invalid parameter: <reason>``."""
    return errors.TopicParameterInvalid(reason=reason)


def invalid_because(parameter: str, reason: object) -> errors.TopicParameterInvalid:
    """``Invalid parameter: <parameter> Reason: <reason>``."""
    return invalid(f"{parameter} Reason: {reason}")


def check_arn(text: str, parameter: str) -> None:
    """Raises ``InvalidParameter`` where ``text`` has too few parts to be an ARN."""
    parts = text.count(":") + 1
    if parts < 6:
        raise invalid_because(parameter, f"An ARN must have at least 6 elements, not {parts}")


def permitted_topic(
    call: Call, arn: str, action: str, context: Mapping[str, str] | None = None, *, parameter: str = "TopicArn"
) -> Topic:
    """The topic, where the caller may do ``action`` (``Publish``) with it.

    A topic's own account may do everything; of another account it is said in the topic's policy, and where that does not
    say so it makes no difference whether there is such a topic. Raises ``NotFound``, ``AuthorizationError`` and
    ``InvalidParameter``.
    """
    topic = find_topic(call, arn, parameter)
    if arn.startswith(call.arn("sns", "")):
        if topic is None:
            raise errors.TopicNotFound
        return topic
    if topic is None or not allows(topic.policy, _asker(call), f"SNS:{action}", arn, {**_context(call), **(context or {})}):
        call.explain("sns.refused", "no such topic" if topic is None else "the topic's policy does not allow it", topic=arn)
        raise errors.AuthorizationError(principal=call.caller.arn, action=f"SNS:{action}", resource=arn)
    return topic


def find_topic(call: Call, arn: str, parameter: str = "TopicArn") -> Topic | None:
    """The topic of any account in this Region, or None. Raises ``InvalidParameter`` where ``arn`` cannot be one."""
    check_arn(arn, parameter)
    parsed = Arn.parse(arn)
    if parsed is None or parsed.region != call.region or not is_topic(arn.removesuffix(FIFO)):
        raise invalid(parameter)
    return call.tables.topics.find(arn)


def _asker(call: Call) -> Asker:
    return Asker.caller(call.account, call.caller.arn, call.caller.principal)


def _context(call: Call) -> dict[str, str]:
    """``AWS:SourceOwner`` is what the default policy of a topic asks for: the account that calls."""
    return {
        "aws:SourceOwner": call.account, "aws:PrincipalAccount": call.account, "aws:PrincipalArn": call.caller.principal
    }  # fmt: skip


def page(call: Call, request: Request, records: Sequence[T], of: str = "") -> tuple[list[T], dict[str, str]]:
    """The page that the request asks for, and ``NextToken`` where there are more. ``of``: what narrows the list."""
    scope = f"{call.account}/{call.region}/{call.operation}/{of}"
    try:
        shown, token = listing.paged(
            records, size=PAGE, token=request.get("NextToken"), key=record_key,
            secret=call.settings.paging_secret, scope=scope, most=PAGE,
        )  # fmt: skip
    except errors.InvalidNextToken:
        raise invalid_because("NextToken", "it is none of this list") from None
    return shown, {} if token is None else {"NextToken": token}

"""Answers that are given again, by themselves: to whom, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from wire_requests import CALLER

from sidedoor.aws.answers import LARGEST, MOST, Answers, Question
from sidedoor.aws.door import Opened, Reply

QUESTION = Question(service="ec2", operation="DescribeVpcs", region="us-east-1", caller=CALLER, asked=("", b"Action=x"))


@dataclass
class Counting:
    """A door that numbers its answers."""

    size: int = 0
    made: list[str] = field(default_factory=list)

    def answer(self, opened: Opened) -> Reply:
        self.made.append(opened.request_id)
        return Reply(200, f"{len(self.made)} for {opened.request_id}".encode() + b"." * self.size)

    def repeat(self, opened: Opened, content: bytes) -> Reply:
        return Reply(200, content)


def asked(answers: Answers, door: Any, request_id: str, question: Question = QUESTION) -> str:
    return answers.reply(door, Opened(request_id), question).content.decode().rstrip(".")


def test_each_caller_has_its_own_and_each_request_its_id() -> None:
    answers, door = Answers(lambda: 1), Counting()
    other = replace(QUESTION, caller=replace(CALLER, account="222222222222"))
    assert asked(answers, door, "a") == "1 for a"
    assert asked(answers, door, "b", other) == "2 for b"
    assert asked(answers, door, "c") == "1 for c"
    assert asked(answers, door, "d", other) == "2 for d"
    assert asked(answers, door, "e", replace(QUESTION, document="json")) == "3 for e"


def test_a_large_answer_is_not_kept() -> None:
    answers, door = Answers(lambda: 1), Counting(size=LARGEST)
    assert [asked(answers, door, one) for one in "ab"] == ["1 for a", "2 for b"]


def test_what_is_kept_is_bounded() -> None:
    answers, door = Answers(lambda: 1), Counting()
    for number in range(2 * MOST + 5):
        asked(answers, door, "a", replace(QUESTION, asked=("", str(number).encode())))
    assert len(answers._kept) <= MOST

"""A line of the log: one line an event, whatever is in it, and facts that a program can take apart."""

from __future__ import annotations

import logging
import shlex
import sys
from typing import Any

import pytest

from sidedoor.logs import OneLine


def formatted(message: str, *arguments: object, error: Any = None, **facts: object) -> str:
    record = logging.LogRecord("sidedoor.agents", logging.INFO, __file__, 1, message, arguments, error)
    record.created = 1767323045.678
    vars(record).update(facts)
    return OneLine().format(record)


def test_a_line_has_the_moment_the_level_the_place_the_sentence_and_the_facts() -> None:
    line = formatted("the agent reports %s: %s", "vpce-1", "ready", action="endpoint.ready", endpoint="vpce-1", generation=3)
    assert line == (
        '2026-01-02T03:04:05.678Z INFO sidedoor.agents "the agent reports vpce-1: ready" '
        "action=endpoint.ready endpoint=vpce-1 generation=3"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        (None, "None"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("a\nb", '"a\\nb"'),
    ],
)
def test_a_fact_is_quoted_where_it_would_not_be_one_word(value: object, shown: str) -> None:
    assert formatted("x", fact=value).endswith(f' "x" fact={shown}')


def test_nothing_that_comes_from_outside_makes_a_second_line_or_a_false_fact() -> None:
    line = formatted("refused: %s", 'x" action=api.root\r\n2026 INFO forged', action="api.refused", user="a\nb")
    assert len(line.splitlines()) == 1
    *_, sentence, action, user = shlex.split(line)
    assert sentence.startswith('refused: x" action=api.root')
    assert (action, user) == ("action=api.refused", "user=a\\nb")


def test_a_traceback_stays_on_the_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = formatted("it broke", error=sys.exc_info(), action="broken")
    assert len(line.splitlines()) == 1
    assert 'traceback="Traceback (most recent call last):\\n' in line
    assert "ValueError: two\\nlines" in line

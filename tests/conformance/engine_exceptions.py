"""What an engine or a placement cannot do: each a rule's name with a reason, and nothing else is excused.

A rule is named by its test. The test runs all the same and has to fail: where it passes, the line here is out of date, and that
fails. Run as a program (``make docs``) this writes docs/engine-exceptions.md, and a test holds the page to the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engine-exceptions.md"


@dataclass(frozen=True, slots=True)
class Exempt:
    """``placement``: the one in which the rule is not kept, or None where the engine keeps it in none."""

    engine: str
    placement: str | None
    rule: str
    reason: str


EXCEPTIONS: tuple[Exempt, ...] = (
    Exempt(
        engine="envoy",
        placement=None,
        rule="a_refusing_target_refuses_the_client_in_the_handshake",
        reason="Envoy accepts the client's connection before it opens the one to the target. A client that speaks is reset "
        "then, as one is whose connection a Network Load Balancer lost; it is the refusal of connect() itself that is missing.",
    ),
    Exempt(
        engine="envoy",
        placement=None,
        rule="a_refusing_target_resets_a_client_that_waits_for_it_to_speak",
        reason="Envoy closes the client's connection when the target refused; the kernel makes a reset of that only where "
        "bytes of the client lie unread, so a client that said nothing sees the end of the stream.",
    ),
    Exempt(
        engine="envoy",
        placement=None,
        rule="a_zone_without_targets_resets_its_clients",
        reason="Envoy accepts the connection, finds no target and closes it, so a client that said nothing sees "
        "the end of the stream.",
    ),
    Exempt(
        engine="envoy",
        placement=None,
        rule="a_client_whom_no_security_group_lets_in_hears_nothing",
        reason="Envoy decides it when it has accepted the connection, and closes that at once: no target hears of it, but the "
        "client sees a connection that ends, and not one that is never made (docs/decisions/0010).",
    ),
    Exempt(
        engine="envoy",
        placement=None,
        rule="idle_connections_are_kept_by_keepalives_of_the_target",
        reason="The agent ends idle connections at the client's side, where it sees the keepalives of the client. Those of the "
        "target arrive at another socket of Envoy's, and nothing tells which two belong together.",
    ),
    Exempt(
        engine="envoy",
        placement="loopback without rights",
        rule="idle_connections_end_in_a_reset_for_the_client",
        reason="The kernel ends flows for who has CAP_NET_ADMIN. Where nobody has, Envoy ends idle ones itself, with a FIN.",
    ),
    Exempt(
        engine="envoy",
        placement="loopback without rights",
        rule="idle_timeouts_that_are_changed_cut_nothing_and_count_for_what_is_open",
        reason="There the timeout is Envoy's, and a part of its listener: a changed one replaces the one before, and cuts its "
        "connections.",
    ),
    Exempt(
        engine="envoy",
        placement="loopback without rights",
        rule="idle_connections_end_in_a_reset_for_the_target",
        reason="Envoy ends idle connections itself there, with a FIN.",
    ),
    Exempt(
        engine="envoy",
        placement="loopback without rights",
        rule="idle_connections_are_kept_by_keepalives_of_the_client",
        reason="Envoy ends idle connections itself there, and its timer sees no keepalives.",
    ),
)


def exempt(engine: str, placement: str, rule: str) -> Exempt | None:
    """The line that excuses this rule here."""
    matching = (one for one in EXCEPTIONS if (one.engine, one.rule) == (engine, rule) and one.placement in (None, placement))
    return next(matching, None)


def page() -> str:
    """docs/engine-exceptions.md."""
    rows = [f"| {one.engine} | {one.placement or 'all'} | {one.rule.replace('_', ' ')} | {one.reason} |" for one in EXCEPTIONS]
    return "\n".join([HEAD, *rows, ""])


HEAD = """# What an engine cannot do

The rules of the load balancer's data plane are tests, in `tests/conformance`: one suite for every engine (what carries the
bytes) and every placement (where the networks stand), which knows neither. What an engine cannot do there is on this list, by
the rule's name; its test runs all the same and has to fail, so that no line outlives its truth. `make docs` writes this page.

| engine | placement | rule | why |
|---|---|---|---|"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

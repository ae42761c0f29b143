"""A test's hold on the programs in client and server places, and on both ends of their connections."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from given import Given

from sidedoor.demo.system import until

PROGRAM = str(Path(__file__).with_name("puppet.py"))
_tokens = (f"token {number};" for number in itertools.count(1))


class Program:
    """A puppet in a place. It starts at once, and is waited for when it is first needed."""

    def __init__(self, given: Given, interface_id: str) -> None:
        self._program = given.start(interface_id, sys.executable, PROGRAM, talk=True)
        self._address: str | None = None

    @property
    def address(self) -> str:
        """The place's, as programs use it."""
        if self._address is None:
            self._address = self._answer()["address"]
        return self._address

    def ask(self, verb: str, **order: Any) -> Any:
        assert self.address and self._program.stdin is not None
        self._program.stdin.write(json.dumps({"do": verb, **order}) + "\n")
        self._program.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        assert line, f"the program ended: {self._program.communicate()[1]}"
        return json.loads(line)

    def open(self, address: str, port: int) -> End:
        """A connection that begins now."""
        return End(self, self.ask("open", address=address, port=port)["end"])

    def count(self, address: str, port: int, times: int = 1, at_once: int = 1) -> Counter[str]:
        """What so many connections met: ``"target source port"`` as the target says it, or how they ended without an answer."""
        return Counter(self.ask("count", address=address, port=port, times=times, at_once=at_once))


class End:
    """One end of a connection."""

    def __init__(self, program: Program, number: int) -> None:
        self.program, self._number = program, number

    def send(self, text: str) -> None:
        self.program.ask("send", end=self._number, text=text)

    def keep_alive(self, seconds: int) -> None:
        """Sends a keepalive packet so often from now on."""
        self.program.ask("keep_alive", end=self._number, seconds=seconds)

    def finish(self) -> None:
        """Sends a FIN: nothing more comes from this end."""
        self.program.ask("finish", end=self._number)

    def reset(self) -> None:
        self.program.ask("reset", end=self._number)

    def has_met(self) -> dict[str, float]:
        """ "opened", "finished", "reset", "refused" with the time of each."""
        return dict(self.program.ask("look", end=self._number)["met"])

    def meets(self, *what: str, seconds: float = 5.0) -> str:
        """Waits until one of these has happened to this end, and says which."""
        return until(lambda: next((one for one in what if one in self.has_met()), None), f"this end is {what}", seconds)

    def ends(self, seconds: float = 5.0) -> str:
        """Waits for the end: "reset", "refused", or "finished"."""
        return self.meets("reset", "refused", "finished", seconds=seconds)

    def hears(self, text: str) -> None:
        """Waits until what has come in ends so."""
        until(lambda: self.program.ask("look", end=self._number)["data"].endswith(text), f"{text!r} comes in")


def connected(client: Program, address: str, port: int, *servers: Program) -> tuple[End, End]:
    """A connection that has reached one of these servers: the client's end and the server's. Each has a token said already."""
    token = next(_tokens)
    near = client.open(address, port)
    assert near.meets("opened", "refused", "reset") == "opened"
    near.send(token)

    def far() -> End | None:
        caught = ((one, one.ask("caught", token=token)["end"]) for one in servers)
        return next((End(one, number) for one, number in caught if number is not None), None)

    return near, until(far, "the connection reaches a server")


def ended(program: subprocess.Popen[str]) -> Counter[str]:
    """What a puppet that only counts has counted."""
    output, errors = program.communicate(timeout=30)
    assert output, errors
    return Counter(json.loads(output.splitlines()[-1]))

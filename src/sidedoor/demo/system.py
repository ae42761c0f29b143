"""The system under demonstration: ``sidedoor up`` on a fresh state directory, its accounts, and programs inside interfaces."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from sidedoor.dataplane.loopback.driver import addresses_of
from sidedoor.demo.screen import StepFailed

T = TypeVar("T")

SIDEDOOR = (sys.executable, "-m", "sidedoor")
START_SECONDS = 30.0

PATIENCE = float(os.environ.get("SIDEDOOR_PATIENCE", "1"))
"""How many times longer than usual is waited, on a machine that is emulated or has much else to do."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds from one look at a condition to the next."""


def until(condition: Callable[[], T | None], what: str, seconds: float = 15.0) -> T:
    """The condition's first true value. Raises ``StepFailed`` after so many seconds (``PATIENCE`` times as many).

    What takes long to look at is looked at less often, for what is waited for needs the processor too.
    """
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        found = condition()
        if found:
            return found
        now = time.monotonic()
        if now > end:
            raise StepFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(min(max(SHORTEST_PAUSE, 3 * (now - begun)), LONGEST_PAUSE))


class System:
    """A running Sidedoor of our own."""

    def __init__(self, state: Path, arguments: tuple[str, ...] = (), listen: str = "127.0.0.1:0") -> None:
        self.state = state
        self._log = (state / "up.log").open("w")
        self._programs: list[subprocess.Popen[str]] = []
        self._up = subprocess.Popen(
            [*SIDEDOOR, "up", "--state", str(state), "--listen", listen, *arguments],
            stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        try:
            self.url = until(self._ready_url, "Sidedoor is ready", START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def _ready_url(self) -> str | None:
        if self._up.poll() is not None:
            raise StepFailed(f"sidedoor up ended: {(self.state / 'up.log').read_text()[-2000:]}")
        ready = "Sidedoor is ready at" in (self.state / "up.log").read_text()
        return (self.state / "run" / "url").read_text() if ready else None

    @property
    def placement(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.state / "run" / "placement.json").read_text())
        return document

    def addresses(self) -> dict[str, str]:
        """In the loopback placement: ``vpc-.../address`` -> where that stands on this host. Else empty."""
        vpcs = (path.stem for path in (self.state / "loopback").glob("vpc-*.json"))
        return {f"{vpc}/{address}": place for vpc in vpcs for address, place in addresses_of(self.state, vpc).items()}

    def plan(self) -> list[str]:
        """What the agent would do now (``sidedoor plan``)."""
        output = subprocess.check_output([*SIDEDOOR, "plan", "--state", str(self.state), "--json"], text=True)
        steps: list[str] = json.loads(output)["steps"]
        return steps

    def account(self, name: str, account_id: str) -> boto3.Session:
        """A session as the root of a new account."""
        created = json.loads(
            subprocess.check_output(
                [*SIDEDOOR, "accounts", "create", "--state", str(self.state), "--id", account_id, "--json", name], text=True
            )
        )
        return boto3.Session(
            aws_access_key_id=created["AccessKeyId"], aws_secret_access_key=created["SecretAccessKey"], region_name="us-east-1"
        )

    def client(self, session: boto3.Session, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
        return session.client(service, endpoint_url=self.url, config=config)

    def start(self, interface_id: str, *command: str, log: Path | None = None, talk: bool = False) -> subprocess.Popen[str]:
        """A program inside an interface, ended with the system at the latest. Its output goes to ``log``, or else to a pipe.

        ``talk``: its input comes from a pipe too.
        """
        arguments = [*SIDEDOOR, "exec", "--state", str(self.state), interface_id, "--", *command]
        if log is None:
            pipe = subprocess.PIPE
            program = subprocess.Popen(arguments, stdin=pipe if talk else None, stdout=pipe, stderr=pipe, text=True)
        else:
            with log.open("w") as output:
                program = subprocess.Popen(arguments, stdout=output, stderr=output, text=True)
        self._programs.append(program)
        return program

    def ask(self, interface_id: str, *arguments: str) -> Any:
        """The JSON answer of the demonstration's client inside an interface."""
        program = self.start(interface_id, sys.executable, "-m", "sidedoor.demo.client", *arguments)
        output, errors = program.communicate(timeout=20)
        if not output:
            raise StepFailed(f"the client in {interface_id} said nothing: {errors}")
        return json.loads(output.splitlines()[-1])

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ends ``up`` alone, by a signal. Returns its exit status."""
        self._up.send_signal(number)
        self._log.close()
        return self._up.wait(60)

    def stop(self) -> None:
        """Ends the programs and ``up``, each if it runs."""
        for program in self._programs:
            if program.poll() is None:
                program.kill()
            program.communicate()
        self.end()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class Process:
    """A process that names our state directory in its command line."""

    def __init__(self, pid: int, command: str) -> None:
        self.pid, self.command = pid, command


def processes_of(state: Path) -> list[Process]:
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(state) in command:
                    found.append(Process(int(directory.name), command))
    return found


def leftovers(state: Path) -> list[str]:
    """What a stopped system left on the host: processes, mounts and files of its run directory."""
    left = [f"process {process.pid}: {process.command}" for process in processes_of(state)]
    left += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(state) in line]
    run = state / "run"
    return left + [str(path) for path in (run.rglob("*") if run.exists() else ())]


@contextlib.contextmanager
def running(*arguments: str, listen: str = "127.0.0.1:0") -> Iterator[System]:
    """A system on a fresh state directory; both are gone at the end. ``{free}`` in ``listen``: a port that is free now."""
    state = Path(tempfile.mkdtemp(prefix="sidedoor-"))
    system = None
    try:
        system = System(state, arguments, listen.format(free=free_port()))
        yield system
    finally:
        if system is not None:
            system.stop()
        left = leftovers(state)
        if not left:
            shutil.rmtree(state)
    if left:
        raise StepFailed("left behind: " + "; ".join(left))

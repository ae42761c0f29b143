"""The control plane that serves: in this process, or as the program ``sidedoor serve --dev``."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sidedoor.app.control_plane import ControlPlane
from sidedoor.aws.door import Heard
from sidedoor.clock import utc_now
from sidedoor.demo.system import until
from sidedoor.store.engine import Store

STARTS_IN = 60.0


@contextlib.contextmanager
def served_here(
    store: Store, *, dev: bool = True, clock: Callable[[], datetime] = utc_now, heard: Heard | None = None
) -> Iterator[str]:
    """The URL of the API over this store, served by a thread of this process."""
    with serving(ControlPlane(store, dev=dev, clock=clock).application(heard)) as url:
        yield url


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The URL of an application, served by a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=60))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
        assert not thread.is_alive()


@dataclass(frozen=True)
class Program:
    """A running ``sidedoor serve``. ``log``: the file of its standard error."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def faults(self) -> list[str]:
        """The lines of its log that tell of a bug."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "traceback=" in line or "Traceback" in line or " ERROR " in line]


@contextlib.contextmanager
def program(state: Path, database: str | None = None, *options: str) -> Iterator[Program]:
    """``sidedoor serve --dev`` on a free port; it is ended with SIGTERM."""
    state.mkdir(parents=True, exist_ok=True)
    url_file, log = state / "run" / "url", state.with_suffix(".log")
    command = [sys.executable, "-m", "sidedoor", "serve", "--dev", "--state", str(state), "--listen", "127.0.0.1:0"]
    command += ["--database", database] if database else []
    with log.open("ab") as output:
        process = subprocess.Popen([*command, *options], stdout=output, stderr=output)
        try:
            until(lambda: url_file.exists() or process.poll() is not None, "sidedoor serve is there", STARTS_IN)
            assert process.poll() is None, log.read_text()
            yield Program(url_file.read_text(), log, process)
        finally:
            process.terminate()
            process.wait(30)

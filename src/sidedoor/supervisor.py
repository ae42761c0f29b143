"""``sidedoor up``: keeps a control plane and an agent running on this host, and ends them in order.

Rule 1: the supervisor does no work of theirs and imports none of it; it is small, and what it watches can be killed at any
moment.
Rule 2: when the supervisor itself is killed its two children go with it, but not the data plane: the next ``up`` takes that
over.
Rule 3: a data plane that is not to be kept is taken down even where the agent came to no end of its own. But an ``up`` that
never came up leaves one that it found: its connections are none of its business yet.
"""

from __future__ import annotations

import asyncio
import fcntl
import http.client
import logging
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sidedoor.settings import Settings, SettingsError

log = logging.getLogger(__name__)

QUICK_FAILURE_SECONDS = 1.0

STARTUP_FAILURES = 3
"""So many ends of a part in a row, before the system was ever ready, and ``up`` gives up."""

END_SECONDS = 20.0

TAKE_DOWN_SECONDS = 60.0


SMTP_VARIABLE = "SIDEDOOR_SERVE_SMTP"
"""What click reads ``serve --smtp`` from."""


class StartupError(SettingsError):
    """A part does not come up. The message says which; its own last line says why."""


@contextmanager
def locked(settings: Settings, verb: str) -> Iterator[None]:
    """Holds this state directory for this process. Raises ``SettingsError`` where another one with this verb holds it."""
    settings.prepare()
    with (settings.state / f"{verb}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise SettingsError(
                f"`sidedoor {verb}` already runs on {settings.state} (process {holder}): "
                "stop it, or give another --state directory."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


class Supervisor:
    """The two children of one state directory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._ready = False
        self._children: dict[str, asyncio.subprocess.Process] = {}

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT. Raises ``StartupError``."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        self._forget_served()
        found, failed = self._settings.placement_file.exists(), False
        try:
            async with asyncio.TaskGroup() as tasks:
                keepers = [tasks.create_task(self._keep(verb), name=verb) for verb in ("serve", "agent")]
                announcer = tasks.create_task(self._announce(), name="announce")
                await self._stopping.wait()
                for task in (*keepers, announcer):
                    task.cancel()
        except* StartupError as group:
            failed = True
            raise group.exceptions[0] from None
        finally:
            await self._end_all(spare=found and failed)

    async def _end_all(self, *, spare: bool) -> None:
        """``spare``: leaves the data plane as it is, whatever the settings say; a killed agent does not touch it."""
        for verb in ("agent", "serve"):
            await self._end(verb, signal.SIGKILL if spare else signal.SIGTERM)
        self._forget_served()
        if not (spare or self._settings.keep_dataplane) and self._settings.placement_file.exists():
            await self._take_down()

    def _forget_served(self) -> None:
        """Takes away what a killed ``serve`` left: the address of an API that is no more."""
        for path in (self._settings.url_file, self._settings.metrics_url_file, self._settings.control_socket):
            path.unlink(missing_ok=True)

    async def _keep(self, verb: str) -> None:
        """Starts a child again whenever it ends."""
        quick = 0
        while True:
            self._children[verb] = child = await self._start(*self._command(verb))
            started = asyncio.get_running_loop().time()
            status = await child.wait()
            lived = asyncio.get_running_loop().time() - started
            quick = quick + 1 if lived < QUICK_FAILURE_SECONDS or not self._ready else 0
            if not self._ready and (status == 2 or quick >= STARTUP_FAILURES):
                raise StartupError(f"sidedoor {verb} does not start; what it said stands above.")
            log.warning("%s ended with %s and is started again", verb, status, extra={"action": "up.restart", "part": verb})
            await asyncio.sleep(min(0.1 * 2**quick, 5.0) if quick else 0)

    async def _start(self, *command: str) -> asyncio.subprocess.Process:
        """A child in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        environment = {**os.environ, **({SMTP_VARIABLE: self._settings.smtp} if self._settings.smtp else {})}
        return await asyncio.create_subprocess_exec(
            *command, start_new_session=True, stdin=asyncio.subprocess.DEVNULL, env=environment
        )

    def _command(self, verb: str) -> Sequence[str]:
        settings = self._settings
        common = [sys.executable, "-m", "sidedoor", "--log-level", settings.log_level, verb, "--state", str(settings.state)]
        common += ["--parent", str(os.getpid())]
        if verb == "serve":
            common += ["--listen", settings.listen]
            common += ["--database", settings.database] if settings.database else []
            common += ["--metrics", settings.metrics] if settings.metrics else []
            common += ["--verify-dns", settings.verify_dns, "--verify-dns-seconds", str(settings.verify_dns_seconds)]
            common += ["--keep-events-days", str(settings.keep_events_days), *self._delivery()]
            return [*common, "--dev"] if settings.dev else common
        common += ["--network", settings.network, "--pending-seconds", str(settings.pending_seconds)]
        common += ["--connections-per-target", str(settings.connections_per_target)]
        common += ["--beat-seconds", str(settings.beat_seconds)]
        for server in settings.forward_dns:
            common += ["--forward-dns", server]
        return [*common, "--keep-dataplane"] if settings.keep_dataplane else common

    def _delivery(self) -> list[str]:
        """How messages get to subscribers. A password in the SMTP server's URL goes by the environment, which is ours alone."""
        settings = self._settings
        named = {
            "--public-url": settings.public_url,
            "--mail-from": settings.mail_from,
            "--sqs": settings.sqs,
        }
        options = [part for name, value in named.items() if value is not None for part in (name, value)]
        return options + [part for block in settings.deliver_to for part in ("--deliver-to", block)]

    async def _announce(self) -> None:
        """Says once where the API is, when it is ready."""
        url = None
        while url is None or not await asyncio.to_thread(_healthy, url):
            await asyncio.sleep(0.05)
            url = self._url()
        self._ready = True
        print(f"Sidedoor is ready at {url}", flush=True)

    def _url(self) -> str | None:
        try:
            return self._settings.url_file.read_text()
        except FileNotFoundError:
            return None

    async def _end(self, verb: str, number: signal.Signals) -> None:
        child = self._children.get(verb)
        if child is None or child.returncode is not None:
            return
        child.send_signal(number)
        try:
            await asyncio.wait_for(child.wait(), END_SECONDS)
        except TimeoutError:
            log.error("%s does not end and is killed", verb, extra={"action": "up.kill", "part": verb})
            child.kill()
            await child.wait()

    async def _take_down(self) -> None:
        """Does what the agent did not come to: it had crashed, hung, or was ended before it could listen."""
        child = await self._start(*self._command("agent"), "--take-down")
        try:
            await asyncio.wait_for(child.wait(), TAKE_DOWN_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()
        if child.returncode != 0:
            log.error("something of the data plane may be left", extra={"action": "up.left", "state": self._settings.state})


def _healthy(url: str) -> bool:
    """Whether the API says so. A proxy that the environment names is not asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False

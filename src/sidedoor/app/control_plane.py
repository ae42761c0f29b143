"""The control plane: the API and the agent's link over one store."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from sidedoor import call, open_files, whole_file
from sidedoor.agents import Agents
from sidedoor.api import OPERATIONS
from sidedoor.app import delivery
from sidedoor.app.credentials import Credentials
from sidedoor.app.database import opened
from sidedoor.app.exposition import Exposition
from sidedoor.app.signals import stopping
from sidedoor.aws.door import Credential, Heard, Invocation
from sidedoor.aws.server import Quick, application
from sidedoor.clock import utc_now
from sidedoor.console.site import Console
from sidedoor.errors import ServiceUnavailable
from sidedoor.identity.credentials import authenticate
from sidedoor.networks.defaults import DefaultVpcs
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.settings import HOST, OWN, TRUST, Settings, SettingsError, listen_address, server_address
from sidedoor.store.engine import DatabaseUnavailable, Store
from sidedoor.store.schema import Setting
from sidedoor.subscribers import Subscribers
from sidedoor.sweeper import Sweeper
from sidedoor.verifier import Texts, Verifier

log = logging.getLogger(__name__)

BACKLOG = 2048


WITH_NETWORKS = frozenset({"ec2", "elbv2"})
"""The services whose operations may see or use an account's default VPC."""


GARBAGE_OBJECTS = 20_000
"""New objects after which Python looks for cycles among them; by default there are so few that one call makes more."""

MOST_QUICK = 20
"""Records that a call may name and still be carried out on the event loop."""


WITH_KEYS = frozenset({"iam", "sts"})
"""The services whose operations make access keys, or change whose they are."""


class ControlPlane:
    """The API over one store."""

    def __init__(
        self, store: Store, *, dev: bool, signer: Signer | None = None, clock: Callable[[], datetime] = utc_now,
        url: str = "", mail: Path | None = None,
    ) -> None:  # fmt: skip
        """``signer``: whose certificate subscribers find here; without one there are no pages for them. ``url``: ours from
        outside. ``mail``: where mails are, None where a server takes them.
        """
        self._store = store
        self._signer = signer
        self._dev = dev
        self._clock = clock
        self.agents = Agents(store, clock)
        self._credentials = Credentials(self._find_credential)
        self._default_vpcs = DefaultVpcs(store)
        self._settings = call.Settings(dev=dev, paging_secret=_paging_secret(store))
        secret = self._settings.paging_secret
        self.console = Console(self._credentials.of, self._invoke, secret=secret, url=url, mail=mail)

    def application(self, heard: Heard | None = None) -> ASGIApp:
        """The HTTP application for the API's address. ``heard`` is told of every call that was answered."""
        routes: list[Route | Mount] = [Route("/healthz", self._healthz, methods=["GET"]), self.console.route()]
        if self._signer is not None:
            routes += Subscribers(self._store, self._signer, clock=self._clock).routes()
        if self._dev:
            routes.append(Route("/_sidedoor/reset", self._reset, methods=["POST"]))
        return application(
            table=OPERATIONS, authenticate=self._credentials.of, invoke=self._invoke, clock=self._clock, routes=routes,
            quick=Quick(includes=self._is_quick, version=self._store.version) if self._store.answers_at_once else None,
            heard=heard,
        )  # fmt: skip

    def _is_quick(self, invocation: Invocation) -> bool:
        """Whether a call reads a few records, which it names itself: then it takes less time than the hop to a thread."""
        if not call.only_reads(invocation.operation) or invocation.operation in call.TIMED:
            return False
        begun = invocation.service not in WITH_NETWORKS or self._default_vpcs.knows(
            invocation.caller.account, invocation.region
        )
        return begun and _names_what_it_reads(invocation.params)

    def _find_credential(self, access_key_id: str, session_token: str | None) -> Credential:
        with _unavailable(), self._store.read() as tables:
            secret, caller = authenticate(tables, access_key_id, session_token, self._clock(), self._dev)
        return Credential(secret=secret, caller=caller)

    def _invoke(self, invocation: Invocation) -> dict[str, Any]:
        access = call.Access(
            caller=invocation.caller, region=invocation.region, now=self._clock(), request_id=invocation.request_id,
            entropy=os.urandom, settings=self._settings, source=invocation.source, user_agent=invocation.user_agent,
        )  # fmt: skip
        operation = OPERATIONS[invocation.service][invocation.operation]
        try:
            with _unavailable():
                if invocation.service in WITH_NETWORKS:
                    self._default_vpcs.ensure(access)
                return call.perform(self._store, access, invocation.operation, operation, invocation.params)
        finally:
            if invocation.service in WITH_KEYS and not call.only_reads(invocation.operation):
                self._credentials.forget()

    async def _healthz(self, _: Request) -> Response:
        ready = self.agents.applied is not None
        status = "ok" if ready else "waiting for the agent to apply its first snapshot"
        return JSONResponse({"status": status, "applied": self.agents.applied}, status_code=200 if ready else 503)

    async def _reset(self, _: Request) -> Response:
        await run_in_threadpool(self._clear)
        return JSONResponse({"status": "ok"})

    def _clear(self) -> None:
        with self._store.write() as tables:
            tables.clear()
        self._credentials.forget()
        self._default_vpcs.forget()
        log.warning("everything was emptied by /_sidedoor/reset", extra={"action": "api.reset"})


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    """Has the caller of an operation hear of a database that cannot be used now, with an error after which SDKs try again."""
    try:
        yield
    except DatabaseUnavailable as error:
        log.error("the database cannot be used now: %s", error, extra={"action": "api.no_database"})
        raise ServiceUnavailable(reason=error) from error


def _names_what_it_reads(params: Mapping[str, Any]) -> bool:
    """Whether a request holds ids, and not many of them."""
    named = [value for name, value in params.items() if name.endswith(_NAMING) and value]
    return bool(named) and all(isinstance(value, str) or len(value) <= MOST_QUICK for value in named)


_NAMING = ("Arn", "Arns", "Id", "Ids")


def _paging_secret(store: Store) -> bytes:
    """The key that seals paging tokens: made once, so that tokens outlive a restart."""
    with store.write() as tables:
        found = tables.settings.find("paging_secret")
        if found is None:
            found = tables.settings.add(Setting(id="paging_secret", value=base64.b64encode(os.urandom(32)).decode()))
    return base64.b64decode(found.value)


# --- sidedoor serve -----------------------------------------------------------------------------------------------


def run(settings: Settings) -> None:
    """``serve`` on an event loop in C (decision 0009)."""
    gc.set_threshold(GARBAGE_OBJECTS, 20, 20)
    open_files.raise_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Serves the API and the agent's link until SIGTERM or SIGINT. Raises ``SettingsError``."""
    with opened(settings) as store, _listen(settings) as api_socket, _listen_for_metrics(settings) as metrics_socket:
        signer = delivery.signer(store, utc_now())
        url = f"http://{replace(settings, port=api_socket.getsockname()[1]).listen}"
        outside = (settings.public_url or url).rstrip("/")
        mail = None if settings.smtp else settings.mail
        control = ControlPlane(store, dev=settings.dev, signer=signer, url=outside, mail=mail)
        link_socket = _listen_unix(settings.control_socket)
        postman = delivery.postman(store, settings, signer, outside, utc_now)
        whole_file.write(settings.url_file, url)
        log.info("the API is served at %s", url, extra={"action": "serve.started", "url": url})
        sweeper = Sweeper(store, utc_now, keep_events=timedelta(days=settings.keep_events_days))
        async with stopping() as stopped, asyncio.TaskGroup() as tasks:
            exposition = Exposition(store, control.agents) if metrics_socket is not None else None
            heard = exposition.heard if exposition is not None else None
            servers = [_server(control.application(heard)), _server(control.agents.application())]
            if metrics_socket is not None and exposition is not None:
                servers.append(_server(exposition.application()))
                tasks.create_task(servers[-1].serve(sockets=[metrics_socket]), name="metrics")
            gc.freeze()  # botocore's models stay as long as the process does: no need to look at them again and again
            tasks.create_task(servers[0].serve(sockets=[api_socket]), name="api")
            tasks.create_task(servers[1].serve(sockets=[link_socket]), name="agents")
            beside = [
                tasks.create_task(_verifier(store, settings).run(), name="verifier"),
                tasks.create_task(sweeper.run(), name="sweeper"),
                tasks.create_task(postman.run(), name="postman"),
            ]
            await stopped.wait()
            for task in beside:
                task.cancel()
            control.agents.close()
            for server in servers:
                server.should_exit = True
        for path in (settings.url_file, settings.metrics_url_file, settings.control_socket):
            path.unlink(missing_ok=True)


def _verifier(store: Store, settings: Settings) -> Verifier:
    """What verifies private DNS names, with the servers that the settings name."""
    own = settings.verify_dns in (OWN, TRUST)
    upstream = None if own or settings.verify_dns == HOST else server_address(settings.verify_dns)
    texts = None if own else _texts(upstream)
    trust = settings.verify_dns == TRUST
    if trust:
        log.warning("every private DNS name counts as proved, whoever asks for it", extra={"action": "private_dns.trust"})
    return Verifier(store, texts=texts, trust=trust, every=settings.verify_dns_seconds, clock=utc_now)


def _texts(upstream: tuple[str, int] | None) -> Texts:
    """What asks a DNS server; only who needs it waits for its library."""
    from sidedoor.names.txt import TxtResolver

    return TxtResolver(upstream).texts


class _Server(uvicorn.Server):
    """A server that leaves signals to us: two of them live in one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=60,
    )
    return _Server(config)


@contextlib.contextmanager
def _listen_for_metrics(settings: Settings) -> Iterator[socket.socket | None]:
    """The socket for the metrics, where they are asked for; their URL is written down."""
    if settings.metrics is None:
        yield None
        return
    host, port = listen_address(settings.metrics)
    theirs = replace(settings, host=host, port=port, dev=False)
    with _listen(theirs, "--metrics") as listening:
        url = f"http://{replace(theirs, port=listening.getsockname()[1]).listen}/metrics"
        whole_file.write(settings.metrics_url_file, url)
        log.info("metrics of all accounts are served at %s", url, extra={"action": "serve.metrics", "url": url})
        yield listening


def _listen(settings: Settings, option: str = "--listen") -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's algorithm off, which would hold back an answer's body for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        # Here and not in the server: two sockets may be bound to one port as long as none of them listens.
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"{settings.listen} cannot be listened on ({error.strerror}): choose another with {option}."
        ) from None
    return listening


def _listen_unix(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    path.chmod(0o600)
    return listening

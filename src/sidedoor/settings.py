"""What a command was told: where the state is, where to listen, which placement. Parsed once, then passed on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

Network = Literal["auto", "netns", "loopback"]

CONNECTIONS_PER_TARGET = 55_000
"""What an address of a Network Load Balancer can have open to one target (NLB user guide, "Port allocation errors")."""
OWN, HOST, TRUST = "own", "host", "trust"
"""Words for who proves private DNS names."""

DNS_PORT = 53

SOCKET_PATH_LIMIT = 107
"""Linux's limit for the path of a Unix socket, without the final zero (unix(7))."""


class SettingsError(Exception):
    """A setting that cannot be used; the message says what to do instead."""


def default_state() -> Path:
    """``$XDG_STATE_HOME/sidedoor``, by default ``~/.local/state/sidedoor`` (XDG base directory specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sidedoor"


@dataclass(frozen=True, kw_only=True)
class Settings:
    state: Path
    host: str = "127.0.0.1"
    port: int = 4680
    database: str | None = None
    network: Network = "auto"
    dev: bool = False
    keep_dataplane: bool = False
    pending_seconds: float = 0.0
    """How long an accepted endpoint stays ``pending`` at least."""
    connections_per_target: int = CONNECTIONS_PER_TARGET
    """Connections that one load balancer address may have open to one target."""
    beat_seconds: float = 10.0
    """How often the agent reads what was counted."""
    metrics: str | None = None
    """Where metrics are served for Prometheus, host:port; None: nowhere."""
    verify_dns: str = OWN
    """Who proves private DNS names besides our own records: ``own`` (nobody), ``host``, ``trust``, or a server's address."""
    verify_dns_seconds: float = 60.0
    """How often a name that waits for its proof is looked at."""
    forward_dns: tuple[str, ...] = ()
    """Who answers for names that are none of ours: nobody, ``host``, or these servers."""
    keep_events_days: int = 90
    """How long the log of events (CloudTrail's LookupEvents) goes back."""
    public_url: str | None = None
    """Where subscribers reach the API, for the links that they are sent; None: where it listens."""
    smtp: str | None = None
    """The server that takes mail to subscribers; None: mail lands in ``mail``."""
    mail_from: str = "no-reply@sidedoor.invalid"
    sqs: str | None = None
    """The URL of the SQS in which subscribers' queues are."""
    deliver_to: tuple[str, ...] = ()
    """Blocks of addresses that subscribers may have though they are the host's own or link-local."""
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.dev and not _is_loopback(self.host):
            raise SettingsError(
                f"--dev accepts any secret, so it is refused on {self.host}: listen on 127.0.0.1, or leave --dev out."
            )
        if self.metrics is not None:
            listen_address(self.metrics)
        if self.verify_dns not in (OWN, HOST, TRUST):
            server_address(self.verify_dns)
        if self.forward_dns != (HOST,):
            for one in self.forward_dns:
                server_address(one, "--forward-dns", (HOST,))
        if len(os.fsencode(self.control_socket)) > SOCKET_PATH_LIMIT:
            raise SettingsError(
                f"The path {self.control_socket} is too long for a Unix socket: choose a shorter --state directory."
            )

    @property
    def listen(self) -> str:
        """Where the API listens, as a URL has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def mail(self) -> Path:
        """The maildir of mails that no server takes."""
        return self.state / "mail"

    @property
    def dead_letters(self) -> Path:
        """Messages that could not be delivered, one file each."""
        return self.state / "dead-letters"

    @property
    def run(self) -> Path:
        """Where sockets, process ids and namespaces of a running system are."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def control_socket(self) -> Path:
        """The longest of the sockets' names."""
        return self.run / "control.sock"

    @property
    def placement_file(self) -> Path:
        """Is there as long as something of the data plane may be."""
        return self.run / "placement.json"

    @property
    def url_file(self) -> Path:
        """Holds the URL of the API while it is served."""
        return self.run / "url"

    @property
    def metrics_url_file(self) -> Path:
        """Holds the URL of the metrics while they are served."""
        return self.run / "metrics-url"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.state / 'sidedoor.db'}"

    def prepare(self) -> None:
        """Makes the directories, private to this user. Raises ``SettingsError``."""
        for directory in (self.state, self.run, self.logs):
            try:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise SettingsError(
                    f"{directory} cannot be made ({error.strerror}): choose another --state directory."
                ) from None
            if not os.access(directory, os.W_OK | os.X_OK):
                raise SettingsError(f"{directory} is not ours to write to: choose another --state directory.")


def listen_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:4680`` or ``[::1]:4680`` as (host, port); port 0 lets the system choose. Raises ``SettingsError``."""
    host, separator, port = text.rpartition(":")
    if not separator or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise SettingsError(f"{text} is no address to listen on: give host:port, for example 127.0.0.1:4680.")
    return host.strip("[]") or "127.0.0.1", int(port)


def server_address(text: str, option: str = "--verify-dns", words: tuple[str, ...] = (OWN, HOST, TRUST)) -> tuple[str, int]:
    """``192.0.2.1``, ``192.0.2.1:5353``, ``2001:db8::1`` or ``[2001:db8::1]:5353`` as (address, port).

    Raises ``SettingsError``, which says that the ``option`` takes one of these ``words`` else.
    """
    bracketed = re.fullmatch(r"\[([^]]+)\](?::([0-9]{1,5}))?", text)
    dotted = re.fullmatch(r"([^:]+)(?::([0-9]{1,5}))?", text)
    found = bracketed or dotted
    address, port = found.groups() if found else (text, None)
    try:
        server = (str(ip_address(address)), int(port or DNS_PORT))
    except ValueError:
        server = ("", 0)
    if not 0 < server[1] <= 65535:
        raise SettingsError(
            f"{text} is none of {', '.join(words)} and no DNS server's address: give one as {option}, "
            "for example 192.0.2.53 or 127.0.0.1:5353."
        )
    return server


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

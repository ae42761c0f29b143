"""The programs around Sidedoor in the benches of the data plane: the server behind it, and HAProxy and nginx in its place.

All run in namespaces of the system, each in a session of its own as Envoy is, so that the scheduler's groups of sessions
(sched_autogroup) treat them alike. HAProxy and nginx stand where Envoy has its sockets, in the VPC's router: they listen on
the endpoint's address, on ports of their own, and connect from the address of the load balancer's node. As many workers or
threads as Envoy has, no log, no health checks, no splice(2) unless told so (HAProxy's default; nginx has none).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import inside

BODY = "x" * 100


@dataclass
class Program:
    """A running program and its workers, for their processor time."""

    process: subprocess.Popen[bytes]

    @property
    def pids(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def start(state: Path, place: str, name: str, *command: str) -> Program:
    log = (state / f"{name}.log").open("wb")
    with log:
        started = subprocess.Popen(
            inside(state, place, *command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        return Program(started)


def server(state: Path, place: str, address: str, plain: int, with_header: int) -> Program:
    """nginx as the HTTP server: one port as it is, one that wants a PROXY header before each connection."""
    text = f"""
        daemon off; worker_processes 1; pid {state}/server.pid; error_log stderr crit; worker_rlimit_nofile 20000;
        events {{ worker_connections 8192; }}
        http {{
            access_log off; keepalive_requests 1000000000; tcp_nodelay on;
            server {{
                listen {address}:{plain} backlog=4096;
                listen {address}:{with_header} proxy_protocol backlog=4096;
                location / {{ return 200 "{BODY}"; }}
            }}
        }}"""
    return _nginx(state, place, "server", text)


def nginx(state: Path, place: str, listen: str, source: str, forwards: Mapping[int, tuple[str, int]], workers: int) -> Program:
    """nginx as the proxy: port -> where that goes."""
    servers = "\n".join(
        f"server {{ listen {listen}:{port} backlog=4096; proxy_bind {source}; proxy_half_close on; proxy_pass {host}:{to}; }}"
        for port, (host, to) in forwards.items()
    )
    text = f"""
        load_module /usr/lib/nginx/modules/ngx_stream_module.so;
        daemon off; worker_processes {workers}; pid {state}/nginx.pid; error_log stderr crit; worker_rlimit_nofile 20000;
        events {{ worker_connections 8192; }}
        stream {{ access_log off; {servers} }}"""
    return _nginx(state, place, "nginx", text)


def _nginx(state: Path, place: str, name: str, text: str) -> Program:
    path = state / f"{name}.conf"
    path.write_text(text)
    return start(state, place, name, "nginx", "-e", "stderr", "-c", str(path))


def haproxy(
    state: Path, place: str, listen: str, source: str, forwards: Mapping[int, tuple[str, int]], threads: int, *,
    splice: bool = False,
) -> Program:  # fmt: skip
    """HAProxy in TCP mode: port -> where that goes."""
    name = "haproxy-splice" if splice else "haproxy"
    listens = "\n".join(
        f"listen p{port}\n  bind {listen}:{port} backlog 4096\n  source {source}\n  server one {host}:{to}"
        for port, (host, to) in forwards.items()
    )
    text = f"""
global
  nbthread {threads}
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 350s
  timeout server 350s
{"  option splice-auto" if splice else ""}
{listens}
"""
    path = state / f"{name}.cfg"
    path.write_text(text)
    return start(state, place, name, "haproxy", "-db", "-f", str(path))

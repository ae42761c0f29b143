"""What Envoy counts of a door: how it is told to count what its statistics leave out, and how its numbers are read.

Envoy's own statistics say how many connections a listener accepted and how many bytes passed. They do not say whether a
connection reached a target, who reset it, or that the node had no port left for it; its access log knows, and the stats
logger turns what the log knows into counters, without a line being written.

Rule 1: no I/O. Rule 2: a counter's name is made of a door's name and of words that Envoy chooses, never of what a client sends.
"""

from __future__ import annotations

from typing import Any

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog, AccessLogFilter, ResponseFlagFilter
from envoy.extensions.access_loggers.stats.v3.stats_pb2 import Config as StatsLogger
from google.protobuf.wrappers_pb2 import UInt64Value

from sidedoor.counters.model import Counts
from sidedoor.dataplane.envoy.packing import packed

QUESTION = "/stats?usedonly&type=Counters"
"""Of the forms that the admin interface offers the cheapest: the text of what was counted, without gauges, unfiltered (a
filter is tried on every name). How many connections are open follows from two counters."""

_SCOPE = "door"

_NOT_SERVED = ("UF", "UH", "UO")
"""The access log's flags of a connection for which there was no target: the connection to one failed; none to choose; too many
open (Envoy's documentation, "Access logging", response flags)."""

_NO_PORT = "Cannot assign requested address"
"""strerror(3) of EADDRNOTAVAIL: connect(2) from an address all of whose ports are in use towards this target."""

_REFUSED = "Connection refused"


def loggers(door_name: str) -> list[Any]:
    """The access loggers of a door. They have to be told of a connection when it is made, and when it ends."""
    flow = _counter(
        f"{door_name}.flow",
        at="%ACCESS_LOG_TYPE%", client="%DOWNSTREAM_DETECTED_CLOSE_TYPE%", target="%UPSTREAM_DETECTED_CLOSE_TYPE%",
    )  # fmt: skip
    unserved = _counter(f"{door_name}.unserved", why="%UPSTREAM_TRANSPORT_FAILURE_REASON%")
    unserved.filter.CopyFrom(AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=_NOT_SERVED)))
    return [flow, unserved]


def _counter(name: str, **tags: str) -> Any:
    stat = StatsLogger.Stat(name=name, tags=[StatsLogger.Tag(name=tag, value_format=value) for tag, value in tags.items()])
    counters = [StatsLogger.Counter(stat=stat, value_fixed=UInt64Value(value=1))]
    logger = StatsLogger(stat_prefix=_SCOPE, counters=counters)
    return AccessLog(name="envoy.access_loggers.stats", typed_config=packed(logger))


def read(text: str) -> dict[str, Counts]:
    """The answer to ``QUESTION``: door's name -> what was counted of it since it is there."""
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        path, _, value = line.rpartition(": ")
        scope, _, rest = path.partition(".")
        door, _, stat = rest.partition(".")
        name = _NAMES.get(f"{scope}.{stat}") or (_of_log(stat) if scope == _SCOPE else None)
        if name is not None and door.count("/") == 2 and value.isdigit():
            counted = found.setdefault(door, {})
            counted[name] = counted.get(name, 0) + int(value)
    return {door: Counts(**counted) for door, counted in found.items()}


_NAMES = {
    "listener.downstream_cx_total": "opened",
    "listener.downstream_cx_destroy": "closed",
    "listener.no_filter_chain_match": "dropped",
    "listener.downstream_cx_overflow": "dropped",
    "listener.downstream_cx_overload_reject": "dropped",
    "listener.downstream_global_cx_overflow": "dropped",
    "tcp.downstream_cx_rx_bytes_total": "bytes",
    "tcp.downstream_cx_tx_bytes_total": "bytes",
    "tcp.idle_timeout": "given_up",
}


def _of_log(stat: str) -> str | None:
    """Whose counter a name of the stats logger belongs to: ``flow.at.A.client.B.target.C`` or ``unserved.why.W``."""
    if stat.startswith("flow.at.TcpUpstreamConnected."):
        return "established"
    if stat.startswith("flow.at.TcpConnectionEnd.client.RemoteReset."):
        return "client_resets"
    if stat.startswith("flow.at.TcpConnectionEnd.") and stat.endswith(".target.RemoteReset"):
        return "target_resets"
    if not stat.startswith("unserved.why."):
        return None
    reason = stat.replace("_", " ")
    return "port_errors" if _NO_PORT in reason else "target_resets" if _REFUSED in reason else "given_up"

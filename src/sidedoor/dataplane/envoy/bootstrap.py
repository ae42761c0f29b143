"""The configuration with which Envoy starts: where to ask for the rest, where to answer questions, and its limits.

Rule 1: no I/O.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

AGENT = "agent"
"""The cluster under which Envoy reaches the agent."""

OWNER_ONLY = 0o600

SPARE_FILES = 256
"""What Envoy needs besides connections: logs, epoll, listeners' share of a small limit."""


def connections(open_files: int) -> int:
    """How many connections Envoy takes with so many open files: two for each."""
    return max(1, (open_files - SPARE_FILES) // 2)


def open_files_for(connections: int) -> int:
    return 2 * connections + SPARE_FILES


def bootstrap(ads_path: Path, admin_path: Path, open_files: int) -> dict[str, Any]:
    """``open_files``: how many file descriptors Envoy may have."""
    return {
        "node": {"id": "sidedoor", "cluster": "sidedoor"},
        "admin": {
            "address": {"pipe": {"path": str(admin_path), "mode": OWNER_ONLY}},
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": {
            "ads_config": _ads(),
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {"clusters": [_agent(ads_path)]},
        "overload_manager": {"resource_monitors": [_connection_limit(open_files)]},
        # Statistics are read through the admin interface; without a sink there is nothing to flush every five seconds.
        "stats_flush_on_admin": True,
    }


def _ads() -> dict[str, Any]:
    """Delta ADS. A lost stream is tried again soon: Envoy's own pause grows to 30 s, which a restarted agent would wait out."""
    again = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}}
    return {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": AGENT, "retry_policy": again}}],
    }


def _agent(path: Path) -> dict[str, Any]:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    host = {"endpoint": {"address": {"pipe": {"path": str(path)}}}}
    return {
        "name": AGENT,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
        },
        "load_assignment": {"cluster_name": AGENT, "endpoints": [{"lb_endpoints": [host]}]},
    }


def _connection_limit(open_files: int) -> dict[str, Any]:
    """A connection through Envoy takes two descriptors. Beyond the limit new ones are closed, and what is open goes on."""
    config = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"type.googleapis.com/{config}",
            "max_active_downstream_connections": connections(open_files),
        },
    }

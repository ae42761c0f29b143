"""Envoy's configuration for one door, one cluster, one list of hosts.

Rule 1: no I/O. Rule 2: the same input gives the same bytes, so that a restarted agent has nothing to push.
Rule 3: what changes often (the hosts) is in the assignment alone; a changed listener or cluster replaces the one before it.
Only who may come in is taken over in place: it is the one thing that a listener's matcher says, and no flow notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster as ClusterConfig
from envoy.config.core.v3.address_pb2 import Address, BindConfig, SocketAddress
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig, ProxyProtocolPassThroughTLVs, TlvEntry
from envoy.config.core.v3.socket_option_pb2 import SocketOption
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy, UpstreamConnectMode
from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import SourceIPInput
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import ProxyProtocolUpstreamTransport
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.type.v3.hash_policy_pb2 import HashPolicy
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value
from xds.core.v3.cidr_pb2 import CidrRange
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.ip_pb2 import IPMatcher
from xds.type.matcher.v3.matcher_pb2 import Matcher

from sidedoor.dataplane.certificates import Tls
from sidedoor.dataplane.desired import Cluster, Door
from sidedoor.dataplane.driver import Clients, Place
from sidedoor.dataplane.envoy import tally, tls
from sidedoor.dataplane.envoy.packing import packed
from sidedoor.dataplane.port_range import IP_LOCAL_PORT_RANGE, IPPROTO_IP, as_option

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
CERTIFICATE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

CONNECT_SECONDS = 5

UNLIMITED = 2**32 - 1

LISTEN_BACKLOG = 4096

NEVER = 0

HANDSHAKE_SECONDS = 15
"""What a TLS client has for its first message, and then for the rest of the handshake, before it is let go."""

EARLY_BYTES = 65_536
"""What a client may send after the end of its TLS handshake and before the target is there."""

BUFFER_BYTES = 256 * 1024
"""What is held of a connection for a peer that does not read, each way. Envoy's own limit, 1 MiB, moves no gigabyte cheaper,
and 32 KiB take half as much time again for one (measured with 1.40)."""

MAGLEV_TABLE = 16_381
"""A prime: 32 slots for each of the 500 targets that an NLB takes in a zone. Envoy's own 65,537 costs four times as much."""

AWS_TLV = 0xEA
VPC_ENDPOINT_ID = b"\x01"
"""NLB user guide, "Proxy protocol": a TLV of type 0xEA whose value is 0x01 and then the endpoint's id."""


ADMITTED = "admitted"
"""The filter chain of those who may come in, and behind TLS ask for no name that has a chain of its own. Who is led to no
chain is let go before anybody hears of him.
"""


def listener(door: Door, place: Place, clients: Clients, *, ends_idle: bool = True) -> Any:
    """The listener of a door: TCP, or what is inside of TLS, to the door's cluster, for clients out of these blocks (None: for
    all).

    ``ends_idle``: whether Envoy is to end idle flows. Its timer sees no keepalives, and what it ends it ends with a FIN;
    ``idle.py`` does better where the host allows it.

    One listening socket, without SO_REUSEPORT: a port that another process already has is a refusal that a person can read,
    and not a port shared in silence. Envoy's exact balance between workers is not used: it counts each listener by itself, so
    that the first connections of all doors would meet on one worker.
    """
    return Listener(
        name=door.name,
        stat_prefix=door.name,
        address=_address(place, door.port),
        filter_chains=_chains(door, ends_idle),
        filter_chain_matcher=_admission(clients, door.tls),
        enable_reuse_port=BoolValue(value=False),
        tcp_backlog_size=UInt32Value(value=LISTEN_BACKLOG),
        per_connection_buffer_limit_bytes=UInt32Value(value=BUFFER_BYTES),
        **_reading_names(door),
    )


def _chains(door: Door, ends_idle: bool) -> list[Any]:
    """The filter chains of a door: one; behind TLS one more for each set of certificates that has names of its own."""
    proxy = [Filter(name="envoy.filters.network.tcp_proxy", typed_config=packed(_tcp_proxy(door, ends_idle)))]
    if door.tls is None:
        return [FilterChain(name=ADMITTED, filters=proxy)]
    further = [(tls.chain_name(names), names) for names, _ in door.tls.further if names != (door.tls.default,)]
    return [
        FilterChain(
            name=name,
            filters=proxy,
            transport_socket=tls.downstream(door.tls, names),
            transport_socket_connect_timeout=Duration(seconds=HANDSHAKE_SECONDS),
        )
        for name, names in [(ADMITTED, (door.tls.default,)), *further]
    ]


def _reading_names(door: Door) -> dict[str, Any]:
    if door.tls is None:
        return {}
    return {"listener_filters": [tls.inspector()], "listener_filters_timeout": Duration(seconds=HANDSHAKE_SECONDS)}


@lru_cache(maxsize=64)
def _admission(clients: Clients, of_tls: Tls | None) -> Any:
    """Leads a client to a filter chain by its address, and behind TLS by the name for which it asks.

    Remembered: many doors let in the same thousands of addresses. Envoy decides this when it accepts, before it connects
    anywhere. Its RBAC filter decides at the client's first byte, and until then would pass on what a target says first.
    """
    led = tls.led_to(ADMITTED)
    if of_tls is not None:
        led = tls.by_server_name(of_tls, led)
    if clients is None:
        return Matcher(on_no_match=led)
    if not clients:
        return Matcher()
    ranges = [_range(one) for one in clients]
    by_address = IPMatcher(range_matchers=[IPMatcher.IPRangeMatcher(ranges=ranges, on_match=led)])
    tree = Matcher.MatcherTree(
        input=TypedExtensionConfig(name="source", typed_config=packed(SourceIPInput())),
        custom_match=TypedExtensionConfig(name="blocks", typed_config=packed(by_address)),
    )
    return Matcher(matcher_tree=tree)


def _range(block: str) -> Any:
    address, _, length = block.partition("/")
    return CidrRange(address_prefix=address, prefix_len=UInt32Value(value=int(length)))


def _tcp_proxy(door: Door, ends_idle: bool) -> Any:
    """The endpoint's id goes to the target in a TLV, where the cluster sends PROXY headers; elsewhere the TLV is not used.

    Who does not get through the TLS handshake is a stranger, of whom the target does not hear.
    """
    after_the_handshake = {
        "upstream_connect_mode": UpstreamConnectMode.ON_DOWNSTREAM_TLS_HANDSHAKE,
        "max_early_data_bytes": UInt32Value(value=EARLY_BYTES),
    }
    return TcpProxy(
        stat_prefix=door.name,
        cluster=door.cluster,
        idle_timeout=Duration(seconds=door.idle_timeout if ends_idle else NEVER),
        hash_policy=[HashPolicy(source_ip=HashPolicy.SourceIp())] if door.sticky else [],
        proxy_protocol_tlvs=[TlvEntry(type=AWS_TLV, value=VPC_ENDPOINT_ID + door.endpoint_id.encode("ascii"))],
        access_log=tally.loggers(door.name),
        access_log_options=TcpProxy.TcpAccessLogOptions(flush_access_log_on_connected=True),
        **(after_the_handshake if door.tls is not None else {}),
    )


def cluster(cluster: Cluster, source: Place, connections_per_target: int, ports: tuple[int, int] | None = None) -> Any:
    """The cluster of a load balancer's node and one of its target groups: connects from the node's address.

    ``connections_per_target``: what this node may have open to one of its targets. That is as many as its sockets have
    ``ports`` (None: as the node's network has), and a connection beyond it fails and is counted. Where neither is ours to
    set Envoy is told the number, and does not keep to it: each pool may make its first connection.

    A client has what Envoy opens to a target to itself: otherwise Envoy gives it to whoever waits for a connection with a
    PROXY header of the same addresses and ports, which another VPC's client may well have.
    """
    return ClusterConfig(
        name=cluster.name,
        type=ClusterConfig.EDS,
        eds_cluster_config=ClusterConfig.EdsClusterConfig(
            eds_config=ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)
        ),
        connect_timeout=Duration(seconds=CONNECT_SECONDS),
        per_connection_buffer_limit_bytes=UInt32Value(value=BUFFER_BYTES),
        upstream_bind_config=BindConfig(
            source_address=_address(source, 0).socket_address,
            socket_options=[] if ports is None else [_port_range(ports)],
        ),
        connection_pool_per_downstream_connection=True,
        circuit_breakers=_circuit_breakers(connections_per_target if source.namespace is None and ports is None else None),
        **_balancing(cluster.sticky),
        **_transport(cluster),
    )


def _transport(cluster: Cluster) -> dict[str, Any]:
    """How bytes go to targets: as they are, in TLS, and either with a PROXY header before them."""
    inner = tls.upstream(cluster.alpn) if cluster.tls else None
    if cluster.proxy_protocol:
        inner = _proxy_protocol(inner or _plain())
    return {} if inner is None else {"transport_socket": inner}


def _plain() -> Any:
    return TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=packed(RawBuffer()))


def _port_range(ports: tuple[int, int]) -> Any:
    return SocketOption(
        description="IP_LOCAL_PORT_RANGE",
        level=IPPROTO_IP,
        name=IP_LOCAL_PORT_RANGE,
        buf_value=as_option(ports),
        state=SocketOption.STATE_PREBIND,
    )


def _balancing(sticky: bool) -> dict[str, Any]:
    if not sticky:
        return {"lb_policy": ClusterConfig.RANDOM}
    table = ClusterConfig.MaglevLbConfig(table_size=UInt64Value(value=MAGLEV_TABLE))
    return {"lb_policy": ClusterConfig.MAGLEV, "maglev_lb_config": table}


def _circuit_breakers(connections_per_target: int | None) -> Any:
    """No limit on the whole (Envoy's is 1,024, and a connection that is being made counts as a request), one on each target."""
    thresholds = [CircuitBreakers.Thresholds(**dict.fromkeys(_LIMITS, UInt32Value(value=UNLIMITED)))]
    if connections_per_target is None:
        return CircuitBreakers(thresholds=thresholds)
    each = CircuitBreakers.Thresholds(max_connections=UInt32Value(value=connections_per_target))
    return CircuitBreakers(thresholds=thresholds, per_host_thresholds=[each])


_LIMITS = ("max_connections", "max_pending_requests", "max_requests")


def _proxy_protocol(inner: Any) -> Any:
    """PROXY protocol version 2: the client's address, the endpoint's, and the endpoint's id out of the listener's TLV."""
    transport = ProxyProtocolUpstreamTransport(
        config=ProxyProtocolConfig(
            version=ProxyProtocolConfig.V2,
            pass_through_tlvs=ProxyProtocolPassThroughTLVs(match_type=ProxyProtocolPassThroughTLVs.INCLUDE, tlv_type=[AWS_TLV]),
        ),
        transport_socket=inner,
    )
    return TransportSocket(name="envoy.transport_sockets.upstream_proxy_protocol", typed_config=packed(transport))


def assignment(cluster_name: str, hosts: Sequence[tuple[str, int]]) -> Any:
    """The hosts of a cluster, in any order: (address, port)."""
    return ClusterLoadAssignment(
        cluster_name=cluster_name,
        endpoints=[LocalityLbEndpoints(lb_endpoints=[_host(address, port) for address, port in sorted(hosts)])]
        if hosts
        else [],
    )


def _host(address: str, port: int) -> Any:
    return LbEndpoint(endpoint=Endpoint(address=_address(Place(address, None), port)))


def _address(place: Place, port: int) -> Any:
    where = {} if place.namespace is None else {"network_namespace_filepath": place.namespace}
    return Address(socket_address=SocketAddress(address=place.address, port_value=port, **where))

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict

from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.certificates import Certificate, Tls
from sidedoor.dataplane.desired import Cluster, Door
from sidedoor.dataplane.driver import Place
from sidedoor.dataplane.envoy import resources, tally, tls
from sidedoor.loadbalancers.model import HealthCheck

DOOR = Door(
    name="vpce-1/eni-1/443", endpoint_id="vpce-1", vpc_id="vpc-1", interface_id="eni-1", address="10.0.0.5", port=443,
    cluster="eni-2/targetgroup/web/1", idle_timeout=350, sticky=False, admission=Admission(blocks=None, ruled=True),
)  # fmt: skip
CLUSTER = Cluster(
    name="eni-2/targetgroup/web/1", vpc_id="vpc-2", node_interface_id="eni-2", source="10.0.0.9", target_group_id="arn",
    listener_port=80, proxy_protocol=False, sticky=False, check=HealthCheck(), candidates=(),
)  # fmt: skip
CONSUMER = Place("10.0.0.5", "/run/netns/consumer")
PROVIDER = Place("10.0.0.9", "/run/netns/provider")
TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
LED = {
    "action": {
        "name": "admitted",
        "typed_config": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "admitted"},
    }
}
PROXY_PROTOCOL = "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"


def as_dict(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def test_a_door_is_a_listener_in_the_consumers_namespace() -> None:
    proxy = {
        "@type": TCP_PROXY,
        "stat_prefix": "vpce-1/eni-1/443",
        "cluster": "eni-2/targetgroup/web/1",
        "idle_timeout": "350s",
        "proxy_protocol_tlvs": [{"type": 0xEA, "value": "AXZwY2UtMQ=="}],
        "access_log": [as_dict(one) for one in tally.loggers("vpce-1/eni-1/443")],
        "access_log_options": {"flush_access_log_on_connected": True},
    }
    assert as_dict(resources.listener(DOOR, CONSUMER, None)) == {
        "name": "vpce-1/eni-1/443",
        "stat_prefix": "vpce-1/eni-1/443",
        "address": {
            "socket_address": {
                "address": "10.0.0.5",
                "port_value": 443,
                "network_namespace_filepath": "/run/netns/consumer",
            }
        },
        "filter_chains": [
            {"name": "admitted", "filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
        ],
        "filter_chain_matcher": {"on_no_match": LED},
        "enable_reuse_port": False,
        "tcp_backlog_size": 4096,
        "per_connection_buffer_limit_bytes": 262_144,
    }


def test_a_door_leads_the_clients_in_its_blocks_to_the_filter_chain_and_nobody_else() -> None:
    listener = as_dict(resources.listener(DOOR, CONSUMER, ("10.0.0.0/24", "10.0.7.7/32")))
    tree = listener["filter_chain_matcher"]["matcher_tree"]
    assert tree["input"]["typed_config"]["@type"].endswith(".SourceIPInput")
    assert tree["custom_match"]["typed_config"]["range_matchers"] == [
        {
            "ranges": [
                {"address_prefix": "10.0.0.0", "prefix_len": 24},
                {"address_prefix": "10.0.7.7", "prefix_len": 32},
            ],
            "on_match": LED,
        }
    ]
    assert "on_no_match" not in listener["filter_chain_matcher"]


def test_a_door_for_nobody_leads_nowhere() -> None:
    assert as_dict(resources.listener(DOOR, CONSUMER, ()))["filter_chain_matcher"] == {}


def test_a_door_for_others_differs_in_its_matcher_alone() -> None:
    """Envoy takes such a change over in place: it replaces no listener, and so cuts no flow."""
    one, other = (as_dict(resources.listener(DOOR, CONSUMER, clients)) for clients in (("10.0.0.0/24",), ("10.0.1.0/24",)))
    assert one.pop("filter_chain_matcher") != other.pop("filter_chain_matcher")
    assert one == other


def test_a_sticky_door_hashes_the_clients_address() -> None:
    listener = as_dict(resources.listener(replace(DOOR, sticky=True), CONSUMER, None))
    proxy = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert proxy["hash_policy"] == [{"source_ip": {}}]


def test_a_cluster_connects_from_the_nodes_address_in_the_providers_namespace() -> None:
    assert as_dict(resources.cluster(CLUSTER, PROVIDER, 55_000)) == {
        "name": "eni-2/targetgroup/web/1",
        "type": "EDS",
        "eds_cluster_config": {"eds_config": {"ads": {}, "resource_api_version": "V3"}},
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": 262_144,
        "lb_policy": "RANDOM",
        "upstream_bind_config": {
            "source_address": {
                "address": "10.0.0.9",
                "port_value": 0,
                "network_namespace_filepath": "/run/netns/provider",
            }
        },
        "connection_pool_per_downstream_connection": True,
        "circuit_breakers": {
            "thresholds": [{"max_connections": 4294967295, "max_pending_requests": 4294967295, "max_requests": 4294967295}],
        },
    }


def test_a_clusters_sockets_have_their_range_of_ports_before_they_are_bound() -> None:
    made = resources.cluster(CLUSTER, PROVIDER, 55_000, (10_000, 64_999))
    (option,) = made.upstream_bind_config.socket_options
    assert (option.level, option.name, option.state) == (0, 51, option.STATE_PREBIND)
    assert int.from_bytes(option.buf_value, sys.byteorder) == 64_999 << 16 | 10_000


def test_where_the_ports_are_the_hosts_envoy_counts_a_targets_connections_itself() -> None:
    of_the_host = as_dict(resources.cluster(CLUSTER, Place("127.0.0.9", None), 55_000))
    assert of_the_host["circuit_breakers"]["per_host_thresholds"] == [{"max_connections": 55000}]
    own_ports = as_dict(resources.cluster(CLUSTER, Place("127.0.0.9", None), 55_000, (10_000, 64_999)))
    assert "per_host_thresholds" not in own_ports["circuit_breakers"]


def test_a_sticky_cluster_spreads_by_maglev() -> None:
    cluster = as_dict(resources.cluster(replace(CLUSTER, sticky=True), PROVIDER, 55_000))
    assert cluster["lb_policy"] == "MAGLEV"
    assert cluster["maglev_lb_config"] == {"table_size": "16381"}


def test_a_cluster_with_proxy_protocol_lets_the_endpoints_id_through() -> None:
    cluster = as_dict(resources.cluster(replace(CLUSTER, proxy_protocol=True), PROVIDER, 55_000))
    transport = cluster["transport_socket"]["typed_config"]
    assert transport["@type"] == PROXY_PROTOCOL
    assert transport["config"] == {
        "version": "V2",
        "pass_through_tlvs": {"match_type": "INCLUDE", "tlv_type": [0xEA]},
    }


OF_TLS = replace(DOOR, tls=Tls(policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06", alpn=("h2",), default="l/default", further=()))
FURTHER = ((("l/default",), ("web.example.com",)), (("l/a",), ("a.example.com", "*.b.example.com")), (("l/b",), ()))


def test_a_tls_door_asks_for_its_certificate_by_name_and_connects_after_the_handshake() -> None:
    listener = as_dict(resources.listener(OF_TLS, CONSUMER, None))
    (chain,) = listener["filter_chains"]
    context = chain["transport_socket"]["typed_config"]["common_tls_context"]
    ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    assert context["tls_certificate_sds_secret_configs"] == [{"name": "l/default", "sds_config": ads}]
    assert context["alpn_protocols"] == ["h2"]
    assert context["tls_params"] == {
        "tls_minimum_protocol_version": "TLSv1_2",
        "tls_maximum_protocol_version": "TLSv1_3",
        "cipher_suites": [
            f"ECDHE-{key}-{cipher}" for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384") for key in ("ECDSA", "RSA")
        ],
        "ecdh_curves": ["X25519", "P-256", "P-384", "P-521"],
    }
    proxy = chain["filters"][0]["typed_config"]
    assert proxy["upstream_connect_mode"] == "ON_DOWNSTREAM_TLS_HANDSHAKE"
    assert [one["name"] for one in listener["listener_filters"]] == ["envoy.filters.listener.tls_inspector"]


def test_further_certificates_have_filter_chains_that_are_chosen_by_name() -> None:
    door = replace(OF_TLS, tls=replace(OF_TLS.tls, further=FURTHER))
    listener = as_dict(resources.listener(door, CONSUMER, None))
    assert [one["name"] for one in listener["filter_chains"]] == ["admitted", "l/a", "l/b"]
    led = listener["filter_chain_matcher"]["on_no_match"]["matcher"]
    domains = led["matcher_tree"]["custom_match"]["typed_config"]["domain_matchers"]
    assert [(one["domains"], one["on_match"]["action"]["name"]) for one in domains] == [
        (["web.example.com"], "admitted"),
        (["a.example.com", "*.b.example.com"], "l/a"),
    ]
    assert led["on_no_match"]["action"]["name"] == "admitted"


def test_a_cluster_of_tls_speaks_it_behind_the_proxy_header() -> None:
    cluster = as_dict(resources.cluster(replace(CLUSTER, tls=True, alpn=("h2",)), PROVIDER, 55_000))
    context = cluster["transport_socket"]["typed_config"]["common_tls_context"]
    assert context["alpn_protocols"] == ["h2"]
    assert "validation_context" not in context
    both = as_dict(resources.cluster(replace(CLUSTER, tls=True, alpn=("h2",), proxy_protocol=True), PROVIDER, 55_000))
    outer = both["transport_socket"]["typed_config"]
    assert outer["@type"] == PROXY_PROTOCOL
    assert outer["transport_socket"] == cluster["transport_socket"]


def test_without_a_namespace_the_hosts_own_is_meant() -> None:
    listener = as_dict(resources.listener(DOOR, Place("127.0.0.5", None), None))
    assert listener["address"] == {"socket_address": {"address": "127.0.0.5", "port_value": 443}}


def test_an_assignment_lists_hosts_in_one_order() -> None:
    hosts = [("10.0.0.8", 80), ("10.0.0.7", 81), ("10.0.0.7", 80)]
    found = resources.assignment("one", hosts)
    assert found == resources.assignment("one", hosts[::-1])
    assert as_dict(found) == {
        "cluster_name": "one",
        "endpoints": [
            {
                "lb_endpoints": [
                    {"endpoint": {"address": {"socket_address": {"address": "10.0.0.7", "port_value": 80}}}},
                    {"endpoint": {"address": {"socket_address": {"address": "10.0.0.7", "port_value": 81}}}},
                    {"endpoint": {"address": {"socket_address": {"address": "10.0.0.8", "port_value": 80}}}},
                ]
            }
        ],
    }


def test_an_assignment_without_hosts_is_empty() -> None:
    assert as_dict(resources.assignment("one", ())) == {"cluster_name": "one"}


def test_the_names_of_the_types_are_those_of_the_messages() -> None:
    made = {
        resources.CLUSTER: resources.cluster(CLUSTER, PROVIDER, 55_000),
        resources.ENDPOINTS: resources.assignment("one", ()),
        resources.LISTENER: resources.listener(DOOR, CONSUMER, None),
        resources.CERTIFICATE: tls.secret("l/default", Certificate(chain="c", private_key="k")),
    }
    for type_url, message in made.items():
        assert type_url == f"type.googleapis.com/{message.DESCRIPTOR.full_name}"

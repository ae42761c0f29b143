"""TLS in Envoy's configuration: what a door presents to clients, and how a cluster speaks to its targets.

Rule 1: no I/O.
Rule 2: certificates come as secrets, which Envoy asks for by name: a newer one cuts no flow. Each set of certificates for the
same names has a filter chain of its own, so that one that is added or taken away leaves the flows of all others alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.listener.v3.listener_components_pb2 import ListenerFilter
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import ServerNameInput
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import TlsCertificate, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig, Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext, UpstreamTlsContext
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import StringValue
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.domain_pb2 import ServerNameMatcher
from xds.type.matcher.v3.matcher_pb2 import Matcher

from sidedoor.dataplane.certificates import Certificate, Tls
from sidedoor.dataplane.envoy.packing import packed
from sidedoor.loadbalancers.tls_policies import POLICIES, TO_TARGETS, Policy

VERSIONS: Mapping[str, Any] = {
    "TLSv1": TlsParameters.TLSv1_0,
    "TLSv1.1": TlsParameters.TLSv1_1,
    "TLSv1.2": TlsParameters.TLSv1_2,
    "TLSv1.3": TlsParameters.TLSv1_3,
}

NOT_IN_ENVOY = frozenset({"ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384", "AES128-SHA256", "AES256-SHA256"})
"""Ciphers of AWS's policies that Envoy's TLS library does not have. Each policy has others of the same strength beside them."""

CLASSIC_CURVES = ("X25519", "P-256", "P-384", "P-521")
POST_QUANTUM_CURVES = ("X25519MLKEM768", *CLASSIC_CURVES)


def secret(name: str, certificate: Certificate) -> Any:
    """A certificate with its chain and its key."""
    return Secret(
        name=name,
        tls_certificate=TlsCertificate(
            certificate_chain=DataSource(inline_string=certificate.chain),
            private_key=DataSource(inline_string=certificate.private_key),
        ),
    )


def inspector() -> Any:
    """Reads the name for which a client asks, which leads to a filter chain. Every TLS door has it, so it never comes new."""
    return ListenerFilter(name="envoy.filters.listener.tls_inspector", typed_config=packed(TlsInspector()))


def chain_name(certificates: Sequence[str]) -> str:
    """The name of the filter chain for these certificates."""
    return "+".join(certificates)


def by_server_name(tls: Tls, otherwise: Any) -> Any:
    """Leads a client to the filter chain of the name for which it asks; to ``otherwise`` where no certificate is for it."""
    own = (tls.default,)
    matchers = [
        ServerNameMatcher.DomainMatcher(domains=domains, on_match=otherwise if names == own else led_to(chain_name(names)))
        for names, domains in tls.further
        if domains
    ]
    if not matchers:
        return otherwise
    tree = Matcher.MatcherTree(
        input=TypedExtensionConfig(name="server name", typed_config=packed(ServerNameInput())),
        custom_match=TypedExtensionConfig(name="domains", typed_config=packed(ServerNameMatcher(domain_matchers=matchers))),
    )
    return Matcher.OnMatch(matcher=Matcher(matcher_tree=tree, on_no_match=otherwise))


def led_to(chain: str) -> Any:
    """What a matcher answers: the name of a filter chain."""
    return Matcher.OnMatch(action=TypedExtensionConfig(name=chain, typed_config=packed(StringValue(value=chain))))


def downstream(tls: Tls, certificates: Sequence[str]) -> Any:
    """The end of TLS towards clients, with one or several certificates of which Envoy takes what fits the client."""
    policy = POLICIES[tls.policy]
    context = DownstreamTlsContext(
        common_tls_context=CommonTlsContext(
            tls_params=_parameters(policy),
            alpn_protocols=tls.alpn,
            tls_certificate_sds_secret_configs=[_asked_for(one) for one in certificates],
        )
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def upstream(alpn: Sequence[str]) -> Any:
    """TLS towards targets. Their certificates are not looked at, as AWS says of itself: the network is the provider's own."""
    context = UpstreamTlsContext(common_tls_context=CommonTlsContext(tls_params=_parameters(TO_TARGETS), alpn_protocols=alpn))
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def _parameters(policy: Policy) -> Any:
    ciphers = [one for one in policy.ordered_ciphers if one not in NOT_IN_ENVOY and not one.startswith("TLS_")]
    return TlsParameters(
        tls_minimum_protocol_version=VERSIONS[policy.versions[-1]],
        tls_maximum_protocol_version=VERSIONS[policy.versions[0]],
        cipher_suites=ciphers,
        ecdh_curves=POST_QUANTUM_CURVES if policy.post_quantum else CLASSIC_CURVES,
    )


def _asked_for(name: str) -> Any:
    """A secret that comes over the same stream as all else. Envoy waits for it as long as it takes."""
    source = ConfigSource(
        ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3, initial_fetch_timeout=Duration(seconds=0)
    )
    return SdsSecretConfig(name=name, sds_config=source)

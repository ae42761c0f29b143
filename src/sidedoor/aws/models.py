"""The service models that the wire is made of: botocore's own, cut down to the operations that we have.

Rule 1: shapes come from here and nowhere else; no other file names an element or a parameter of the wire.
Rule 2: of the operations that we have not, only the names are kept: enough to tell "not here" from "not AWS's".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

FormProtocol = Literal["ec2", "query"]
DocumentProtocol = Literal["json", "smithy-rpc-v2-cbor"]
Protocol = FormProtocol | DocumentProtocol

JSON: DocumentProtocol = "json"
CBOR: DocumentProtocol = "smithy-rpc-v2-cbor"

_FORMS: tuple[FormProtocol, ...] = ("ec2", "query")
DOCUMENTS: tuple[DocumentProtocol, ...] = (JSON, CBOR)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service as the wire sees it.

    ``name`` is botocore's (``elbv2``); ``scope`` what a client signs for (``elasticloadbalancing``); ``offered`` the
    operations that we have; ``known`` all that AWS has; ``unsigned`` those of them that clients do not sign.

    ``protocols``: all that it speaks; ``form`` the one of them in which requests have fields, if there is one. Where documents
    are spoken, ``target`` is the service's name, ``smithy`` the namespace of its shapes, and ``error_names`` has the name of
    the shape for an error's code.
    """

    name: str
    scope: str
    version: str
    protocols: frozenset[Protocol]
    form: FormProtocol | None
    namespace: str
    target: str
    smithy: str
    json_version: str
    query_compatible: bool
    error_names: Mapping[str, str]
    offered: Mapping[str, OperationModel]
    known: frozenset[str]
    unsigned: frozenset[str]

    @property
    def protocol(self) -> Protocol:
        """The protocol in which what fits none is answered."""
        return self.form or JSON


def load(table: Mapping[str, Collection[str]]) -> dict[str, Service]:
    """The services of ``table`` (service name -> operation names) by name. ``ValueError`` where AWS has no such operation."""
    loader = Loader()
    return {name: _service(name, loader.load_service_model(name, "service-2"), set(offered)) for name, offered in table.items()}


def by_scope(services: Mapping[str, Service], scope: str) -> Service | None:
    """The service that a signature's credential scope names."""
    return next((service for service in services.values() if service.scope == scope), None)


def by_request(services: Mapping[str, Service], version: str | None, action: str | None) -> Service | None:
    """The service that an unsigned request is for: by its Version, failing that by its Action."""
    for service in services.values():
        if version is not None and service.version == version:
            return service
    return next((service for service in services.values() if action in service.known), None)


def by_target(services: Mapping[str, Service], target: str) -> Service | None:
    """The service that an unsigned request with a document is for."""
    return next((service for service in services.values() if target and service.target == target), None)


def _service(name: str, description: Mapping[str, Any], offered: set[str]) -> Service:
    metadata, operations = description["metadata"], description["operations"]
    if strangers := offered - operations.keys():
        raise ValueError(f"{name} has no operation {', '.join(sorted(strangers))}")
    spoken = metadata.get("protocols", [metadata["protocol"]])
    model = ServiceModel(_pruned(description, offered), name)
    return Service(
        name=name,
        scope=metadata.get("signingName", metadata["endpointPrefix"]),
        version=metadata["apiVersion"],
        protocols=frozenset(protocol for protocol in (*_FORMS, *DOCUMENTS) if protocol in spoken),
        form=next((protocol for protocol in _FORMS if protocol in spoken), None),
        namespace=metadata.get("xmlNamespace", "").rstrip("/") + "/",  # EC2's model lacks the slash that EC2's answers have
        target=metadata.get("targetPrefix", ""),
        smithy="com.amazonaws." + metadata["serviceId"].replace(" ", "").lower(),
        json_version=metadata.get("jsonVersion", "1.0"),
        query_compatible="awsQueryCompatible" in metadata,
        error_names=_error_names(description["shapes"]),
        offered={operation: model.operation_model(operation) for operation in sorted(offered)},
        known=frozenset(operations),
        unsigned=frozenset(name for name, operation in operations.items() if operation.get("authtype") == "none"),
    )


def _error_names(shapes: Mapping[str, Any]) -> dict[str, str]:
    return {shape["error"]["code"]: name for name, shape in shapes.items() if "code" in shape.get("error", {})}


def _pruned(description: Mapping[str, Any], offered: Iterable[str]) -> dict[str, Any]:
    """The description with these operations alone, the shapes reachable from them, and no documentation."""
    operations = {name: _undocumented(description["operations"][name]) for name in offered}
    shapes: dict[str, Any] = {}
    wanted = [operation[end]["shape"] for operation in operations.values() for end in ("input", "output") if end in operation]
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = _undocumented(description["shapes"][name])
            wanted.extend(reference["shape"] for reference in _references(shapes[name]))
    return {"metadata": description["metadata"], "operations": operations, "shapes": shapes}


def _references(shape: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield from shape.get("members", {}).values()
    yield from (shape[part] for part in ("member", "key", "value") if part in shape)


def _undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        # A member may itself be called "documentation": only the text goes.
        return {k: _undocumented(v) for k, v in node.items() if k != "documentation" or not isinstance(v, str)}
    return node

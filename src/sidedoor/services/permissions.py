"""Who may connect to a service: the principals that its owner allows.

Taking a permission away ends no connection ("does not affect existing connections between the endpoint and the service that
were previously accepted", PrivateLink guide).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.paging import page
from sidedoor.services.lookup import owned_service
from sidedoor.services.model import Permission, Service, principal_type

PERMISSION_TYPE = "vpc-endpoint"


def describe_vpc_endpoint_service_permissions(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServicePermissions.html"""
    service = owned_service(call, request["ServiceId"])
    permissions = call.tables.permissions.where(service_id=service.id)
    shown, token = page(call, request, filtered(permissions, request.get("Filters"), _FILTERS))
    allowed = [{**_to_wire(permission), "Tags": tagging.to_wire(permission.tags)} for permission in shown]
    return {"AllowedPrincipals": allowed, "NextToken": token}


def modify_vpc_endpoint_service_permissions(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointServicePermissions.html"""
    service = owned_service(call, request["ServiceId"])
    if request.get("PermissionType", PERMISSION_TYPE) != PERMISSION_TYPE:
        raise errors.InvalidParameter(
            "Permissions for transit gateway attachments need a Gateway Load Balancer endpoint service."
        )
    added = list(dict.fromkeys(request.get("AddAllowedPrincipals") or ()))
    removed = set(request.get("RemoveAllowedPrincipals") or ())
    for principal in sorted(removed & set(added)):
        raise errors.InvalidParameterCombination(f"The principal '{principal}' cannot be added and removed at once.")
    present = {permission.principal: permission for permission in call.tables.permissions.where(service_id=service.id)}
    granted = [present.get(principal) or _grant(call, service, principal) for principal in added]
    call.tables.permissions.remove_all(present[principal] for principal in removed & present.keys())
    return {"AddedPrincipals": [_to_wire(permission) for permission in granted], "ReturnValue": True}


def _grant(call: Call, service: Service, principal: str) -> Permission:
    kind = principal_type(principal)
    if kind is None:
        raise errors.PrincipalTypeUnknown(principal=principal)
    return call.tables.permissions.add(
        Permission(
            id=call.new_id("vpce-svc-perm"), account=service.account, region=service.region, service_id=service.id,
            principal=principal, principal_type=kind, created=call.now,
        )
    )  # fmt: skip


def _to_wire(permission: Permission) -> dict[str, Any]:
    return {
        "PrincipalType": permission.principal_type.value,
        "Principal": permission.principal,
        "ServicePermissionId": permission.id,
        "ServiceId": permission.service_id,
    }


_FILTERS: Mapping[str, Field[Permission]] = {
    "permission-type": lambda permission: PERMISSION_TYPE,
    "principal": lambda permission: permission.principal,
    "principal-type": lambda permission: permission.principal_type.value,
}

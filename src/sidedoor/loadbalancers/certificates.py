"""The operations on the certificates of TLS listeners: those that are chosen by the name for which a client asks."""

from __future__ import annotations

from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.kept_certificates import settle_use
from sidedoor.loadbalancers import pages, tls
from sidedoor.loadbalancers.lookup import owned_listener
from sidedoor.loadbalancers.model import CERTIFICATES_PER_LOAD_BALANCER, Listener


def add_listener_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddListenerCertificates.html"""
    listener = _owned_tls_listener(call, request)
    added = tls.named(call, request["Certificates"])
    if added.id not in listener.more_certificate_ids:
        _check_room(call, listener)
        more = (*listener.more_certificate_ids, added.id)
        call.tables.listeners.update(listener, replace(listener, more_certificate_ids=more))
        settle_use(call.tables, call.account, [added.id])
    return {"Certificates": [{"CertificateArn": added.arn, "IsDefault": False}]}


def remove_listener_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RemoveListenerCertificates.html"""
    listener = _owned_tls_listener(call, request)
    removed = tls.named(call, request["Certificates"])
    more = tuple(one for one in listener.more_certificate_ids if one != removed.id)
    if more == listener.more_certificate_ids and removed.id == listener.certificate_id:
        raise errors.OperationNotPermitted("Default certificate cannot be removed: ModifyListener gives the listener another")
    call.tables.listeners.update(listener, replace(listener, more_certificate_ids=more))
    settle_use(call.tables, call.account, [removed.id])
    return {}


def describe_listener_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListenerCertificates.html"""
    listener = owned_listener(call, request["ListenerArn"])
    arns = tls.arns_of(call, listener.certificate_ids)
    default = [(arns[listener.certificate_id], True)] if listener.certificate_id else []
    found = [*default, *((arns[one], False) for one in listener.more_certificate_ids)]
    places = {one: f"{place:04}" for place, one in enumerate(found)}
    shown, more = pages.page(call, request, found, key=places.__getitem__)
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": is_default} for arn, is_default in shown], **more}


def _owned_tls_listener(call: Call, request: Request) -> Listener:
    listener = owned_listener(call, request["ListenerArn"])
    if listener.protocol != "TLS":
        raise errors.ValidationError(f"A certificate cannot be specified for {listener.protocol} listeners")
    return listener


def _check_room(call: Call, listener: Listener) -> None:
    siblings = call.tables.listeners.where(load_balancer_id=listener.load_balancer_id)
    if sum(len(one.more_certificate_ids) for one in siblings) >= CERTIFICATES_PER_LOAD_BALANCER:
        raise errors.TooManyCertificates(limit=CERTIFICATES_PER_LOAD_BALANCER)

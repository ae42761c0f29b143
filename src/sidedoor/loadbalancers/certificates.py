"""The operations on the certificates of listeners, of which a TCP listener has none, and there are no others yet."""

from __future__ import annotations

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.loadbalancers import pages
from sidedoor.loadbalancers.lookup import owned_listener
from sidedoor.loadbalancers.model import Listener


def add_listener_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddListenerCertificates.html"""
    listener = owned_listener(call, request["ListenerArn"])
    raise errors.ValidationError(f"A certificate cannot be specified for {listener.protocol} listeners")


def remove_listener_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RemoveListenerCertificates.html"""
    listener = owned_listener(call, request["ListenerArn"])
    raise errors.ValidationError(f"A certificate cannot be specified for {listener.protocol} listeners")


def describe_listener_certificates(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListenerCertificates.html"""
    owned_listener(call, request["ListenerArn"])
    nothing: list[Listener] = []
    shown, more = pages.page(call, request, nothing)
    return {"Certificates": shown, **more}

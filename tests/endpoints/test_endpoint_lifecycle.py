"""What the agent's reports do to an endpoint, and what late ones do not."""

from __future__ import annotations

import itertools

import pytest

from privatelink_site import CONSUMER, UNKNOWN_ENDPOINT, Site
from sidedoor.endpoints import lifecycle
from sidedoor.endpoints.model import State
from sidedoor.endpoints.operations import describe_vpc_endpoints
from sidedoor.notifications.operations import (
    create_vpc_endpoint_connection_notification,
    describe_vpc_endpoint_connection_notifications,
)
from world import START

REPORTS = {
    "provisioned": (State.PENDING, lambda tables, *about: lifecycle.provisioned(tables, *about, START)),
    "failed": (State.PENDING, lambda tables, *about: lifecycle.provision_failed(tables, *about, "no room", START)),
    "removed": (State.DELETING, lambda tables, *about: lifecycle.removed(tables, *about, START)),
}
"""Report -> the only state in which it counts, and how it is made."""


@pytest.mark.parametrize(("name", "state"), list(itertools.product(REPORTS, State)))
def test_a_report_counts_only_in_the_state_that_it_is_about(site: Site, name: str, state: State) -> None:
    endpoint = site.endpoint(site.open_service())
    site.put(endpoint, state=state)
    before = site.record(endpoint)
    counts_in, report = REPORTS[name]
    with site.world.store.write() as tables:
        assert report(tables, before.id, before.generation) is (state is counts_in)
    if state is not counts_in:
        assert site.record(endpoint) == before


@pytest.mark.parametrize("name", list(REPORTS))
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_report_about_another_generation_changes_nothing(site: Site, name: str, difference: int) -> None:
    endpoint = site.endpoint(site.open_service())
    counts_in, report = REPORTS[name]
    site.put(endpoint, state=counts_in)
    before = site.record(endpoint)
    with site.world.store.write() as tables:
        assert report(tables, before.id, before.generation + difference) is False
    assert site.record(endpoint) == before


@pytest.mark.parametrize("name", list(REPORTS))
def test_a_report_about_an_unknown_endpoint_changes_nothing(site: Site, name: str) -> None:
    with site.world.store.write() as tables:
        assert REPORTS[name][1](tables, UNKNOWN_ENDPOINT, 1) is False


def test_an_endpoint_becomes_available_by_the_agents_report_alone(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    assert not site.provision(endpoint)
    site.accept(service, endpoint)
    assert site.state(endpoint) is State.PENDING
    assert site.provision(endpoint)
    assert site.state(endpoint) is State.AVAILABLE


def test_a_late_report_does_not_undo_a_rejection(site: Site) -> None:
    service = site.open_service()
    endpoint = site.endpoint(service)
    seen = site.record(endpoint).generation
    site.reject(service, endpoint)
    with site.world.store.write() as tables:
        assert not lifecycle.provisioned(tables, endpoint["VpcEndpointId"], seen, START)
    assert site.state(endpoint) is State.REJECTED


def test_a_report_from_before_a_rejection_does_not_count_after_the_next_acceptance(site: Site) -> None:
    service = site.open_service()
    endpoint = site.endpoint(service)
    seen = site.record(endpoint).generation
    site.reject(service, endpoint)
    site.accept(service, endpoint)
    with site.world.store.write() as tables:
        assert not lifecycle.provisioned(tables, endpoint["VpcEndpointId"], seen, START)
    assert site.state(endpoint) is State.PENDING


def test_what_is_removed_leaves_nothing_behind(site: Site) -> None:
    endpoint, other = site.endpoint(site.open_service()), site.endpoint(site.open_service(site.balancer("other")))
    topic = "arn:aws:sns:us-east-1:222222222222:topic"
    for one in (endpoint, other):
        request = {"ConnectionNotificationArn": topic, "ConnectionEvents": ["Accept"], "VpcEndpointId": one["VpcEndpointId"]}
        site.ask(create_vpc_endpoint_connection_notification, account=CONSUMER, **request)
    site.delete(endpoint)
    assert site.remove(endpoint)
    assert site.interfaces(endpoint) == []
    left = site.ask(describe_vpc_endpoint_connection_notifications, account=CONSUMER)["ConnectionNotificationSet"]
    assert [one["VpcEndpointId"] for one in left] == [other["VpcEndpointId"]]
    assert site.ask(describe_vpc_endpoints, account=CONSUMER)["VpcEndpoints"] == [other]
    assert len(site.interfaces(other)) == 1

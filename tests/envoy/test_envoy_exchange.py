"""The conversation with Envoy, played without a socket against a model of Envoy."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from google.protobuf.any_pb2 import Any as AnyMessage

from sidedoor.dataplane.envoy.exchange import BATCH, BATCH_BYTES, TYPES, Exchange, Resource
from sidedoor.dataplane.envoy.resources import CERTIFICATE, CLUSTER, ENDPOINTS, LISTENER


class Told:
    """Both ends: what is wanted on the one, and on the other an Envoy that answers when it is asked to."""

    def __init__(self, removals: bool = True, has: dict[str, dict[str, str]] | None = None) -> None:
        self.wanted: dict[str, dict[str, Resource]] = {type_url: {} for type_url in TYPES}
        self.has: dict[str, dict[str, str]] = {type_url: dict((has or {}).get(type_url, {})) for type_url in TYPES}
        self.bad: set[str] = set()
        self.removals = removals
        self.exchange = Exchange(self.wanted, removals)

    def want(self, type_url: str, **versions: str | None) -> None:
        for name, version in versions.items():
            if version is None:
                self.wanted[type_url].pop(name, None)
            else:
                self.wanted[type_url][name] = Resource(version, AnyMessage())
        self.exchange.changed(type_url, versions)

    def connect(self, types: Iterable[str] = TYPES) -> None:
        for type_url in types:
            request = DeltaDiscoveryRequest(type_url=type_url, initial_resource_versions=self.has[type_url])
            if type_url == ENDPOINTS:
                if not self.has[CLUSTER]:
                    continue
                request.resource_names_subscribe.extend(sorted(self.has[CLUSTER]))
            if type_url == CERTIFICATE:
                request.resource_names_subscribe.extend(sorted(self.has[CERTIFICATE]))
            self.exchange.receive(request)

    def subscribe(self, *names: str, type_url: str = ENDPOINTS) -> None:
        self.exchange.receive(DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names))

    def unsubscribe(self, *names: str, type_url: str) -> None:
        self.exchange.receive(DeltaDiscoveryRequest(type_url=type_url, resource_names_unsubscribe=names))

    def next(self) -> Any:
        return self.exchange.next_response()

    def answer(self, response: Any) -> None:
        """Takes a response in as Envoy does, and acknowledges or refuses it."""
        refused = [one.name for one in response.resources if f"{one.name}@{one.version}" in self.bad]
        request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        had = set(self.has[CLUSTER])
        for one in response.resources:
            if one.name not in refused:
                self.has[response.type_url][one.name] = one.version
        for name in response.removed_resources:
            self.has[response.type_url].pop(name, None)
        if refused:
            request.error_detail.code = 3
            request.error_detail.message = f"bad: {' '.join(refused)}"
        if response.type_url == CLUSTER:
            self.follow_clusters(had)
        self.exchange.receive(request)

    def follow_clusters(self, had: set[str]) -> None:
        new, gone = sorted(self.has[CLUSTER].keys() - had), sorted(had - self.has[CLUSTER].keys())
        for name in gone:
            self.has[ENDPOINTS].pop(name, None)
        if new or gone:
            self.exchange.receive(
                DeltaDiscoveryRequest(type_url=ENDPOINTS, resource_names_subscribe=new, resource_names_unsubscribe=gone)
            )

    def talk(self) -> list[str]:
        """Answers until there is nothing more to say. Returns what was said."""
        said = []
        while (response := self.next()) is not None:
            kind = {CLUSTER: "C", ENDPOINTS: "E", CERTIFICATE: "S", LISTENER: "L"}[response.type_url]
            names = [f"+{one.name}" for one in response.resources] + [f"-{one}" for one in response.removed_resources]
            said.append(f"{kind} {' '.join(names)}".strip())
            assert len(said) < 200, "it never ends"
            self.answer(response)
        return said


def test_additions_go_clusters_first_then_their_hosts_then_listeners() -> None:
    told = Told()
    told.want(LISTENER, door="1")
    told.want(ENDPOINTS, web="1")
    told.want(CLUSTER, web="1")
    told.connect()
    assert told.talk() == ["C +web", "E +web", "L +door"]


def test_a_listener_waits_until_its_cluster_is_acknowledged() -> None:
    told = Told()
    told.connect()
    told.talk()
    told.want(CLUSTER, web="1")
    told.want(ENDPOINTS, web="1")
    told.want(LISTENER, door="1")
    clusters = told.next()
    assert clusters.type_url == CLUSTER
    assert told.next() is None
    told.answer(clusters)
    assert told.talk() == ["E +web", "L +door"]


def test_a_listener_is_removed_while_a_cluster_is_on_its_way() -> None:
    told = Told()
    told.want(LISTENER, door="1")
    told.connect()
    told.talk()
    told.want(CLUSTER, web="1")
    told.next()
    told.want(LISTENER, door=None, other="1")
    assert list(told.next().removed_resources) == ["door"]


def test_a_cluster_is_removed_after_the_listeners_that_used_it() -> None:
    told = Told()
    told.want(CLUSTER, web="1")
    told.want(ENDPOINTS, web="1")
    told.want(LISTENER, door="1")
    told.connect()
    told.talk()
    told.want(CLUSTER, web=None)
    told.want(ENDPOINTS, web=None)
    told.want(LISTENER, door=None)
    assert told.talk() == ["L -door", "C -web"]
    assert told.exchange.gone(ENDPOINTS, "web")


def test_a_changed_cluster_is_told_its_hosts_again() -> None:
    told = Told()
    told.want(CLUSTER, web="1")
    told.want(ENDPOINTS, web="1")
    told.connect()
    told.talk()
    told.want(CLUSTER, web="2")
    assert told.talk() == ["C +web", "E +web"]


def test_hosts_are_sent_only_to_an_envoy_that_asked_for_them() -> None:
    told = Told()
    told.want(ENDPOINTS, web="1", unknown="1")
    told.connect()
    told.talk()
    told.subscribe("web")
    assert told.talk() == ["E +web"]


def test_certificates_are_sent_to_an_envoy_that_asked_for_them_and_again_when_they_are_renewed() -> None:
    told = Told()
    told.want(CERTIFICATE, web="1", unknown="1")
    told.want(LISTENER, door="1")
    told.connect()
    assert told.talk() == ["C", "L +door"]
    assert not told.exchange.asked(CERTIFICATE, "web")
    told.subscribe("web", type_url=CERTIFICATE)
    assert told.exchange.asked(CERTIFICATE, "web")
    assert told.exchange.confirmed(CERTIFICATE, "web") is None
    assert told.talk() == ["S +web"]
    assert told.exchange.confirmed(CERTIFICATE, "web") == "1"
    told.want(CERTIFICATE, web="2")
    assert told.talk() == ["S +web"]


def test_a_certificate_leaves_with_the_listener_that_named_it() -> None:
    told = Told()
    told.want(CERTIFICATE, web="1")
    told.want(LISTENER, door="1")
    told.connect()
    told.subscribe("web", type_url=CERTIFICATE)
    told.talk()
    told.want(CERTIFICATE, web=None)
    told.want(LISTENER, door=None)
    assert told.talk() == ["L -door"]
    told.unsubscribe("web", type_url=CERTIFICATE)
    assert told.exchange.gone(CERTIFICATE, "web")


def test_a_certificate_of_an_envoy_that_outlived_the_agent_is_sent_only_where_it_differs() -> None:
    told = Told(has={CERTIFICATE: {"same": "1", "renewed": "1"}})
    told.want(CERTIFICATE, same="1", renewed="2")
    told.connect()
    assert told.talk() == ["C", "S +renewed", "L"]
    assert told.exchange.confirmed(CERTIFICATE, "same") == "1"


def test_a_cluster_without_hosts_is_told_that_there_are_none() -> None:
    told = Told()
    told.want(CLUSTER, web="1")
    told.connect()
    assert told.talk() == ["C +web", "E -web", "L"]


def test_an_envoy_that_has_nothing_is_told_that_there_is_nothing() -> None:
    told = Told()
    told.connect()
    assert told.talk() == ["C", "L"]


def test_an_envoy_that_has_everything_is_told_nothing() -> None:
    told = Told(has={CLUSTER: {"web": "1"}, ENDPOINTS: {"web": "1"}, LISTENER: {"door": "1"}})
    told.want(CLUSTER, web="1")
    told.want(ENDPOINTS, web="1")
    told.want(LISTENER, door="1")
    told.connect()
    assert told.talk() == []
    assert told.exchange.confirmed(LISTENER, "door") == "1"


def test_only_what_differs_is_sent_to_an_envoy_that_outlived_the_agent() -> None:
    told = Told(has={LISTENER: {"same": "1", "changed": "1", "extra": "1"}})
    told.want(LISTENER, same="1", changed="2", new="1")
    told.connect()
    assert told.talk() == ["C", "L +changed +new -extra"]


def test_nothing_is_removed_before_the_wanted_set_is_complete() -> None:
    told = Told(removals=False, has={CLUSTER: {"old": "1"}, LISTENER: {"old": "1", "kept": "1"}})
    told.connect()
    told.want(LISTENER, kept="1", new="1")
    told.want(LISTENER, kept=None)
    assert told.talk() == ["L +new"]
    assert told.exchange.has_strangers()
    told.exchange.allow_removals()
    assert told.talk() == ["L -kept -old", "C -old"]
    assert not told.exchange.has_strangers()


def test_a_bad_resource_does_not_hold_back_the_others() -> None:
    told = Told()
    names = [f"door{number}" for number in range(9)]
    told.bad = {"door3@1", "door7@1"}
    told.want(LISTENER, **dict.fromkeys(names, "1"))
    told.connect()
    told.talk()
    confirmed = {name for name in names if told.exchange.confirmed(LISTENER, name)}
    assert confirmed == set(names) - {"door3", "door7"}
    refusal = told.exchange.refusal(LISTENER, "door3")
    assert refusal is not None
    assert (refusal.version, refusal.message) == ("1", "bad: door3")


def test_a_refused_resource_is_asked_again_in_another_version_or_on_request() -> None:
    told = Told()
    told.bad = {"door@1"}
    told.want(LISTENER, door="1")
    told.connect()
    told.talk()
    told.want(LISTENER, door="1")
    assert told.talk() == []
    told.exchange.retry(LISTENER, "door")
    assert told.talk() == ["L +door"]
    told.want(LISTENER, door="2")
    assert told.talk() == ["L +door"]
    assert told.exchange.confirmed(LISTENER, "door") == "2"
    assert told.exchange.refusal(LISTENER, "door") is None


def test_a_refused_cluster_does_not_hold_listeners_back() -> None:
    told = Told()
    told.bad = {"web@1"}
    told.want(CLUSTER, web="1")
    told.want(ENDPOINTS, web="1")
    told.want(LISTENER, door="1")
    told.connect()
    assert told.talk() == ["C +web", "L +door"]


def test_what_changes_while_envoy_thinks_is_sent_afterwards() -> None:
    told = Told()
    told.connect()
    told.talk()
    told.want(LISTENER, door="1")
    first = told.next()
    told.want(LISTENER, door="2", other="1")
    assert told.next() is None
    assert told.exchange.confirmed(LISTENER, "door") is None
    told.answer(first)
    assert told.talk() == ["L +door +other"]


def test_going_back_while_envoy_thinks_is_sent_too() -> None:
    told = Told()
    told.want(LISTENER, door="1")
    told.connect()
    told.talk()
    told.want(LISTENER, door="2")
    second = told.next()
    told.want(LISTENER, door="1")
    assert told.exchange.confirmed(LISTENER, "door") is None
    told.answer(second)
    assert told.talk() == ["L +door"]
    assert told.has[LISTENER] == {"door": "1"}


def test_going_back_after_a_batch_that_was_taken_in_part_is_sent_too() -> None:
    told = Told()
    told.want(LISTENER, door="1")
    told.connect()
    told.talk()
    told.bad = {"other@1"}
    told.want(LISTENER, door="2", other="1")
    told.answer(told.next())
    told.want(LISTENER, door="1")
    told.talk()
    assert told.has[LISTENER] == {"door": "1"}


def test_many_resources_go_in_several_responses() -> None:
    told = Told()
    told.want(LISTENER, **{f"door{number}": "1" for number in range(BATCH + 1)})
    told.connect()
    assert [len(said.split()) - 1 for said in told.talk()] == [0, BATCH, 1]


def test_a_few_large_resources_fill_a_response_too() -> None:
    told = Told()
    large = Resource("1", AnyMessage(value=bytes(BATCH_BYTES // 2)))
    told.wanted[LISTENER] = {f"door{number}": large for number in range(5)}
    told.connect()
    assert [len(said.split()) - 1 for said in told.talk()] == [0, 2, 2, 1]


def test_a_type_that_we_do_not_serve_is_left_unanswered() -> None:
    told = Told()
    assert told.exchange.receive(DeltaDiscoveryRequest(type_url="type.googleapis.com/other")) == set()
    assert told.next() is None


@pytest.mark.parametrize("seed", range(20))
def test_a_random_walk_always_ends_where_it_is_wanted(seed: int) -> None:
    """Changes, refusals and new streams in any order: at rest, Envoy has all that is wanted and good, and nothing else."""
    dice = random.Random(seed)
    told = Told()
    told.bad = {f"name{number}@{number % 3}" for number in range(0, 12, 5)}
    told.connect()
    for _ in range(60):
        type_url = dice.choice(TYPES)
        told.want(type_url, **{f"name{dice.randrange(12)}": dice.choice(["0", "1", "2", None])})
        if dice.random() < 0.3 and (response := told.next()) is not None:
            told.answer(response)
        if dice.random() < 0.05:
            told.exchange = Exchange(told.wanted, True)
            told.connect()
    told.talk()
    for type_url in (CLUSTER, LISTENER):
        wanted = {name: one.version for name, one in told.wanted[type_url].items()}
        refused = {name for name, version in wanted.items() if f"{name}@{version}" in told.bad}
        assert {name: told.has[type_url].get(name) for name in wanted.keys() - refused} == {
            name: wanted[name] for name in wanted.keys() - refused
        }
        assert told.has[type_url].keys() <= wanted.keys()
        assert all(told.exchange.confirmed(type_url, name) == wanted[name] for name in wanted.keys() - refused)
        assert all(told.exchange.refusal(type_url, name) for name in refused)
    for name in told.has[CLUSTER]:
        hosts = told.wanted[ENDPOINTS].get(name)
        if hosts is not None and f"{name}@{hosts.version}" not in told.bad:
            assert told.has[ENDPOINTS][name] == hosts.version

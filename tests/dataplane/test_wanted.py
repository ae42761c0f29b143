"""Which units of work a changed record touches, and that indexes follow the records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from records import (
    BALANCER,
    BALANCER_RECORD,
    CLIENT,
    DOORS,
    ENDPOINT,
    ENDPOINT_RECORD,
    GROUP,
    GROUP_RECORD,
    LISTENER,
    LISTENER_RECORD,
    NODES,
    SERVERS,
    SERVICE,
    SERVICE_RECORD,
    VPC_C,
    VPC_P,
    everything,
    subnet_id,
    target,
    wanted,
)  # fmt: skip

from sidedoor.dataplane.wanted import Index, Unit, UnitKind

ENDPOINT_UNIT = Unit(UnitKind.ENDPOINT, ENDPOINT)
BALANCER_UNIT = Unit(UnitKind.BALANCER, BALANCER)
CONSUMER, PROVIDER = Unit(UnitKind.NETWORK, VPC_C), Unit(UnitKind.NETWORK, VPC_P)


@pytest.mark.parametrize(
    ("kind", "record_id", "touched"),
    [
        ("vpcs", VPC_C, {CONSUMER}),
        ("subnets", subnet_id(VPC_C, 0), {CONSUMER}),
        ("interfaces", CLIENT.id, {CONSUMER}),
        ("interfaces", SERVERS[0].id, {PROVIDER, BALANCER_UNIT}),
        ("interfaces", DOORS[0].id, {CONSUMER, ENDPOINT_UNIT}),
        ("interfaces", NODES[0].id, {PROVIDER, BALANCER_UNIT}),
        ("load_balancers", BALANCER, {BALANCER_UNIT, ENDPOINT_UNIT, PROVIDER}),
        ("listeners", LISTENER, {BALANCER_UNIT, ENDPOINT_UNIT}),
        ("target_groups", GROUP, {BALANCER_UNIT, ENDPOINT_UNIT}),
        ("targets", target(0).id, {BALANCER_UNIT}),
        ("services", SERVICE, {ENDPOINT_UNIT}),
        ("endpoints", ENDPOINT, {ENDPOINT_UNIT}),
    ],
)
def test_a_record_touches_what_is_made_of_it_when_it_is_put_again_and_when_it_goes(
    kind: str, record_id: str, touched: set[Unit]
) -> None:
    told = wanted()
    assert told.put(kind, getattr(told, kind)[record_id]) == touched
    assert told.drop(kind, record_id) == touched
    assert told.drop(kind, record_id) == set()


def test_what_a_record_touched_before_the_change_is_touched_too() -> None:
    told = wanted()
    other = replace(BALANCER_RECORD, id=f"{BALANCER}-other")
    told.put("load_balancers", other)
    moved = told.put("listeners", replace(LISTENER_RECORD, load_balancer_id=other.id))
    assert moved == {BALANCER_UNIT, Unit(UnitKind.BALANCER, other.id), ENDPOINT_UNIT}
    assert told.listeners_of_balancer[BALANCER] == []
    assert told.listeners_of_balancer[other.id] == [LISTENER]


def test_a_service_that_takes_on_a_load_balancer_is_found_from_it() -> None:
    told = wanted()
    told.put("load_balancers", replace(BALANCER_RECORD, id="arn:second"))
    told.put("services", replace(SERVICE_RECORD, load_balancer_ids=(BALANCER, "arn:second")))
    assert told.put("load_balancers", replace(BALANCER_RECORD, id="arn:second", name="x")) == {
        Unit(UnitKind.BALANCER, "arn:second"),
        ENDPOINT_UNIT,
        PROVIDER,
    }
    told.put("services", SERVICE_RECORD)
    assert told.services_of_balancer["arn:second"] == []


def test_records_of_others_are_not_touched() -> None:
    told = wanted()
    told.put("endpoints", replace(ENDPOINT_RECORD, id="vpce-0fffffffffffffff9", service_id="vpce-svc-0fffffffffffffff9"))
    told.put("target_groups", replace(GROUP_RECORD, id=f"{GROUP}-unused"))
    assert told.put("services", SERVICE_RECORD) == {ENDPOINT_UNIT}
    assert told.put("target_groups", replace(GROUP_RECORD, id=f"{GROUP}-unused")) == set()


def test_every_unit_is_named_once() -> None:
    assert wanted().units() == {CONSUMER, PROVIDER, BALANCER_UNIT, ENDPOINT_UNIT}


def test_when_all_records_are_gone_no_index_remembers_any() -> None:
    told = wanted()
    records: dict[str, list[Any]] = everything()
    for kind, of_kind in records.items():
        assert set(told.ids(kind)) == {one.id for one in of_kind}
        for record in of_kind:
            told.drop(kind, record.id)
    empty = type(told)()
    indexes = [name for name in vars(empty) if isinstance(vars(empty)[name], Index)]
    assert len(indexes) == 16
    for name in indexes:
        assert vars(vars(told)[name]) == vars(vars(empty)[name])
    assert told.units() == set()

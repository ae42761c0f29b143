"""Control planes that verify the same private names at once, on one database of either engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from record_samples import START

from sidedoor.endpoints.model import Endpoint, State
from sidedoor.names.model import DnsRecord
from sidedoor.services.model import DnsNameState, Service, ServiceState
from sidedoor.services.verification import PERIOD
from sidedoor.store.engine import Store
from sidedoor.verifier import Verifier

SERVICES = 12


def service(number: int) -> Service:
    return Service(
        id=f"vpce-svc-{number:02}", account="111111111111", region="us-east-1", load_balancer_ids=(), zone_ids=(),
        acceptance_required=False, state=ServiceState.AVAILABLE, created=START, private_dns_name=f"n{number}.example.com",
        private_dns_state=DnsNameState.PENDING_VERIFICATION, private_dns_record_name=f"_r{number}",
        private_dns_record_value=f"vpce:{number}", private_dns_pending_since=START,
    )  # fmt: skip


def endpoint(number: int) -> Endpoint:
    return Endpoint(
        id=f"vpce-{number:02}", account="222222222222", region="us-east-1", service_id=f"vpce-svc-{number:02}",
        service_region="us-east-1", connection_id=f"con-{number}", vpc_id=f"vpc-{number}", subnet_ids=(), interface_ids=(),
        group_ids=(), state=State.AVAILABLE, created=START, dns_suffix="abcd1234", private_dns_enabled=True,
        private_dns_name="old.example.com",
    )  # fmt: skip


def fill(store: Store, *, proved: bool) -> None:
    with store.write() as tables:
        for number in range(SERVICES):
            tables.services.add(service(number))
            tables.endpoints.add(endpoint(number))
            if proved:
                record = {"name": f"_r{number}.n{number}.example.com", "type": "TXT", "value": f"vpce:{number}"}
                tables.dns_records.add(DnsRecord(id=f"dnsr-{number}", created=START, **record))


@pytest.mark.parametrize(("proved", "verdict"), [(True, DnsNameState.VERIFIED), (False, DnsNameState.FAILED)])
def test_two_control_planes_reach_each_verdict_once(
    any_store: Store, other_store: Store, proved: bool, verdict: DnsNameState
) -> None:
    fill(any_store, proved=proved)
    now = START + PERIOD + timedelta(seconds=1)

    async def both() -> None:
        verifiers = [
            Verifier(store, texts=None, trust=False, every=60, clock=lambda: now)
            for store in (any_store, other_store, any_store, other_store)
        ]
        await asyncio.gather(*(one.turn() for one in verifiers))

    asyncio.run(both())
    with any_store.read() as tables:
        services, endpoints = tables.services.where(), tables.endpoints.where()
    assert [one.private_dns_state for one in services] == [verdict] * SERVICES
    assert [one.version for one in services] == [2] * SERVICES
    names = [one.private_dns_name for one in services] if proved else ["old.example.com"] * SERVICES
    assert [one.private_dns_name for one in endpoints] == names


def test_a_change_by_another_control_plane_is_not_undone(any_store: Store, other_store: Store) -> None:
    fill(any_store, proved=False)
    asked, changed = asyncio.Event(), asyncio.Event()

    async def texts(name: str) -> tuple[bytes, ...]:
        """The DNS, which has every record, but answers only after the other control plane has changed the services."""
        asked.set()
        await changed.wait()
        return tuple(f"vpce:{number}".encode() for number in range(SERVICES))

    def change() -> None:
        with other_store.write() as tables:
            for one in tables.services.where():
                tables.services.update(one, replace(one, private_dns_name="bank.example.net"))

    async def race() -> None:
        turn = asyncio.create_task(Verifier(any_store, texts=texts, trust=False, every=60, clock=lambda: START).turn())
        await asyncio.wait_for(asked.wait(), 10)
        await asyncio.to_thread(change)
        changed.set()
        await turn

    asyncio.run(race())
    with any_store.read() as tables:
        services = tables.services.where()
    assert {(one.private_dns_name, one.private_dns_state) for one in services} == {
        ("bank.example.net", DnsNameState.PENDING_VERIFICATION)
    }

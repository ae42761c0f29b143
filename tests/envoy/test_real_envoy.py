"""The real Envoy on loopback addresses: what our configuration makes it do to bytes."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from envoy_stage import BALANCER, NODE, PATIENCE, Stage, Target, a_cluster, a_door, free_port, play, until
from proxyprotocol.reader import ProxyProtocolReader
from proxyprotocol.v2 import ProxyProtocolV2

from sidedoor.dataplane import source_ports
from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.envoy.admin import Admin, AdminError
from sidedoor.dataplane.envoy.resources import CLUSTER, ENDPOINTS, LISTENER, assignment, cluster
from sidedoor.settings import CONNECTIONS_PER_TARGET


async def an_open_door(stage: Stage, target: Target) -> Door:
    door = a_door()
    stage.balancer(target)
    owner = stage.endpoint(door)
    stage.ads.complete()
    await stage.settled(BALANCER, owner)
    return door


async def refused(stage: Stage, door: Door) -> bool:
    try:
        await stage.open(door)
    except ConnectionRefusedError:
        return True
    return False


def test_bytes_flow_from_the_nodes_address_as_soon_as_envoy_acknowledges() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        stage.balancer(target)
        for number in range(1, 31):
            door = a_door(number)
            await stage.settled(BALANCER, stage.endpoint(door))
            flow = await stage.connect(door)
            assert await flow.echoes("hello")
        assert {address for address, _ in target.peers} == {NODE.address}

    play(act)


def test_the_proxy_header_carries_both_addresses_and_the_endpoints_id() -> None:
    async def act(stage: Stage) -> None:
        heard: asyncio.Queue[Any] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.put_nowait((await ProxyProtocolReader(ProxyProtocolV2()).read(reader), await reader.readline()))

        target = await stage.server("127.79.1.1", serve)
        stage.balancer(proxy_protocol=True)
        stage.ads.set(BALANCER, ENDPOINTS, {a_cluster().name: assignment(a_cluster().name, [target])})
        doors = [a_door(1), a_door(2)]
        await stage.settled(BALANCER, *(stage.endpoint(door) for door in doors))
        for door in doors:
            reader, writer = await stage.open(door)
            writer.write(b"GET\n")
            header, line = await asyncio.wait_for(heard.get(), PATIENCE)
            assert header.source == (IPv4Address("127.0.0.1"), writer.get_extra_info("sockname")[1])
            assert header.dest == (IPv4Address(door.address), door.port)
            assert list(header.tlv.items()) == [(0xEA, b"\x01" + door.endpoint_id.encode())]
            assert line == b"GET\n"
            assert await reader.read() == b""

    play(act)


def test_half_close_passes_both_ways() -> None:
    async def act(stage: Stage) -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if await reader.readline() == b"you end first\n":
                writer.write_eof()
                heard.put_nowait(await reader.readline())
            else:
                heard.put_nowait(await reader.read())
                writer.write(b"after your end\n")

        door = await an_open_door(stage, Target("x", *await stage.server("127.79.1.2", serve)))
        reader, writer = await stage.open(door)
        writer.write(b"I end first\n")
        writer.write_eof()
        assert await asyncio.wait_for(heard.get(), PATIENCE) == b""
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b"after your end\n"
        reader, writer = await stage.open(door)
        writer.write(b"you end first\n")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.write(b"after your end\n")
        assert await asyncio.wait_for(heard.get(), PATIENCE) == b"after your end\n"

    play(act)


def test_a_removed_door_cuts_its_flows_and_no_other_doors() -> None:
    async def act(stage: Stage) -> None:
        door = await an_open_door(stage, await stage.target("one"))
        other = a_door(2)
        await stage.settled(stage.endpoint(other))
        flow, others = await stage.connect(door), await stage.connect(other)
        owner = stage.no_endpoint(door)
        await flow.ended()
        await stage.settled(owner)
        # Envoy's workers close the listening socket within a millisecond of the acknowledgement, and serve nobody in between.
        with pytest.raises(ConnectionError):
            await stage.connect(door)
        await until(lambda: refused(stage, door))
        assert await others.echoes("undisturbed")

    play(act)


def test_doors_that_come_and_change_disturb_no_other_door() -> None:
    async def act(stage: Stage) -> None:
        door = await an_open_door(stage, await stage.target("one"))
        flow = await stage.connect(door)
        other = a_door(2)
        await stage.settled(stage.endpoint(other))
        await stage.settled(stage.endpoint(replace(other, idle_timeout=60)))
        assert await flow.echoes("undisturbed")

    play(act)


def test_a_changed_door_cuts_its_flows_and_refuses_no_new_one() -> None:
    """Envoy closes what a changed listener carried when the drain time is over, and that is at once."""

    async def act(stage: Stage) -> None:
        door = await an_open_door(stage, await stage.target("one"))
        flow = await stage.connect(door)
        owner = stage.endpoint(replace(door, idle_timeout=60))
        while not stage.ads.status(owner).settled:
            assert not await refused(stage, door)
        await flow.ended()
        flow = await stage.connect(door)
        assert await flow.echoes("new")

    play(act)


def test_a_change_of_hosts_leaves_established_flows_alone() -> None:
    async def act(stage: Stage) -> None:
        old, new = await stage.target("old"), await stage.target("new")
        door = await an_open_door(stage, old)
        flow = await stage.connect(door)
        stage.hosts(new)
        await stage.settled(BALANCER)
        later = await stage.connect(door)
        assert later.target == "new"
        stage.hosts()
        await stage.settled(BALANCER)
        with pytest.raises(ConnectionResetError):
            await stage.connect(door)
        assert await flow.echoes("still here")
        assert await later.echoes("still here")

    play(act)


def test_a_changed_cluster_serves_at_once_and_leaves_established_flows_alone() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        door = await an_open_door(stage, target)
        flow = await stage.connect(door)
        stage.balancer(target, sticky=True)
        async with asyncio.timeout(10):  # Envoy itself gives up waiting for the hosts of a changed cluster after 15 s.
            await stage.settled(BALANCER)
        await stage.connect(door)
        assert await flow.echoes("still here")

    play(act)


def test_a_door_moves_to_another_target_group() -> None:
    async def act(stage: Stage) -> None:
        old, new = await stage.target("old"), await stage.target("new")
        door = await an_open_door(stage, old)
        other = a_cluster(name="eni-node/targetgroup/two")
        stage.ads.set(BALANCER, CLUSTER, {other.name: cluster(other, NODE, CONNECTIONS_PER_TARGET)})
        stage.ads.set(BALANCER, ENDPOINTS, {other.name: assignment(other.name, [(new.address, new.port)])})
        await stage.settled(BALANCER, stage.endpoint(replace(door, cluster=other.name)))
        flow = await stage.connect(door)
        assert flow.target == "new"

    play(act)


def test_an_address_passes_from_one_endpoint_to_another_at_once() -> None:
    async def act(stage: Stage) -> None:
        door = await an_open_door(stage, await stage.target("one"))
        for number in range(5):
            heir = replace(door, name=f"heir {number}", endpoint_id=f"vpce-{number}")
            await stage.settled(stage.no_endpoint(door), stage.endpoint(heir))
            await stage.connect(heir)
            door = heir

    play(act)


@pytest.mark.parametrize("proxy_protocol", [False, True])
def test_one_connection_too_many_fails_at_once_and_the_end_of_another_makes_room(proxy_protocol: bool) -> None:
    limit = 2
    ports = source_ports.of_sockets(limit, own_network=False)
    if ports is None:
        pytest.skip("this kernel gives sockets no range of ports of their own (Linux 6.3)")

    async def act(stage: Stage) -> None:
        door = await an_open_door(stage, await stage.target("one"))
        one = a_cluster(proxy_protocol=proxy_protocol)
        stage.ads.set(BALANCER, CLUSTER, {one.name: cluster(one, NODE, limit, ports)})
        await stage.settled(BALANCER)
        flows = [await stage.connect(door) for _ in range(limit)]
        with pytest.raises(ConnectionResetError):
            await stage.connect(door)
        flows.pop().writer.close()
        await until(lambda: works(stage, door))

    play(act)


async def works(stage: Stage, door: Door) -> bool:
    try:
        await stage.connect(door)
    except ConnectionResetError:
        return False
    return True


def test_sticky_doors_send_one_client_to_one_target() -> None:
    async def act(stage: Stage) -> None:
        targets = [await stage.target(name) for name in ("one", "two", "three")]
        stage.balancer(*targets, sticky=True)
        door = a_door(sticky=True)
        await stage.settled(BALANCER, stage.endpoint(door))
        flows = [await stage.connect(door) for _ in range(12)]
        assert len({flow.target for flow in flows}) == 1

    play(act)


def test_a_taken_port_is_a_refusal_that_names_it_and_other_doors_open() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        taken = await asyncio.start_server(lambda *_: None, "127.78.9.9", 0)
        address, port = taken.sockets[0].getsockname()
        stage.balancer(target)
        blocked, free = a_door(1, address=address, port=port), a_door(2)
        owner = stage.endpoint(blocked)
        await stage.settled(BALANCER, stage.endpoint(free))
        await until(lambda: stage.ads.status(owner).refusal)
        assert f"cannot bind '{address}:{port}': Address already in use" in (stage.ads.status(owner).refusal or "")
        taken.close()
        await taken.wait_closed()
        stage.ads.retry(owner)
        await stage.settled(owner)

    play(act)


def test_flows_survive_the_agent_and_its_successor_adopts_the_same_envoy() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        door, gone = await an_open_door(stage, target), a_door(2)
        await stage.settled(stage.endpoint(gone))
        pid = stage.envoy.pid
        flow, cut = await stage.connect(door), await stage.connect(gone)
        async with Admin(stage.envoy.admin_path) as admin:
            before = await admin.versions()
        await stage.kill_agent()
        assert await flow.echoes("without an agent")
        await stage.connect(door)

        await stage.start()
        stage.balancer(target)
        await stage.settled(BALANCER, stage.endpoint(door))
        assert await cut.echoes("nothing is removed before the set is complete")
        stage.ads.complete()
        await stage.settled(stage.no_endpoint(gone))
        await cut.ended()
        assert await flow.echoes("with a new agent")
        assert stage.envoy.pid == pid
        async with Admin(stage.envoy.admin_path) as admin:
            after = await admin.versions()
        del before[LISTENER][gone.name]
        assert after == before

    play(act)


def test_a_killed_envoy_is_replaced_and_serves_again() -> None:
    async def act(stage: Stage) -> None:
        door = await an_open_door(stage, await stage.target("one"))
        flow = await stage.connect(door)
        owner = f"endpoint/{door.endpoint_id}"
        pid = stage.envoy.pid
        assert pid is not None
        stage.changes.clear()
        os.kill(pid, signal.SIGKILL)
        await flow.ended()
        await until(lambda: stage.envoy.pid not in (None, pid))
        assert "SIGKILL" in (stage.envoy.failure or "")
        await until(lambda: owner in stage.changes)
        await stage.settled(BALANCER, owner)
        flow = await stage.connect(door)
        assert await flow.echoes("again")

    play(act)


def test_the_admin_interface_tells_what_serves() -> None:
    async def act(stage: Stage) -> None:
        async with Admin(stage.envoy.admin_path) as admin:
            await until(admin.ready)
            assert await admin.versions() == {LISTENER: {}, CLUSTER: {}}
            door = await an_open_door(stage, await stage.target("one"))
            versions = await admin.versions()
            assert set(versions[LISTENER]) == {door.name}
            assert set(versions[CLUSTER]) == {door.cluster}
            await stage.connect(door)
            counted = await admin.counters(r"^tcp\..*downstream_cx_total$")
            assert counted == {f"tcp.{door.name}.downstream_cx_total": 1}
            await stage.envoy.stop()
            assert not await admin.ready()
            with pytest.raises(AdminError, match="did not answer"):
                await admin.versions()

    play(act)


def test_what_nobody_listens_on_closes_the_connection() -> None:
    async def act(stage: Stage) -> None:
        address = "127.79.1.3"
        door = await an_open_door(stage, Target("nobody", address, free_port(address)))
        with pytest.raises(ConnectionResetError):
            await stage.connect(door)

    play(act)

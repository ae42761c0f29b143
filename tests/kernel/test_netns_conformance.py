"""The placement in network namespaces does what every placement has to do, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver_conformance import SAME_ADDRESSES, TWO_SUBNETS, VPC_A, VPC_B, VPC_C, DriverConformance, settle

from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.netns.driver import NetnsDriver


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    driver = NetnsDriver(tmp_path)
    driver.start()
    home = own_namespace()
    yield driver
    assert own_namespace() == home
    driver.remove_everything()
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def own_namespace() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


class TestNetns(DriverConformance):
    walk_length = 8
    every = 3


def test_a_thread_is_back_in_its_own_namespace_after_every_call(driver: Driver) -> None:
    home = own_namespace()
    settle(driver, VPC_A, TWO_SUBNETS)
    assert own_namespace() == home
    driver.socket(VPC_A, socket.SOCK_STREAM).close()
    assert own_namespace() == home
    driver.locate(VPC_A, "10.0.0.4")
    driver.cut(VPC_A, "10.0.0.4")
    assert own_namespace() == home
    with pytest.raises(DriverError):
        driver.socket(VPC_C, socket.SOCK_STREAM)
    assert own_namespace() == home


def test_a_workers_thread_builds_while_an_event_loop_opens_sockets(driver: Driver) -> None:
    home = own_namespace()

    async def both() -> None:
        building = asyncio.create_task(asyncio.to_thread(settle, driver, VPC_B, SAME_ADDRESSES))
        while not building.done():
            with driver.socket(VPC_A, socket.SOCK_STREAM) as made:
                made.bind((driver.locate(VPC_A, "10.0.1.4").address, 0))
            assert own_namespace() == home
            await asyncio.sleep(0)
        await building

    settle(driver, VPC_A, TWO_SUBNETS)
    asyncio.run(both())


def test_two_state_directories_live_side_by_side(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = NetnsDriver(tmp_path_factory.mktemp("other"))
    other.start()
    settle(driver, VPC_A, TWO_SUBNETS)
    settle(other, VPC_A, TWO_SUBNETS)
    places = {Path(one.locate(VPC_A, "10.0.0.4").namespace or "").stat().st_ino for one in (driver, other)}
    assert len(places) == 2
    other.remove_everything()
    assert driver.observe(VPC_A) == TWO_SUBNETS


def test_a_new_agent_finds_what_an_old_one_placed(driver: Driver, tmp_path: Path) -> None:
    settle(driver, VPC_A, TWO_SUBNETS)
    again = NetnsDriver(tmp_path)
    again.start()
    assert again.networks() == {VPC_A}
    assert again.observe(VPC_A) == TWO_SUBNETS


def test_a_process_in_a_user_namespace_of_its_own_does_not_take_away_what_stands_outside(
    driver: Driver, tmp_path: Path
) -> None:
    settle(driver, VPC_A, TWO_SUBNETS)
    program = """
import sys
from pathlib import Path
from sidedoor.dataplane.driver import DriverError
from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.dataplane.netns.holder import isolate
isolate(user=True)
try:
    NetnsDriver(Path(sys.argv[1])).remove_everything()
except DriverError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "was mounted outside of this user namespace" in done.stderr
    assert driver.observe(VPC_A) == TWO_SUBNETS

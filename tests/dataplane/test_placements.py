"""The placements that need no kernel's help: memory, and loopback with its files and its block of addresses."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from driver_conformance import SAME_ADDRESSES, TWO_SUBNETS, VPC_A, VPC_B, DriverConformance, settle

from sidedoor import whole_file
from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.loopback.driver import LoopbackDriver
from sidedoor.dataplane.memory import MemoryDriver


class TestMemory(DriverConformance):
    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        yield MemoryDriver()


class TestLoopback(DriverConformance):
    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[Driver]:
        driver = LoopbackDriver(tmp_path)
        driver.start()
        yield driver
        driver.remove_everything()
        assert list(tmp_path.iterdir()) == []


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[LoopbackDriver]:
    driver = LoopbackDriver(tmp_path / "one")
    driver.start()
    yield driver
    driver.close()


def places(driver: LoopbackDriver) -> dict[tuple[str, str], str]:
    held = [(VPC_A, "10.0.0.2"), (VPC_A, "10.0.0.4"), (VPC_A, "10.0.0.5"), (VPC_A, "10.0.1.5"), (VPC_B, "10.0.0.4")]
    return {one: driver.locate(*one).address for one in held}


def test_each_address_of_each_vpc_stands_on_a_loopback_address_of_its_own(loopback: LoopbackDriver) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    settle(loopback, VPC_B, SAME_ADDRESSES)
    found = places(loopback)
    assert len(set(found.values())) == len(found)
    assert len({address.split(".")[1] for address in found.values()}) == 1
    assert loopback.locate(VPC_A, "10.0.0.4").namespace is None


def test_places_and_networks_are_the_same_after_a_restart(loopback: LoopbackDriver, tmp_path: Path) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    settle(loopback, VPC_B, SAME_ADDRESSES)
    before = places(loopback)
    loopback.close()
    again = LoopbackDriver(tmp_path / "one")
    again.start()
    assert places(again) == before
    assert again.observe(VPC_A) == TWO_SUBNETS
    again.close()


def test_an_address_keeps_its_place_while_others_come_and_go(loopback: LoopbackDriver) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    kept, gone = loopback.locate(VPC_A, "10.0.1.5"), loopback.locate(VPC_A, "10.0.0.4")
    settle(loopback, VPC_A, replace(TWO_SUBNETS, segments=TWO_SUBNETS.segments[1:]))
    settle(loopback, VPC_B, SAME_ADDRESSES)
    assert loopback.locate(VPC_A, "10.0.1.5") == kept
    assert gone not in [loopback.locate(VPC_B, "10.0.0.4"), loopback.locate(VPC_B, "10.0.0.5")]


def test_two_state_directories_have_different_blocks_even_if_they_want_the_same(
    loopback: LoopbackDriver, tmp_path: Path
) -> None:
    other = tmp_path / "two"
    (other / "loopback").mkdir(parents=True)
    (other / "loopback" / "block").write_text((tmp_path / "one" / "loopback" / "block").read_text())
    second = LoopbackDriver(other)
    second.start()
    settle(loopback, VPC_A, TWO_SUBNETS)
    settle(second, VPC_A, TWO_SUBNETS)
    mine, others = loopback.locate(VPC_A, "10.0.0.4").address, second.locate(VPC_A, "10.0.0.4").address
    assert mine.split(".")[1] != others.split(".")[1]
    second.close()


def test_a_file_that_was_deleted_by_hand_is_written_again_with_the_same_places(
    loopback: LoopbackDriver, tmp_path: Path
) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    place = loopback.locate(VPC_A, "10.0.0.4")
    (tmp_path / "one" / "loopback" / f"{VPC_A}.json").unlink()
    assert loopback.observe(VPC_A) is None
    settle(loopback, VPC_A, TWO_SUBNETS)
    assert loopback.locate(VPC_A, "10.0.0.4") == place


def test_addresses_are_found_while_their_network_is_written(loopback: LoopbackDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread asks for them: it once found none, and the flows of a whole VPC were taken for new ones."""
    settle(loopback, VPC_A, replace(TWO_SUBNETS, segments=TWO_SUBNETS.segments[1:]))
    place, found, write = loopback.locate(VPC_A, "10.0.1.5"), [], whole_file.write

    def meanwhile(path: Path, content: str) -> None:
        found.append(loopback.locate(VPC_A, "10.0.1.5"))
        write(path, content)

    monkeypatch.setattr(whole_file, "write", meanwhile)
    settle(loopback, VPC_A, TWO_SUBNETS)
    assert found == [place]


def test_a_network_that_cannot_be_written_is_as_it_was(loopback: LoopbackDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(loopback, VPC_A, replace(TWO_SUBNETS, segments=TWO_SUBNETS.segments[1:]))
    place = loopback.locate(VPC_A, "10.0.1.5")

    def full(path: Path, content: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(whole_file, "write", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                settle(loopback, VPC_A, TWO_SUBNETS)
    assert loopback.locate(VPC_A, "10.0.1.5") == place
    with pytest.raises(KeyError):
        loopback.locate(VPC_A, "10.0.0.4")
    settle(loopback, VPC_A, TWO_SUBNETS)
    assert loopback.locate(VPC_A, "10.0.1.5") == place


@pytest.mark.parametrize("text", ["", "{", json.dumps({"network": 5})])
def test_a_file_that_cannot_be_read_stands_for_nothing(loopback: LoopbackDriver, tmp_path: Path, text: str) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    (tmp_path / "one" / "loopback" / f"{VPC_A}.json").write_text(text)
    assert loopback.observe(VPC_A) is None
    settle(loopback, VPC_A, TWO_SUBNETS)


def test_clients_in_a_block_are_seen_at_the_places_of_its_addresses_and_at_the_hosts_own(loopback: LoopbackDriver) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    settle(loopback, VPC_B, SAME_ADDRESSES)
    place = {address: f"{loopback.locate(VPC_A, address).address}/32" for address in ("10.0.0.4", "10.0.0.5", "10.0.0.6")}
    assert loopback.seen(VPC_A, of("10.0.0.6/32")) == ("127.0.0.1/32", place["10.0.0.6"])
    seen = loopback.seen(VPC_A, of("10.0.0.4/31", "10.0.0.6/32", "10.0.7.0/24", "192.0.2.0/24"))
    assert seen is not None
    assert set(seen) == {"127.0.0.1/32", *place.values()}


def test_the_hosts_own_address_comes_in_where_there_are_rules_be_they_about_nobody(loopback: LoopbackDriver) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    assert loopback.seen(VPC_A, Admission(blocks=None, ruled=True)) is None
    assert loopback.seen(VPC_A, Admission(blocks=(), ruled=True)) == ("127.0.0.1/32",)
    assert loopback.seen(VPC_A, Admission(blocks=(), ruled=False)) == ()


def of(*blocks: str) -> Admission:
    return Admission(blocks=blocks, ruled=True)


def test_a_place_carries_bytes(loopback: LoopbackDriver) -> None:
    settle(loopback, VPC_A, TWO_SUBNETS)
    with loopback.socket(VPC_A, socket.SOCK_STREAM) as listener:
        listener.bind((loopback.locate(VPC_A, "10.0.0.5").address, 0))
        listener.listen()
        with socket.create_connection(listener.getsockname(), timeout=5) as client:
            listener.settimeout(5)
            server, _ = listener.accept()
            with server:
                server.sendall(struct.pack("!I", 7))
                assert client.recv(4) == b"\0\0\0\7"


def test_a_directory_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DriverError, match="no loopback addresses could be claimed"):
        LoopbackDriver(tmp_path / "file").start()

"""An agent that is killed between any two changes of the kernel leaves what the next one can complete or take away."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest
from driver_conformance import VPC_A, network, segment, settle, workload

from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.netns import kernel
from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.dataplane.netns.links import Links
from sidedoor.dataplane.netns.namespaces import Namespaces
from sidedoor.dataplane.netns.naming import FABRIC
from sidedoor.dataplane.plan import plan

SMALL = network(VPC_A, segment(0xA1, "10.0.0.0/24", ("10.0.0.4",), (workload(0xA11, "10.0.0.5"),)))

CHANGES: tuple[Callable[..., object], ...] = (
    Links.add_bridge, Links.add_pair, Links.set, Links.remove, Links.add_address, Links.remove_address,
    Links.set_default_gateway, kernel.mount, kernel.unmount,
)  # fmt: skip


def is_killed_before(change: int, work: Callable[[], None]) -> bool:
    """Does the work in a child that dies before its n-th change of the kernel. Returns False where there are not as many."""
    codes: set[CodeType] = {one.__code__ for one in CHANGES}  # type: ignore[attr-defined]
    left = change

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if event == "call" and frame.f_code in codes:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        try:
            sys.setprofile(count)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[NetnsDriver]:
    driver = NetnsDriver(tmp_path)
    driver.start()
    yield driver
    driver.remove_everything()


def assert_nothing_is_left(run_dir: Path) -> None:
    namespaces = Namespaces(run_dir / "netns")
    assert namespaces.names() == {FABRIC}
    with namespaces.entered(FABRIC), Links() as links:
        assert [one.name for one in links.all()] == ["lo"]


@pytest.mark.parametrize(("before", "after"), [(None, SMALL), (SMALL, None)], ids=["placing", "removing"])
@pytest.mark.parametrize("in_the_end", [SMALL, None], ids=["completed", "taken away"])
def test_after_a_kill_between_any_two_changes_the_next_agent_gets_what_it_wants(
    driver: NetnsDriver, tmp_path: Path, before: Network | None, after: Network | None, in_the_end: Network | None
) -> None:
    change, killed = 0, True
    while killed:
        change += 1
        settle(driver, VPC_A, before)
        steps = plan(after, driver.observe(VPC_A))
        killed = is_killed_before(change, lambda: driver.apply(steps))  # noqa: B023
        settle(driver, VPC_A, in_the_end)
        settle(driver, VPC_A, None)
        assert_nothing_is_left(tmp_path)
    assert change > 5

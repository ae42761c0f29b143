"""Programs inside a workload's interface (``sidedoor exec``), and the holder that keeps networks for users without rights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver_conformance import TWO_SUBNETS, VPC_A, settle

from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.dataplane.netns.holder import ensure_holder, find_holder, stop_holder
from sidedoor.dataplane.netns.namespaces import Namespaces

A1 = TWO_SUBNETS.segments[0].workloads[0].interface_id
RESOLV_CONF = "nameserver 10.0.0.2\n"

EXEC = """
import sys
from pathlib import Path
from sidedoor.dataplane.netns.enter import EnterError, exec_in
try:
    exec_in(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
except EnterError as error:
    sys.exit(str(error))
"""

LOOK = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.connect(("10.0.1.5", 9))
    print(asking.getsockname()[0])
print(open("/etc/resolv.conf").read(), end="")
"""

AGENT = """
import sys
from pathlib import Path
from sidedoor.dataplane.netns.holder import enter, find_holder
enter(find_holder(Path(sys.argv[1])))
sys.path.append(sys.argv[2])
from driver_conformance import TWO_SUBNETS, VPC_A, settle
from sidedoor.dataplane.netns.driver import NetnsDriver
driver = NetnsDriver(Path(sys.argv[1]))
driver.start()
if sys.argv[3] == "place":
    settle(driver, VPC_A, TWO_SUBNETS)
else:
    assert driver.observe(VPC_A) == TWO_SUBNETS
    driver.remove_everything()
"""


def python(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    driver = NetnsDriver(tmp_path)
    driver.start()
    settle(driver, VPC_A, TWO_SUBNETS)
    yield tmp_path
    driver.remove_everything()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A run directory with a holder, as a user without rights has it."""
    ensure_holder(tmp_path)
    yield tmp_path
    stop_holder(tmp_path)
    assert find_holder(tmp_path) is None


def test_a_program_inside_an_interface_has_its_address_and_its_resolver(run_dir: Path) -> None:
    host = Path("/etc/resolv.conf").read_text(encoding="utf-8")
    done = python(EXEC, run_dir, A1, RESOLV_CONF, sys.executable, "-c", LOOK)
    assert (done.stdout, done.stderr) == (f"10.0.0.5\n{RESOLV_CONF}", "")
    assert Path("/etc/resolv.conf").read_text(encoding="utf-8") == host


def test_a_program_inside_keeps_no_name_of_another_namespace(run_dir: Path) -> None:
    done = python(EXEC, run_dir, A1, RESOLV_CONF, "cat", "/proc/self/mountinfo")
    assert str(run_dir / "netns") not in done.stdout
    assert "/etc/resolv.conf" in done.stdout


def test_the_exit_status_is_the_programs(run_dir: Path) -> None:
    assert python(EXEC, run_dir, A1, RESOLV_CONF, "sh", "-c", "exit 7").returncode == 7


def test_an_interface_that_is_not_there_is_named(run_dir: Path) -> None:
    done = python(EXEC, run_dir, "eni-0fffffffffffffff9", RESOLV_CONF, "true")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no interface eni-0fffffffffffffff9 on this host")


def test_a_program_that_is_not_there_is_named(run_dir: Path) -> None:
    done = python(EXEC, run_dir, A1, RESOLV_CONF, "/no/such/program")
    assert done.stderr == "/no/such/program cannot be run: No such file or directory.\n"


def test_a_missing_resolv_conf_is_named(run_dir: Path) -> None:
    program = f"""
from sidedoor.dataplane.netns import kernel
kernel.unshare(kernel.CLONE_NEWNS)
kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
kernel.mount("none", "/etc", "tmpfs", 0)
{EXEC}"""
    done = python(program, run_dir, A1, RESOLV_CONF, "true")
    assert done.stderr == "/etc/resolv.conf is missing, so the VPC's resolver cannot stand in its place; create it.\n"


def test_a_resolver_of_the_host_that_programs_ask_past_resolv_conf_is_out_of_reach(run_dir: Path) -> None:
    program = f"""
import pathlib, socket
from sidedoor.dataplane.netns import kernel
kernel.unshare(kernel.CLONE_NEWNS)
kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
kernel.mount("none", "/run", "tmpfs", 0)
pathlib.Path("/run/nscd").mkdir()
nscd = socket.socket(socket.AF_UNIX)
nscd.bind("/run/nscd/socket")
nscd.listen()
nscd.set_inheritable(True)
{EXEC}"""
    ask = "import socket; socket.socket(socket.AF_UNIX).connect('/run/nscd/socket')"
    done = python(program, run_dir, A1, RESOLV_CONF, sys.executable, "-W", "ignore", "-c", ask)
    assert "ConnectionRefusedError" in done.stderr


def test_without_a_holder_and_without_root_there_is_nothing_to_enter(tmp_path: Path) -> None:
    program = f"import os\nos.geteuid = lambda: 1000\n{EXEC}"
    done = python(program, tmp_path, A1, RESOLV_CONF, "true")
    assert done.stderr.startswith(f"Nothing runs below {tmp_path} for this user")


def test_what_is_placed_through_a_holder_outlives_the_agent_and_can_be_entered(held: Path) -> None:
    shared = str(Path(__file__).parents[1] / "dataplane")
    assert python(AGENT, held, shared, "place").stderr == ""
    done = python(EXEC, held, A1, RESOLV_CONF, sys.executable, "-c", LOOK)
    assert (done.stdout, done.stderr) == (f"10.0.0.5\n{RESOLV_CONF}", "")
    assert Namespaces(held / "netns").names() == set()
    assert python(AGENT, held, shared, "remove").stderr == ""


def test_a_holder_is_started_once_and_found_again(held: Path) -> None:
    assert ensure_holder(held) == find_holder(held) == ensure_holder(held)


def test_a_process_that_got_the_holders_id_later_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "holder").write_text(json.dumps({"pid": os.getpid(), "started": 1}), encoding="ascii")
    assert find_holder(tmp_path) is None
    stop_holder(tmp_path)
    assert not (tmp_path / "holder").exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"pid": 4194999, "started": 5}'])
def test_a_record_of_no_living_holder_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "holder").write_text(text, encoding="ascii")
    assert find_holder(tmp_path) is None


def test_ending_a_holder_takes_its_networks_along(held: Path) -> None:
    shared = str(Path(__file__).parents[1] / "dataplane")
    assert python(AGENT, held, shared, "place").stderr == ""
    stop_holder(held)
    done = python(EXEC, held, A1, RESOLV_CONF, "true")
    assert done.stderr.startswith("There is no interface")

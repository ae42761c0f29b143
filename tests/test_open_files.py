"""The limit of open files, tried out in child processes: a process cannot raise what it once lowered."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import pytest

from sidedoor.dataplane.envoy.bootstrap import bootstrap, connections, open_files_for
from sidedoor.dataplane.host import why_few_files

LOWERED = """
import resource
from sidedoor import open_files
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
print(open_files.{verb}(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def told(verb: str) -> list[int]:
    """What the verb returns, and the limits after it, where only half of the hard limit was in use before."""
    text = subprocess.check_output([sys.executable, "-c", LOWERED.format(verb=verb)], text=True)
    return [int(one) for one in text.split()]


def test_a_process_takes_all_the_files_that_the_host_lets_it_have() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found, soft_after, hard_after = told("raise_limit")
    assert found == soft_after == hard_after >= hard


def test_asking_what_is_possible_changes_nothing() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert told("possible")[1:] == [hard // 2, hard]
    assert told("possible")[0] == told("raise_limit")[0]


@pytest.mark.parametrize("wanted", [1, 5, 55_000])
def test_so_many_files_take_so_many_connections(wanted: int, tmp_path: Any) -> None:
    files = open_files_for(wanted)
    assert connections(files) == wanted
    assert connections(files - 1) == max(1, wanted - 1)
    (monitor,) = bootstrap(tmp_path, tmp_path, files)["overload_manager"]["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] == wanted


def test_too_few_files_are_a_sentence_that_says_how_many_it_takes() -> None:
    assert why_few_files(20_000, 55_000).startswith(
        "Envoy takes 9872, for this host allows it 20000 open files and 55000 need 110256: raise the hard limit"
    )

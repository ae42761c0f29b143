"""Names that are none of ours, asked for inside a VPC: answered by a server outside, to which the VPC itself has no way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rules_lab import AZ1, Account

from dns_authority import dns_server
from sidedoor.demo.system import System, running

ASK = Path(__file__).with_name("ask_resolver.py")


def answer(system: System, interface: str, name: str, kind: str) -> tuple[str, list[str]]:
    program = system.start(interface, sys.executable, str(ASK), name, kind)
    output, errors = program.communicate(timeout=20)
    assert program.returncode == 0, errors
    said = json.loads(output)
    return said["rcode"], said["records"]


def test_a_program_in_a_vpc_is_answered_by_the_server_that_up_was_told_of() -> None:
    with dns_server() as outside, running("--dev", "--forward-dns", f"127.0.0.1:{outside.port}") as system:
        outside.texts["www.example.net"] = ["from outside"]
        interface, _ = Account(system).workload(AZ1)
        assert answer(system, interface, "www.example.net", "TXT") == ("NOERROR", ['"from outside"'])
        assert answer(system, interface, "gone.example.net", "TXT") == ("NXDOMAIN", [])
        assert answer(system, interface, "gone.vpce.amazonaws.com", "A") == ("NXDOMAIN", [])
        assert outside.asked == ["www.example.net", "gone.example.net"]

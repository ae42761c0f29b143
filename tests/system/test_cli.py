"""The program ``sidedoor`` as a person meets it: beginnings, ends, refusals, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
from command_line import ACCOUNT, a_state, refusal, sidedoor, workload
from parts import part, running_part

from sidedoor.demo.system import SIDEDOOR, System, running, until

# --- one running system -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(network: str) -> Iterator[System]:
    with running("--network", network) as system:
        yield system


@pytest.fixture(scope="module")
def session(strict: System) -> boto3.Session:
    return strict.account("tester", ACCOUNT)


@pytest.mark.parametrize("verb", ["up", "serve", "agent"])
def test_a_state_directory_has_one_system(strict: System, verb: str) -> None:
    sentence = refusal(verb, "--state", strict.state)
    assert f"`sidedoor {verb}` already runs on {strict.state} (process " in sentence
    assert sentence.endswith("stop it, or give another --state directory.")


def test_what_holds_secrets_is_for_its_owner_alone(strict: System) -> None:
    modes = {name: (strict.state / name).stat().st_mode & 0o777 for name in ("sidedoor.db", "agent.db", "run", "logs")}
    assert modes == {"sidedoor.db": 0o600, "agent.db": 0o600, "run": 0o700, "logs": 0o700}
    assert {path.stat().st_mode & 0o077 for path in strict.state.glob("*.db-*")} <= {0}
    assert (strict.state / "run" / "control.sock").stat().st_mode & 0o777 == 0o600


def test_accounts_are_made_once_and_listed_without_their_secrets(strict: System, session: boto3.Session) -> None:
    state = ("--state", strict.state)
    made = json.loads(sidedoor("accounts", "create", *state, "--json", "another").stdout)
    assert set(made) == {"AccountId", "Name", "AccessKeyId", "SecretAccessKey"}
    assert json.loads(sidedoor("accounts", "list", *state, "--json").stdout) == [
        {"AccountId": ACCOUNT, "Name": "tester"},
        {"AccountId": made["AccountId"], "Name": "another"},
    ]
    assert sidedoor("accounts", "list", *state).stdout == f"{ACCOUNT}  tester\n{made['AccountId']}  another\n"
    assert "exists already: give another --id" in refusal("accounts", "create", *state, "--id", ACCOUNT, "again")
    assert "must have 12 digits" in refusal("accounts", "create", *state, "--id", "12", "again")
    assert strict.client(session, "sts").get_caller_identity()["Account"] == ACCOUNT


def test_without_dev_a_wrong_secret_is_refused_and_nobody_can_reset(strict: System, session: boto3.Session) -> None:
    key = session.get_credentials().access_key
    wrong = boto3.Session(aws_access_key_id=key, aws_secret_access_key="wrong", region_name="us-east-1")
    unknown = boto3.Session(aws_access_key_id="123456789012", aws_secret_access_key="any", region_name="us-east-1")
    for caller, code in ((wrong, "SignatureDoesNotMatch"), (unknown, "InvalidClientTokenId")):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            strict.client(caller, "sts").get_caller_identity()
        assert refused.value.response["Error"]["Code"] == code
    with pytest.raises(urllib.error.HTTPError) as absent:
        _reset(strict)
    assert 400 <= absent.value.code < 500
    with absent.value as answer:
        assert b"<Code>" in answer.read()


def _reset(system: System) -> None:
    request = urllib.request.Request(f"{system.url}/_sidedoor/reset", method="POST")
    urllib.request.urlopen(request, timeout=20).close()


def test_exec_waits_for_an_interface_that_was_just_made_and_plan_says_what_is_to_do(
    strict: System, session: boto3.Session
) -> None:
    """The agent sleeps meanwhile, so that it is certain that there is something to wait for."""
    until(lambda: strict.plan() == [], "there is nothing to do")
    assert sidedoor("plan", "--state", strict.state).stdout == "Nothing to do: what is, is what is wanted.\n"
    agent = running_part(strict.state, "agent")
    assert agent is not None
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        interface = workload(session, strict)
        steps = strict.plan()
        assert [step.split()[:2] for step in steps] == [["+", what] for what in ("network", "subnet", "interface", "resolver")]
        assert strict.plan() == steps, "a plan changes nothing"
        # Last, since it does not wait for ever, and a plan can take long.
        started = strict.start(interface, sys.executable, "-c", "import os; print(os.environ['SIDEDOOR_RESOLVER'])")
        looks: list[str] = []
        until(lambda: is_waiting(started.pid, looks), "it waits")
        assert started.poll() is None
    finally:
        os.kill(agent.pid, signal.SIGCONT)
    output, errors = started.communicate(timeout=20)
    assert (started.returncode, errors) == (0, "")
    assert output.strip().endswith((":53", ":10053"))
    until(lambda: strict.plan() == [], "the agent has done it")


def is_waiting(pid: int, looks: list[str]) -> bool:
    """Whether a process has slept at the last five looks, and used no processor between them."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    looks.append(f"{fields[0]} {fields[11]} {fields[12]}")  # its state and its time, proc(5)
    return fields[0] == "S" and looks[-5:] == [looks[-1]] * 5


def test_exec_of_what_is_no_interface_or_no_program_is_refused_in_a_sentence(strict: System, session: boto3.Session) -> None:
    state = ("--state", strict.state)
    sentence = refusal("exec", *state, "eni-00000000000000000", "--", "ls")
    assert sentence.startswith("sidedoor: There is no interface")
    assert "`aws ec2 describe-network-interfaces`" in sentence
    interface = workload(session, strict)
    assert "no-such-program cannot be run" in refusal("exec", *state, interface, "--", "no-such-program")


# --- other commands -----------------------------------------------------------------------------------------------


def test_the_doctor_says_of_everything_whether_and_why_not() -> None:
    findings = json.loads(sidedoor("doctor", "--json").stdout)
    assert [one["name"] for one in findings][-3:] == ["Envoy", "55,000 connections to a target", "loopback placement"]
    assert all(one["ok"] or one["reason"] for one in findings)
    lines = sidedoor("doctor").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["yes" if one["ok"] else "no" for one in findings]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--dev", "--listen", "0.0.0.0:0"), "--dev accepts any secret, so it is refused on 0.0.0.0: listen on 127.0.0.1"),
        (("--listen", "4680"), "4680 is no address to listen on: give host:port, for example 127.0.0.1:4680."),
        (("--verify-dns", "dns.example.com"), "dns.example.com is none of own, host, trust and no DNS server's address"),
    ],
)
def test_what_up_cannot_be_told_is_refused_in_a_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal("up", "--state", tmp_path, *arguments)


def test_a_state_directory_with_too_long_a_path_is_refused_in_a_sentence(tmp_path: Path) -> None:
    assert "is too long for a Unix socket" in refusal("up", "--state", tmp_path / ("x" * 100))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [("plan",), ("exec", "eni-00000000000000000", "--", "ls")], ids=lambda verb: verb[0])
def test_where_nothing_runs_one_is_told_to_start_it(verb: tuple[str, ...], tmp_path: Path) -> None:
    assert f"start `sidedoor up --state {tmp_path}`." in refusal(verb[0], "--state", tmp_path, *verb[1:])


def test_a_port_in_use_ends_up_with_a_sentence_and_nothing_is_left() -> None:
    with a_state() as state, socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = sidedoor("up", "--state", state, "--listen", address)
        assert done.returncode == 2
        assert (
            f"sidedoor: {address} cannot be listened on (Address already in use): choose another with --listen." in done.stderr
        )
        assert done.stderr.splitlines()[-1] == "sidedoor: sidedoor serve does not start; what it said stands above."
        assert "Traceback" not in done.stderr


# --- the end ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_up_and_leaves_nothing(network: str, number: signal.Signals) -> None:
    with a_state() as state:
        system = System(state, ("--network", network, "--dev"))
        workload(boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="x", region_name="us-east-1"), system)
        until(lambda: "interface" in (state / "up.log").read_text(), "the interface stands")
        assert system.end(number) == 0
        assert "Traceback" not in (state / "up.log").read_text()


@pytest.mark.parametrize("moment", ["placement.json", "xds.sock", "url"])
def test_a_signal_in_the_midst_of_the_start_leaves_nothing_either(moment: str) -> None:
    with a_state() as state, (state / "up.log").open("w") as log:
        command = [*SIDEDOOR, "up", "--state", str(state), "--listen", "127.0.0.1:0"]
        up = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until(lambda: (state / "run" / moment).exists() or "ready" in (state / "up.log").read_text(), f"{moment} is there")
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0


def test_the_end_of_a_system_whose_agent_was_killed_leaves_nothing(network: str) -> None:
    with a_state() as state:
        system = System(state, ("--network", network, "--dev"))
        workload(boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="x", region_name="us-east-1"), system)
        agent = running_part(state, "agent")
        assert agent is not None
        os.kill(agent.pid, signal.SIGKILL)
        assert system.end() == 0


def test_reset_empties_everything_the_host_too(network: str) -> None:
    with running("--network", network, "--dev") as system:
        session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="x", region_name="us-east-1")
        interface = workload(session, system)
        assert system.start(interface, "true").wait(20) == 0
        assert _networks(system)
        _reset(system)
        assert system.client(session, "ec2").describe_network_interfaces()["NetworkInterfaces"] == []
        until(lambda: not _networks(system), "the networks are gone")
        assert "There is no interface" in refusal("exec", "--state", system.state, interface, "--", "true")
        assert system.plan() == []
        assert workload(session, system) != interface


def _networks(system: System) -> set[str]:
    """The ids of the VPCs that stand on the host, as the agent's own mount namespace has them."""
    root = Path(f"/proc/{part(system, 'agent').pid}/root")
    places = (root / system.state.relative_to("/") / "run" / "netns", system.state / "loopback")
    return {path.stem for place in places if place.exists() for path in place.iterdir() if path.name.startswith("vpc-")}


def test_a_database_by_its_url_is_the_one_that_is_used(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    made = json.loads(
        sidedoor("accounts", "create", "--state", tmp_path, "--database", url, "--json", "--id", ACCOUNT, "x").stdout
    )
    assert made["AccountId"] == ACCOUNT
    assert (tmp_path / "elsewhere.db").stat().st_mode & 0o777 == 0o600
    assert json.loads(sidedoor("accounts", "list", "--state", tmp_path, "--json").stdout) == []

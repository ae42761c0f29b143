"""SIGKILL of the control plane in the midst of its deliveries loses none; and what its operator sees of events and mails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import httpx
import pytest

from sidedoor.demo.system import SIDEDOOR, System, processes_of, running, until
from sidedoor.postman import LEASE_SECONDS
from sidedoor.store.engine import Store

ACCOUNT = "111111111111"
MESSAGES = 12
STUCK = 5


@dataclass
class Receiver:
    """An HTTP subscriber that keeps what it gets, and answers only from when it may (``may_answer``) what it holds back."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    hold_from: int = MESSAGES
    got: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    @property
    def texts(self) -> list[str]:
        return [one["Message"] for one in self.got if one["Type"] == "Notification"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if len(kept.texts) > kept.hold_from:
                kept.may_answer.wait(60)
            try:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # who asked is dead

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield kept
    kept.may_answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running("--dev", "--network", "loopback", "--deliver-to", "127.0.0.0/8", listen="127.0.0.1:{free}") as started:
        yield started


def client(system: System, service: str) -> Any:
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="any", region_name="us-east-1")
    return system.client(session, service)


def told(system: System, *arguments: str) -> str:
    """What a command of ours prints."""
    command, *rest = arguments
    done = subprocess.run(
        [*SIDEDOOR, command, "--state", str(system.state), *rest], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def serve(system: System) -> int | None:
    return next((one.pid for one in processes_of(system.state) if " serve --state" in one.command), None)


def kill_serve(system: System) -> None:
    """SIGKILLs the control plane, and waits until another one answers."""
    before = serve(system)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: serve(system) not in (None, before), "serve is started again")
    until(lambda: _answers(system), "the API answers again")


def _answers(system: System) -> bool:
    try:
        return httpx.get(f"{system.url}/healthz", verify=False).status_code == 200
    except httpx.TransportError:
        return False


def let_leases_run_out(system: System) -> None:
    """What was under way when its postman died is due a minute later: that minute passes now."""
    store = Store(f"sqlite:///{system.state / 'sidedoor.db'}")
    with store.write() as tables:
        for one in tables.deliveries.where():
            tables.deliveries.update(one, replace(one, due=one.due - timedelta(seconds=LEASE_SECONDS)))
    store.close()


def waiting(system: System) -> int:
    store = Store(f"sqlite:///{system.state / 'sidedoor.db'}")
    with store.read() as tables:
        count = len(tables.deliveries.where()) + len(tables.messages.where())
    store.close()
    return count


def test_what_a_killed_control_plane_was_delivering_arrives_after_its_restart(system: System, receiver: Receiver) -> None:
    sns = client(system, "sns")
    topic = sns.create_topic(Name="events")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    until(lambda: receiver.got, "the receiver is asked to confirm")
    sns.confirm_subscription(TopicArn=topic, Token=receiver.got[0]["Token"])
    until(lambda: waiting(system) == 0, "the question is settled")
    receiver.hold_from = STUCK
    sent = [f"message {number}" for number in range(MESSAGES)]
    for text in sent:
        sns.publish(TopicArn=topic, Message=text)
    until(lambda: len(receiver.texts) > STUCK, "a try is under way that nobody answers")
    kill_serve(system)
    receiver.may_answer.set()
    assert waiting(system) > 0
    let_leases_run_out(system)
    until(lambda: waiting(system) == 0, "nothing is left")
    assert set(receiver.texts) == set(sent)
    sns.close()


def test_mails_that_no_server_takes_are_shown_to_the_operator(system: System) -> None:
    sns = client(system, "sns")
    topic = sns.create_topic(Name="mails")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    until(lambda: list((system.state / "mail" / "new").glob("*")), "the mail is there")
    (mail,) = json.loads(told(system, "mail", "--json"))
    assert (mail["Number"], mail["To"]) == (1, "ops@example.com")
    text = told(system, "mail", "1")
    assert mail["Subject"] in text
    assert f"{system.url}/sns/confirm?TopicArn=" in text
    refused = subprocess.run([*SIDEDOOR, "mail", "--state", system.state, "2"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (2, "sidedoor: There is no mail 2: `sidedoor mail` lists them.\n")
    sns.close()


def test_the_log_of_events_is_shown_to_the_operator(system: System) -> None:
    ec2, elb = client(system, "ec2"), client(system, "elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    balancer = elb.create_load_balancer(Name="front", Type="network", Scheme="internal", Subnets=[subnet])["LoadBalancers"][0]
    made = ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[balancer["LoadBalancerArn"]])
    service = made["ServiceConfiguration"]
    request = {"VpcId": vpc, "ServiceName": service["ServiceName"], "VpcEndpointType": "Interface", "SubnetIds": [subnet]}
    endpoint = ec2.create_vpc_endpoint(**request)["VpcEndpoint"]["VpcEndpointId"]
    decision = {"ServiceId": service["ServiceId"], "VpcEndpointIds": [endpoint]}
    ec2.accept_vpc_endpoint_connections(**decision)

    def state() -> str:
        found: str = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"]
        return found

    until(lambda: state() == "available", "the agent has reported")
    ec2.reject_vpc_endpoint_connections(**decision)
    shown = [json.loads(line) for line in told(system, "events", "--all", "--no-follow", "--json").splitlines()]
    assert [(one["sequence"], one["event"], one["vpcEndpointState"]) for one in shown] == [
        (1, "Connect", "pendingAcceptance"), (2, "Accept", "pending"), (3, "Available", "available"), (4, "Reject", "rejected"),
    ]  # fmt: skip
    assert {(one["serviceId"], one["vpcEndpointId"], one["serviceOwner"]) for one in shown} == {
        (service["ServiceId"], endpoint, ACCOUNT)
    }
    last = told(system, "events", "--all", "--no-follow").splitlines()[-1]
    assert last.split()[1:] == ["Reject", endpoint, service["ServiceId"], "rejected"]
    for one in (ec2, elb):
        one.close()

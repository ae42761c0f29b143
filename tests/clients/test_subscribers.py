"""All four events reach all kinds of subscribers of a whole system: HTTP, mail and queues that are not ours.

What happens is done by the real ``aws`` program, with the commands of AWS's guide to endpoint services. Messages are held
against an SNS message validator that is not ours.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from subscribed_programs import Front, Hooks, Mails, front, hooks, mail_server, moto

from sidedoor.demo.system import System, running, until

ACCOUNT = "123456789012"
"""Whose everything is: Moto's only account."""

EVENTS = ["Connect", "Accept", "Reject", "Delete"]
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:VpceNotification"
CHAPTER = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish", "Resource": TOPIC}
    ]
}  # fmt: skip
VALIDATE = Path(__file__).with_name("javascript") / "validate.mjs"
MAILBOX = "ops@example.com"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


@dataclass
class Town:
    system: System
    front: Front
    hooks: Hooks
    mails: Mails
    queues: str | None

    @property
    def session(self) -> boto3.Session:
        return boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="any", region_name="us-east-1")

    def client(self, service: str) -> Any:
        return self.system.client(self.session, service)

    def aws(self, *arguments: str) -> Any:
        """What the real program prints."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.system.state), "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.system.url,
        }  # fmt: skip
        program = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def open(self, url: str) -> httpx.Response:
        """What somebody gets who opens a link of a message."""
        assert url.startswith(f"{self.front.url}/sns/")
        with httpx.Client(verify=self.front.trusting) as browser:
            return browser.get(url).raise_for_status()

    def sqs(self) -> Any:
        return self.session.client("sqs", endpoint_url=self.queues)

    def in_queue(self, name: str, count: int) -> list[dict[str, Any]]:
        """So many messages of a queue, which is empty then."""
        found: list[dict[str, Any]] = []
        sqs = self.sqs()
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]

        def more() -> bool:
            asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
            found.extend(sqs.receive_message(**asked).get("Messages", []))
            return len(found) >= count

        until(more, f"{count} messages are in {name}")
        assert not more() or len(found) == count
        sqs.close()
        return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, client_home: Callable[[str], Path]) -> Iterator[Town]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)  # with which serve puts messages into queues
        patch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        queues = stack.enter_context(moto(client_home("moto"))) if is_there(client_home) else None
        before = stack.enter_context(front(tmp_path_factory.mktemp("front")))
        receiver, mails = stack.enter_context(hooks()), stack.enter_context(mail_server())
        arguments = ["--dev", "--network", "loopback", "--deliver-to", "127.0.0.0/8", "--public-url", before.url]
        arguments += ["--smtp", f"smtp://127.0.0.1:{mails.port}", *(["--sqs", queues] if queues else [])]
        system = stack.enter_context(running(*arguments))
        before.behind = system.url
        found = Town(system, before, receiver, mails, queues)
        subscribe_all(found)
        live(found)
        yield found


def is_there(client_home: Callable[[str], Path]) -> bool:
    try:
        client_home("moto")
    except pytest.skip.Exception:
        return False
    return True


def subscribe_all(town: Town) -> None:
    """A topic with the guide's policy, and subscribers of each kind, who all confirm."""
    sns = town.client("sns")
    sns.create_topic(Name="VpceNotification")
    sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(CHAPTER))
    dead = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": queue_arn("dead")})} if town.queues else {}
    sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=town.hooks.url("/hook"))
    sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=town.hooks.url("/gone"), Attributes=dead)
    sns.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint=MAILBOX)
    if town.queues:
        sqs = town.sqs()
        for name in ("whole", "raw", "dead"):
            sqs.create_queue(QueueName=name)
        sqs.close()
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=queue_arn("whole"))
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=queue_arn("raw"), Attributes=raw)
    for path in ("/hook", "/gone"):
        until(lambda path=path: town.hooks.got.get(path), f"{path} is asked to confirm")
        (asked,) = town.hooks.documents(path, "SubscriptionConfirmation")
        assert "ConfirmSubscriptionResult" in town.open(asked["SubscribeURL"]).text
    until(lambda: town.mails.mails, "the mailbox is asked to confirm")
    (link,) = re.findall(r"https://\S+", town.mails.mails[0].get_content())
    town.open(link)
    sns.close()


def live(town: Town) -> None:
    """A service and an endpoint whose connection is asked for, accepted, rejected and deleted."""
    ec2, elb = town.client("ec2"), town.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1d")["Subnet"]["SubnetId"]
    balancer = elb.create_load_balancer(Name="nlb-vpce", Type="network", Scheme="internal", Subnets=[subnet])
    made = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[balancer["LoadBalancers"][0]["LoadBalancerArn"]], AcceptanceRequired=True
    )
    service, name = (made["ServiceConfiguration"][one] for one in ("ServiceId", "ServiceName"))
    asked = ("--connection-notification-arn", TOPIC, "--service-id", service, "--connection-events", *sorted(EVENTS))
    town.aws("ec2", "create-vpc-endpoint-connection-notification", *asked)
    request = {"VpcId": vpc, "ServiceName": name, "VpcEndpointType": "Interface", "SubnetIds": [subnet]}
    endpoint = ec2.create_vpc_endpoint(**request)["VpcEndpoint"]["VpcEndpointId"]
    for verb in ("accept", "reject"):
        decided = town.aws(
            "ec2", f"{verb}-vpc-endpoint-connections", "--service-id", service, "--vpc-endpoint-ids", endpoint
        )  # fmt: skip
        assert decided == {"Unsuccessful": []}
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    for one in (ec2, elb):
        one.close()


def events_of(bodies: list[str]) -> list[str]:
    return [json.loads(body)["event"] for body in bodies]


def with_queues(town: Town) -> None:
    if town.queues is None:
        pytest.skip("moto is not installed: `make clients` installs it")


def test_an_http_receiver_gets_all_four_events_in_their_order(town: Town) -> None:
    until(lambda: len(town.hooks.documents("/hook")) >= 4, "four events are there")
    assert events_of([one["Message"] for one in town.hooks.documents("/hook")]) == EVENTS
    headers, _ = town.hooks.got["/hook"][-1]
    assert (headers["x-amz-sns-message-type"], headers["x-amz-sns-topic-arn"]) == ("Notification", TOPIC)


def test_a_mailbox_gets_all_four_events_in_their_order(town: Town) -> None:
    until(lambda: len(town.mails.mails) >= 5, "four mails came after the question")
    mails = town.mails.mails[1:]
    said = [("asks to connect", "リクエスト"), ("accepted", "承諾"), ("rejected", "拒否"), ("deleted", "削除")]
    assert len(mails) == len(said)
    for mail, words in zip(mails, said, strict=True):
        text = mail.get_content()
        assert (mail["To"], [word for word in words if word not in text]) == (MAILBOX, [])
        assert f"{town.front.url}/sns/unsubscribe?" in text


def test_queues_of_another_sqs_get_all_four_events_raw_and_whole(town: Town) -> None:
    with_queues(town)
    raw = town.in_queue("raw", 4)
    assert sorted(events_of([one["Body"] for one in raw])) == sorted(EVENTS)
    assert [one["MessageAttributes"]["event"]["StringValue"] for one in raw] == events_of([one["Body"] for one in raw])
    whole = [json.loads(one["Body"]) for one in town.in_queue("whole", 4)]
    assert sorted(events_of([one["Message"] for one in whole])) == sorted(EVENTS)
    assert {one["Type"] for one in whole} == {"Notification"}


def test_what_a_subscriber_refuses_for_good_is_in_its_dead_letter_queue(town: Town) -> None:
    with_queues(town)
    dead = [json.loads(one["Body"]) for one in town.in_queue("dead", 4)]
    assert sorted(events_of([one["Message"] for one in dead])) == sorted(EVENTS)
    assert len(town.hooks.documents("/gone")) == 4  # each was tried once
    assert list((town.system.state / "dead-letters").glob("*")) == []


def test_an_independent_validator_finds_the_signatures_of_both_versions_valid(
    town: Town, client_home: Callable[[str], Path], tmp_path: Path
) -> None:
    if shutil.which("node") is None:
        pytest.skip("the validator of messages needs the program node")
    (tmp_path / "node_modules").symlink_to(client_home("javascript") / "node_modules")
    script = shutil.copy(VALIDATE, tmp_path)
    sns = town.client("sns")
    sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="SignatureVersion", AttributeValue="2")
    sns.publish(TopicArn=TOPIC, Subject="Version 2", Message="こんにちは\nworld")
    sns.close()
    until(lambda: len(town.hooks.documents("/hook")) >= 5, "the fifth message is there")
    documents = [json.loads(body) for _, body in town.hooks.got["/hook"]]
    assert [one["SignatureVersion"] for one in documents] == ["1"] * 5 + ["2"]
    forged = [{**documents[-1], "Message": "forged"}, {**documents[1], "Subject": "forged"}]
    lines = "".join(f"{json.dumps(one)}\n" for one in (*documents, *forged))
    done = subprocess.run(
        ["node", "--no-warnings", script, r"^localhost:\d+$"], input=lines, capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(town.front.certificate)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["valid"] * 6 + ["The message signature is invalid."] * 2

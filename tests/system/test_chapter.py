"""The chapter's own commands, run by the real ``aws`` program, answer with the JSON that the chapter shows.

The chapter is read from ``shared/spec`` beside the checkout (or ``SIDEDOOR_CHAPTER``): its commands are played in its
order, its ids replaced by those of this run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from sidedoor.demo.system import System, running, until

REPOSITORY = Path(__file__).parents[2]
CHAPTER = Path(
    os.environ.get("SIDEDOOR_CHAPTER", REPOSITORY.parent / "shared" / "spec" / "user-guide.endpoint-services.ja.txt")
)
ACCOUNT = "123456789012"


@dataclass
class Example:
    """A command of the chapter and the JSON that stands below it, if any."""

    command: list[str]
    answer: Any


def examples(text: str) -> list[Example]:
    """The chapter's commands in their order."""
    found: list[Example] = []
    for line in (one.strip() for one in text.splitlines()):
        if line.startswith("aws ec2 "):
            found.append(Example(shlex.split(line.split(" or ")[0]), None))
        elif line.startswith('{ "') and found and '"Version"' not in line:
            found[-1].answer = json.loads(line)
    return found


@dataclass
class Stage:
    """A running system, the account of the chapter, and what stands for the chapter's ids."""

    system: System
    stands_for: dict[str, str] = field(default_factory=dict)

    @property
    def session(self) -> boto3.Session:
        return boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="any", region_name="us-east-1")

    def client(self, service: str) -> Any:
        return self.system.client(self.session, service)

    def translate(self, text: str) -> str:
        for chapter, ours in self.stands_for.items():
            text = text.replace(chapter, ours)
        return text

    def run(self, example: Example) -> Any:
        """The program's answer as JSON, None where it prints nothing."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.system.state), "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.system.url,
        }  # fmt: skip
        arguments = [self.translate(one) for one in example.command[1:]]
        program = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{shlex.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    if not CHAPTER.exists():
        pytest.skip(f"the chapter is not beside the checkout ({CHAPTER.name}); SIDEDOOR_CHAPTER can name it")
    with running("--dev") as system:
        yield Stage(system)


def matches(shown: Any, answered: Any, path: str = "") -> None:
    """Asserts that an answer has all that the chapter shows. Lists of plain values are sets; moments have to be moments."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in answered, f"{path}/{name} is missing"
            matches(value, answered[name], f"{path}/{name}")
    elif isinstance(shown, list) and shown and isinstance(shown[0], dict):
        assert len(shown) == len(answered), f"{path} has {len(answered)} items"
        for one, other in zip(shown, answered, strict=True):
            matches(one, other, path)
    elif isinstance(shown, list):
        assert sorted(shown) == sorted(answered), path
    elif path.endswith("Timestamp"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answered), path
    else:
        assert shown == answered, path


def _balancer(stage: Stage, name: str, subnet: str) -> str:
    found = stage.client("elbv2").create_load_balancer(Name=name, Type="network", Scheme="internal", Subnets=[subnet])
    arn: str = found["LoadBalancers"][0]["LoadBalancerArn"]
    return arn


def _prepare(stage: Stage) -> dict[str, Any]:
    """What the chapter takes for granted: a load balancer in us-east-1d, and a second service that has two."""
    ec2 = stage.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1d")["Subnet"]["SubnetId"]
    first = _balancer(stage, "nlb-vpce", subnet)
    return {"vpc": vpc, "subnet": subnet, "first": first}


def _service(stage: Stage, *balancers: str) -> str:
    made = stage.client("ec2").create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=list(balancers))
    service: str = made["ServiceConfiguration"]["ServiceId"]
    return service


def test_the_chapters_text_gives_its_thirteen_commands() -> None:
    if not CHAPTER.exists():
        pytest.skip(f"the chapter is not beside the checkout ({CHAPTER.name})")
    verbs = [one.command[2] for one in examples(CHAPTER.read_text())]
    assert len(verbs) == 13
    assert verbs[0] == "create-vpc-endpoint-service-configuration"
    assert verbs[-1] == "delete-vpc-endpoint-connection-notifications"


def test_the_chapters_commands_answer_as_the_chapter_shows(stage: Stage) -> None:
    place = _prepare(stage)
    chapter_balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/nlb-vpce/e94221227f1ba532"
    stage.stands_for[chapter_balancer] = place["first"]
    commands = iter(examples(CHAPTER.read_text()))
    _play_creation(stage, next(commands))
    for _ in range(3):
        _play(stage, next(commands))
    _play_changes(stage, place, [next(commands), next(commands)])
    _play_connections(stage, place, [next(commands) for _ in range(3)])
    _play_notifications(stage, [next(commands) for _ in range(4)])
    assert next(commands, None) is None


def _play(stage: Stage, example: Example) -> Any:
    answer = stage.run(example)
    if example.answer is not None:
        matches(json.loads(stage.translate(json.dumps(example.answer))), answer)
    return answer


def _play_creation(stage: Stage, example: Example) -> None:
    answer = stage.run(example)
    stage.stands_for["vpce-svc-03d5ebb7d9579a2b3"] = answer["ServiceConfiguration"]["ServiceId"]
    matches(json.loads(stage.translate(json.dumps(example.answer))), answer)


def _play_changes(stage: Stage, place: dict[str, Any], commands: list[Example]) -> None:
    """The chapter takes one load balancer from another service of the same account; a service keeps at least one."""
    second, third = (_balancer(stage, name, place["subnet"]) for name in ("second", "third"))
    service = _service(stage, second, third)
    chapter_balancer = next(iter(stage.stands_for))
    saved = dict(stage.stands_for)
    stage.stands_for |= {"vpce-svc-09222513e6e77dc86": service, chapter_balancer: second}
    for example in commands:
        _play(stage, example)
    found = stage.client("ec2").describe_vpc_endpoint_service_configurations(ServiceIds=[service])["ServiceConfigurations"][0]
    assert (found["NetworkLoadBalancerArns"], found["AcceptanceRequired"]) == ([third], False)
    stage.stands_for = saved


def _play_connections(stage: Stage, place: dict[str, Any], commands: list[Example]) -> None:
    ec2 = stage.client("ec2")
    service = stage.stands_for["vpce-svc-03d5ebb7d9579a2b3"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=place["vpc"], ServiceName=f"com.amazonaws.vpce.us-east-1.{service}", VpcEndpointType="Interface",
        SubnetIds=[place["subnet"]],
    )["VpcEndpoint"]["VpcEndpointId"]  # fmt: skip
    stage.stands_for["vpce-0c1308d7312217abc"] = endpoint

    def state() -> str:
        found: str = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"]
        return found

    listing, accepting, rejecting = commands
    _play(stage, listing)
    assert stage.run(accepting) == {"Unsuccessful": []}
    until(lambda: state() == "available", "the accepted endpoint is available")
    assert stage.run(rejecting) == {"Unsuccessful": []}
    assert state() == "rejected"


def _play_notifications(stage: Stage, commands: list[Example]) -> None:
    stage.stands_for["vpce-svc-1237881c0d25a3abc"] = stage.stands_for["vpce-svc-03d5ebb7d9579a2b3"]
    creating, listing, changing, deleting = commands
    made = stage.run(creating)
    stage.stands_for["vpce-nfn-008776de7e03f5abc"] = made["ConnectionNotification"]["ConnectionNotificationId"]
    matches(json.loads(stage.translate(json.dumps(creating.answer))), made)
    (listed,) = stage.run(listing)["ConnectionNotificationSet"]
    assert listed["ConnectionNotificationId"] == stage.stands_for["vpce-nfn-008776de7e03f5abc"]
    stage.run(changing)
    (listed,) = stage.run(listing)["ConnectionNotificationSet"]
    assert sorted(listed["ConnectionEvents"]) == ["Accept", "Reject"]
    assert stage.run(deleting) == {"Unsuccessful": []}
    assert stage.run(listing)["ConnectionNotificationSet"] == []

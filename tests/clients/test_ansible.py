"""Ansible's modules for AWS, and the AWS CLI for what has no module, make a service and an endpoint and take them away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from sidedoor.demo.system import System

PLAYBOOKS = Path(__file__).with_name("ansible")
PROVIDER, CONSUMER = "111111111111", "222222222222"
LONGEST = 900
"""Seconds that a playbook may take: each task is a Python of its own, which imports boto3."""


@pytest.fixture(scope="module")
def ansible_playbook(client_home: Callable[[str], Path]) -> Path:
    return client_home("ansible") / "bin" / "ansible-playbook"


@pytest.fixture(scope="module")
def play(
    ansible_playbook: Path, tmp_path_factory: pytest.TempPathFactory, sidedoor_up: System
) -> Callable[[str], dict[str, int]]:
    """Plays a playbook to its end, without the user's own settings, and says how many tasks changed something, by account."""
    home = tmp_path_factory.mktemp("ansible")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
    environment = {
        **own,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # the AWS CLI's place
        "HOME": str(home),
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "AWS_ENDPOINT_URL": sidedoor_up.url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def played(name: str) -> dict[str, int]:
        command = [str(ansible_playbook), str(PLAYBOOKS / name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False)
        assert done.returncode == 0, f"{name}:\n{done.stdout}\n{done.stderr}"
        recap = done.stdout.rpartition("PLAY RECAP")[2]
        return {host: int(changed) for host, changed in re.findall(r"^(\w+) +: .*\bchanged=(\d+)", recap, re.MULTILINE)}

    return played


def what_is(system: System, account: str) -> dict[str, Any]:
    """What an account has of its own, apart from its default VPC."""
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="anything", region_name="us-east-1")
    ec2, elb, sns = (system.client(session, service) for service in ("ec2", "elbv2", "sns"))
    own = [{"Name": "is-default", "Values": ["false"]}]
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    return {
        "VPCs": [one["CidrBlock"] for one in ec2.describe_vpcs(Filters=own)["Vpcs"]],
        "endpoints": [one["State"] for one in endpoints if one["State"] != "deleted"],
        "services": [
            one["ServiceState"] for one in ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
        ],
        "load balancers": [one["LoadBalancerName"] for one in elb.describe_load_balancers()["LoadBalancers"]],
        "target groups": [one["TargetGroupName"] for one in elb.describe_target_groups()["TargetGroups"]],
        "topics": len(sns.list_topics()["Topics"]),
    }


EMPTY = {"VPCs": [], "endpoints": [], "services": [], "load balancers": [], "target groups": [], "topics": 0}


def test_ansible_makes_a_service_and_an_endpoint_once_and_takes_them_away(
    play: Callable[[str], dict[str, int]], sidedoor_up: System
) -> None:
    first = play("present.yml")
    assert first == {"provider": 12, "consumer": 7}
    made = ["lifecycle"]
    provided = {"VPCs": ["10.0.0.0/16"], "services": ["Available"], "load balancers": made, "target groups": made, "topics": 1}
    assert what_is(sidedoor_up, PROVIDER) == {**EMPTY, **provided}
    assert what_is(sidedoor_up, CONSUMER) == {**EMPTY, "VPCs": ["10.0.0.0/16"], "endpoints": ["available"]}
    assert play("present.yml") == {"provider": 0, "consumer": 0}
    play("absent.yml")
    assert [what_is(sidedoor_up, account) for account in (PROVIDER, CONSUMER)] == [EMPTY, EMPTY]

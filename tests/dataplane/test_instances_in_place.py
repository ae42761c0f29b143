"""Instances in the data plane: a stopped one stands nowhere and gets nothing; a name answers for each."""

from __future__ import annotations

from typing import Any

import pytest
from records import AT, BALANCER, CLIENT, ENDPOINT_RECORD, SERVERS, VPC_C, VPC_P, change, target, wanted

from sidedoor.dataplane import desired
from sidedoor.dataplane.desired import Workload
from sidedoor.dataplane.wanted import Wanted
from sidedoor.networks.model import Attachment


def attachment(**more: Any) -> Attachment:
    return Attachment(id="eni-attach-1", instance_id="i-1", attached=AT, **more)


def workloads(told: Wanted, vpc_id: str) -> list[Workload]:
    network = desired.network(told, vpc_id)
    return [workload for segment in network.segments for workload in segment.workloads] if network else []


@pytest.mark.parametrize(("running", "placed"), [(True, 2), (False, 1)])
def test_the_interface_of_a_stopped_instance_stands_nowhere(running: bool, placed: int) -> None:
    told = wanted()
    change(told, "interfaces", SERVERS[0].id, attachment=attachment(running=running))
    assert len(workloads(told, VPC_P)) == placed


def test_a_vpc_in_which_only_stopped_instances_are_is_not_placed() -> None:
    told = wanted()
    for interface_id in ENDPOINT_RECORD.interface_ids:
        told.drop("interfaces", interface_id)
    assert desired.network(told, VPC_C) is not None
    change(told, "interfaces", CLIENT.id, attachment=attachment(running=False))
    assert desired.network(told, VPC_C) is None


def test_a_target_that_does_not_run_is_no_candidate() -> None:
    told = wanted()
    change(told, "targets", target(0).id, running=False)
    candidates = {one.target for cluster in desired.clusters(told, BALANCER) for one in cluster.candidates}
    assert candidates == {target(1).id}


def test_an_instances_name_answers_its_address_in_its_vpc_alone() -> None:
    told = wanted()
    name = "ip-10-0-0-20.ec2.internal"
    assert name not in desired.names(told, VPC_C, {})
    change(told, "interfaces", CLIENT.id, attachment=attachment())
    assert desired.names(told, VPC_C, {})[name] == ("10.0.0.20",)
    assert name not in desired.names(told, VPC_P, {})

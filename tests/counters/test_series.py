"""From minutes to AWS's series."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from counted_samples import BALANCER, CONSUMER, GROUP, PROVIDER, SERVICE, a_passage, counts
from sidedoor.counters import series
from sidedoor.counters.model import Counts, Flow, Inhabitants, Kind, Minute, Passage, Population
from sidedoor.counters.series import METRICS
from sidedoor.metrics.model import Namespace, StatisticSet, sample
from sidedoor.networks.zones import zone_name

ENDPOINTS, SERVICES, BALANCERS = Namespace.ENDPOINTS, Namespace.SERVICES, Namespace.LOAD_BALANCERS
NUMBER = 29_000_000
ONE = a_passage(1)
OTHER_ZONE = a_passage(1, door="vpce-1/eni-9/80", subnet_id="subnet-2", zone_id="use1-az2")
ANOTHER = a_passage(2, account="123456789014", vpc_id="vpc-2")
FIRST_ZONE, SECOND_ZONE = (zone_name(PROVIDER, "us-east-1", one) for one in ("use1-az1", "use1-az2"))
FRONT = {"LoadBalancer": "net/front/0123456789abcdef"}

Found = dict[tuple[str, str, frozenset[tuple[str, str]]], StatisticSet]


def found(namespace: Namespace, *flows: Flow, inhabitants: tuple[Inhabitants, ...] = ()) -> Found:
    """(account, metric, dimensions) -> statistics, of one namespace."""
    data = list(series.data(Minute(number=NUMBER, flows=flows, inhabitants=inhabitants)))
    assert {one.minute for one in data} <= {datetime.fromtimestamp(NUMBER * 60, UTC)}
    mine = [one for one in data if one.series.namespace == namespace]
    answer = {(one.series.account, one.series.name, frozenset(one.series.dimensions)): one.statistics for one in mine}
    assert len(answer) == len(mine)
    return answer


def flow(passage: Passage, *open_ones: int, **counted: int) -> Flow:
    return Flow(passage=passage, counts=counts(**counted), open=open_ones)


def dims(**named: str) -> frozenset[tuple[str, str]]:
    return frozenset((name.replace("_", " "), value) for name, value in named.items())


def test_an_endpoint_has_its_numbers_over_all_subnets_and_in_each() -> None:
    answer = found(ENDPOINTS, flow(ONE, 1, 3, opened=5, bytes=100, dropped=2), flow(OTHER_ZONE, 4, 0, opened=1, bytes=11))
    endpoint = {
        "Endpoint_Type": "Interface", "Service_Name": ONE.service_name, "VPC_Endpoint_Id": ONE.endpoint_id, "VPC_Id": "vpc-1"
    }  # fmt: skip
    assert {(account, dimensions) for account, _, dimensions in answer} == {
        (CONSUMER, dims(**endpoint)),
        (CONSUMER, dims(**endpoint, Subnet_Id="subnet-1")),
        (CONSUMER, dims(**endpoint, Subnet_Id="subnet-2")),
    }
    assert {name: one for (_, name, dimensions), one in answer.items() if dimensions == dims(**endpoint)} == {
        "ActiveConnections": StatisticSet(8, 3, 5, 2),
        "NewConnections": sample(6),
        "BytesProcessed": sample(111),
        "PacketsDropped": sample(2),
        "RstPacketsReceived": sample(0),
    }
    in_second = dims(**endpoint, Subnet_Id="subnet-2")
    assert answer[CONSUMER, "ActiveConnections", in_second] == StatisticSet(4, 0, 4, 2)
    assert answer[CONSUMER, "BytesProcessed", in_second] == sample(11)


def test_a_service_has_its_numbers_in_each_of_awss_combinations_of_dimensions() -> None:
    answer = found(SERVICES, flow(ONE, 2, opened=5), flow(OTHER_ZONE, 1, opened=1), flow(ANOTHER, 7, opened=7))
    service = {"Service_Id": SERVICE}
    assert {dimensions: one.sum for (_, name, dimensions), one in answer.items() if name == "NewConnections"} == {
        dims(**service): 13,
        dims(**service, Az=FIRST_ZONE): 12,
        dims(**service, Az=SECOND_ZONE): 1,
        dims(**service, Load_Balancer_Arn=BALANCER): 13,
        dims(**service, Load_Balancer_Arn=BALANCER, Az=FIRST_ZONE): 12,
        dims(**service, Load_Balancer_Arn=BALANCER, Az=SECOND_ZONE): 1,
        dims(**service, VPC_Endpoint_Id=ONE.endpoint_id): 6,
        dims(**service, VPC_Endpoint_Id=ANOTHER.endpoint_id): 7,
    }
    assert {account for account, _, _ in answer} == {PROVIDER}
    assert {name for _, name, _ in answer} == {"ActiveConnections", "NewConnections", "BytesProcessed", "RstPacketsSent"}


def test_a_load_balancers_maximum_is_of_all_doors_at_one_time() -> None:
    answer = found(BALANCERS, flow(ONE, 9, 0, 1), flow(OTHER_ZONE, 0, 8, 1))
    assert answer[PROVIDER, "ActiveFlowCount", frozenset(FRONT.items())] == StatisticSet(19, 2, 9, 3)
    in_zone = frozenset((FRONT | {"AvailabilityZone": SECOND_ZONE}).items())
    assert answer[PROVIDER, "ActiveFlowCount", in_zone] == StatisticSet(9, 0, 8, 3)


def test_each_end_of_a_connection_is_under_the_metric_that_says_who_ended_it() -> None:
    ended = flow(ONE, opened=9, client_resets=1, target_resets=2, port_errors=3, given_up=4)
    balancer = {name: one.sum for (_, name, dimensions), one in found(BALANCERS, ended).items() if len(dimensions) == 1}
    assert balancer == {
        "NewFlowCount": 9, "ProcessedBytes": 0, "TCP_Client_Reset_Count": 1, "TCP_Target_Reset_Count": 2,
        "PortAllocationErrorCount": 3, "TCP_ELB_Reset_Count": 4,
    }  # fmt: skip
    assert {one.sum for (_, name, _), one in found(ENDPOINTS, ended).items() if name == "RstPacketsReceived"} == {9}
    assert {one.sum for (_, name, _), one in found(SERVICES, ended).items() if name == "RstPacketsSent"} == {9}


def test_targets_and_endpoints_are_counted_by_the_head() -> None:
    def some(kind: Kind, number: tuple[int, ...], identity: str, group: str | None, zone: str | None = None) -> Inhabitants:
        population = Population(
            kind=kind, account=PROVIDER, region="us-east-1", id=identity, group_id=group, zone_id=zone
        )  # fmt: skip
        return Inhabitants(population=population, numbers=number)

    there = (
        some(Kind.HEALTHY, (2, 1), BALANCER, GROUP),
        some(Kind.UNHEALTHY, (0, 1), BALANCER, GROUP),
        some(Kind.HEALTHY, (1, 1), BALANCER, GROUP, "use1-az2"),
        some(Kind.ENDPOINTS, (3, 3), SERVICE, None),
        some(Kind.HEALTHY, (), BALANCER, "another"),
    )
    group = FRONT | {"TargetGroup": "targetgroup/web/0123456789abcdef"}
    assert found(BALANCERS, inhabitants=there) == {
        (PROVIDER, "HealthyHostCount", frozenset(group.items())): StatisticSet(3, 1, 2, 2),
        (PROVIDER, "UnHealthyHostCount", frozenset(group.items())): StatisticSet(1, 0, 1, 2),
        (PROVIDER, "HealthyHostCount", frozenset((group | {"AvailabilityZone": SECOND_ZONE}).items())): StatisticSet(
            2, 1, 1, 2
        ),
    }
    assert found(SERVICES, inhabitants=there) == {
        (PROVIDER, "EndpointsCount", dims(Service_Id=SERVICE)): StatisticSet(6, 3, 3, 2)
    }
    assert [(kind, number) for kind, _, number in series.overall(there)] == [
        (Kind.HEALTHY, 1), (Kind.UNHEALTHY, 1), (Kind.ENDPOINTS, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("namespace", [ENDPOINTS, SERVICES, BALANCERS])
def test_the_finest_things_add_up_to_the_whole(namespace: Namespace) -> None:
    flows = (flow(ONE, 2, opened=5), flow(OTHER_ZONE, 1, opened=1), flow(ANOTHER, 7, opened=7))
    finest = [numbers for thing, numbers in series.finest(flows).items() if thing.namespace is namespace]
    assert sum((one for one, _ in finest), Counts()) == counts(13)
    assert sum(number for _, number in finest) == 10


def test_a_minute_without_traffic_has_no_series() -> None:
    assert list(series.data(Minute(number=NUMBER))) == []
    assert all(metric.name for metrics in METRICS.values() for metric in metrics)

"""Which interface an id means to ``sidedoor exec``."""

from __future__ import annotations

from instance_lab import Lab

from sidedoor.app.workload import _among
from sidedoor.instances.attachments import attach_network_interface
from sidedoor.networks.interfaces import create_network_interface


def test_an_instances_id_means_the_interface_that_it_came_with(lab: Lab) -> None:
    second = lab.ask(create_network_interface, SubnetId=lab.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    instance = lab.run()
    (first,) = (one["NetworkInterfaceId"] for one in instance["NetworkInterfaces"])
    lab.ask(attach_network_interface, NetworkInterfaceId=second, InstanceId=instance["InstanceId"], DeviceIndex=1)
    with lab.world.store.read() as tables:
        interfaces = sorted(tables.interfaces.where(), key=lambda one: one.id != second)
    for place, meant in ((instance["InstanceId"], first), (first, first), (second, second)):
        found = _among(interfaces, place)
        assert found is not None
        assert found.id == meant

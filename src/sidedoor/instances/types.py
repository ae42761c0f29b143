"""Instance types: a small table of facts, and DescribeInstanceTypes, which clients ask about the types they use.

The numbers are those of the EC2 user guide ("Specifications for Amazon EC2 instance types"). Nothing here limits a program:
an instance has the host's processors and memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidedoor import errors
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.paging import page

DEFAULT = "m1.small"
"""What RunInstances takes where a request names no type (EC2 API reference, ``RunInstances``)."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    name: str
    vcpus: int
    threads_per_core: int
    memory_mib: int
    interfaces: int
    addresses_per_interface: int

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def burstable(self) -> bool:
        return self.family.startswith("t") and self.family != "t1"

    @property
    def current(self) -> bool:
        return self.family not in ("m1", "t1")

    @property
    def architecture(self) -> str:
        return "arm64" if self.family.endswith("g") else "x86_64"

    @property
    def hypervisor(self) -> str:
        return "xen" if self.family in ("m1", "t1", "t2") else "nitro"

    @property
    def ebs_optimized_support(self) -> str:
        """Whether it has bandwidth of its own for disks (EC2 user guide, "Amazon EBS-optimized instance types")."""
        return "default" if self.hypervisor == "nitro" else "unsupported"

    @property
    def free_tier(self) -> bool:
        return self.name in ("t2.micro", "t3.micro")

    @property
    def cores(self) -> int:
        return self.vcpus // self.threads_per_core

    @property
    def usual_credits(self) -> str | None:
        """How a burstable instance pays for its bursts unless told otherwise (EC2 user guide, "Unlimited mode")."""
        if not self.burstable:
            return None
        return "standard" if self.family == "t2" else "unlimited"


_TABLE = (
    InstanceType("m1.small", 1, 1, 1740, 2, 4),
    InstanceType("t1.micro", 1, 1, 627, 2, 2),
    InstanceType("t2.nano", 1, 1, 512, 2, 2),
    InstanceType("t2.micro", 1, 1, 1024, 2, 2),
    InstanceType("t2.small", 1, 1, 2048, 3, 4),
    InstanceType("t2.medium", 2, 1, 4096, 3, 6),
    InstanceType("t2.large", 2, 1, 8192, 3, 12),
    InstanceType("t3.nano", 2, 2, 512, 2, 2),
    InstanceType("t3.micro", 2, 2, 1024, 2, 2),
    InstanceType("t3.small", 2, 2, 2048, 3, 4),
    InstanceType("t3.medium", 2, 2, 4096, 3, 6),
    InstanceType("t3.large", 2, 2, 8192, 3, 12),
    InstanceType("t3a.nano", 2, 2, 512, 2, 2),
    InstanceType("t3a.micro", 2, 2, 1024, 2, 2),
    InstanceType("t3a.small", 2, 2, 2048, 2, 4),
    InstanceType("t3a.medium", 2, 2, 4096, 3, 6),
    InstanceType("t3a.large", 2, 2, 8192, 3, 12),
    InstanceType("t4g.nano", 2, 1, 512, 2, 2),
    InstanceType("t4g.micro", 2, 1, 1024, 2, 2),
    InstanceType("t4g.small", 2, 1, 2048, 3, 4),
    InstanceType("t4g.medium", 2, 1, 4096, 3, 6),
    InstanceType("t4g.large", 2, 1, 8192, 3, 12),
    InstanceType("c5.large", 2, 2, 4096, 3, 10),
    InstanceType("c5.xlarge", 4, 2, 8192, 4, 15),
    InstanceType("m5.large", 2, 2, 8192, 3, 10),
    InstanceType("m5.xlarge", 4, 2, 16384, 4, 15),
)

TYPES: Mapping[str, InstanceType] = {one.name: one for one in _TABLE}


def known_type(name: str) -> InstanceType:
    """The type that a request names. Raises ``InvalidParameterValue``."""
    if name not in TYPES:
        raise errors.InvalidParameterValue(f"Invalid value '{name}' for InstanceType.")
    return TYPES[name]


def describe_instance_types(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"""
    names = request.get("InstanceTypes") or ()
    unknown = [name for name in names if name not in TYPES]
    if unknown:
        raise errors.InstanceTypeNotFound(names=", ".join(unknown))
    chosen = [TYPES[name] for name in sorted(names or TYPES)]
    found = filtered(chosen, request.get("Filters"), _FILTERS)
    shown, token = page(call, request, found, key=lambda one: one.name)
    return {"InstanceTypes": [_to_wire(one) for one in shown], "NextToken": token}


def _to_wire(one: InstanceType) -> dict[str, Any]:
    return {
        "InstanceType": one.name,
        "CurrentGeneration": one.current,
        "FreeTierEligible": one.free_tier,
        "SupportedUsageClasses": ["on-demand"],
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": False,
        "Hypervisor": one.hypervisor,
        "ProcessorInfo": {"SupportedArchitectures": [one.architecture]},
        "VCpuInfo": {
            "DefaultVCpus": one.vcpus,
            "DefaultCores": one.cores,
            "DefaultThreadsPerCore": one.threads_per_core,
        },
        "MemoryInfo": {"SizeInMiB": one.memory_mib},
        "InstanceStorageSupported": False,
        "EbsInfo": {
            "EbsOptimizedSupport": one.ebs_optimized_support,
            "EncryptionSupport": "supported",
            "NvmeSupport": "required" if one.hypervisor == "nitro" else "unsupported",
        },
        "PlacementGroupInfo": {"SupportedStrategies": []},
        "NetworkInfo": {
            "MaximumNetworkInterfaces": one.interfaces,
            "MaximumNetworkCards": 1,
            "DefaultNetworkCardIndex": 0,
            "Ipv4AddressesPerInterface": one.addresses_per_interface,
            "Ipv6AddressesPerInterface": 0,
            "Ipv6Supported": False,
            "EfaSupported": False,
        },
        "HibernationSupported": False,
        "BurstablePerformanceSupported": one.burstable,
        "DedicatedHostsSupported": False,
        "AutoRecoverySupported": False,
    }


_NEVER: Sequence[str] = (
    "ebs-info.attachment-limit-type", "ebs-info.maximum-ebs-attachments",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", "ebs-info.ebs-optimized-info.baseline-iops",
    "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-iops", "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
    "ebs-info.ebs-optimized-support", "ebs-info.encryption-support", "ebs-info.nvme-support",
    "instance-storage-info.disk.count", "instance-storage-info.disk.size-in-gb", "instance-storage-info.disk.type",
    "instance-storage-info.encryption-support", "instance-storage-info.nvme-support",
    "instance-storage-info.total-size-in-gb", "network-info.bandwidth-weightings",
    "network-info.efa-info.maximum-efa-interfaces", "network-info.ena-support",
    "network-info.encryption-in-transit-supported", "network-info.flexible-ena-queues-support",
    "network-info.network-performance", "nitro-enclaves-support", "nitro-tpm-info.supported-versions", "nitro-tpm-support",
    "processor-info.supported-features", "processor-info.sustained-clock-speed-in-ghz", "reboot-migration-support",
    "supported-boot-mode", "vcpu-info.valid-cores", "vcpu-info.valid-threads-per-core",
)  # fmt: skip
"""Filters of AWS on what the table knows nothing of."""


def _nothing(one: InstanceType) -> None:
    return None


_FILTERS: Mapping[str, Field[InstanceType]] = {
    **dict.fromkeys(_NEVER, _nothing),
    "auto-recovery-supported": lambda one: "false",
    "bare-metal": lambda one: "false",
    "burstable-performance-supported": lambda one: truth(one.burstable),
    "current-generation": lambda one: truth(one.current),
    "dedicated-hosts-supported": lambda one: "false",
    "ebs-info.ebs-optimized-support": lambda one: one.ebs_optimized_support,
    "free-tier-eligible": lambda one: truth(one.free_tier),
    "hibernation-supported": lambda one: "false",
    "hypervisor": lambda one: one.hypervisor,
    "instance-storage-supported": lambda one: "false",
    "instance-type": lambda one: one.name,
    "memory-info.size-in-mib": lambda one: str(one.memory_mib),
    "network-info.efa-supported": lambda one: "false",
    "network-info.ipv4-addresses-per-interface": lambda one: str(one.addresses_per_interface),
    "network-info.ipv6-addresses-per-interface": lambda one: "0",
    "network-info.ipv6-supported": lambda one: "false",
    "network-info.maximum-network-cards": lambda one: "1",
    "network-info.maximum-network-interfaces": lambda one: str(one.interfaces),
    "processor-info.supported-architecture": lambda one: one.architecture,
    "supported-root-device-type": lambda one: "ebs",
    "supported-usage-class": lambda one: "on-demand",
    "supported-virtualization-type": lambda one: "hvm",
    "vcpu-info.default-cores": lambda one: str(one.cores),
    "vcpu-info.default-threads-per-core": lambda one: str(one.threads_per_core),
    "vcpu-info.default-vcpus": lambda one: str(one.vcpus),
}

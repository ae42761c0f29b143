"""Writes docs/operations.md: the operations in ``sidedoor.api.OPERATIONS`` beside those that botocore's models know.

Run it as ``make docs``. A test holds the page to the table.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import botocore
import botocore.session

from sidedoor.api import OPERATIONS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "operations.md"

TITLES = {
    "cloudtrail": "CloudTrail: the log of events",
    "cloudwatch": "CloudWatch: metrics",
    "ec2": "EC2: networks, endpoints and endpoint services",
    "elbv2": "Elastic Load Balancing v2: network load balancers",
    "iam": "IAM: users, roles and access keys",
    "sns": "SNS: topics",
    "sts": "STS: who asks",
}


def page() -> str:
    """The whole page."""
    services = (part for service in OPERATIONS for part in (_service(service), _absent(service)))
    return "\n".join((_head(), _coverage(), *services, _endpoint_operations()))


def built() -> list[str]:
    """The parts of the page that follow from our table alone, whichever botocore is installed."""
    return [_head(), *(_service(service) for service in OPERATIONS)]


def _head() -> str:
    return (
        "# Operations\n\n"
        "<!-- Written by scripts/operations_doc.py from src/sidedoor/api.py: run `make docs`, do not edit. -->\n\n"
        "Every operation that AWS has in these services, with its state. What Sidedoor has stands in a table, with its file.\n"
        "What it has not stands below, folded up: it is answered with `InvalidAction` and status 400, which\n"
        "clients do not retry.\n"
    )


def _service(service: str) -> str:
    rows = (f"| `{name}` | {_link(service, name)} |" for name in sorted(OPERATIONS[service]))
    title = TITLES.get(service, service)
    return "\n".join((f"## {title}", "", "| operation | where |", "|---|---|", *rows, ""))


def _absent(service: str) -> str:
    """The operations that AWS has and we have not, as one paragraph that a reader unfolds."""
    names = [name for name in _known(service) if name not in OPERATIONS[service]]
    if not names:
        return f"Every operation that AWS has in {service} is here.\n"
    summary = f"<summary>{len(names)} operations of {service} that are not here</summary>"
    paragraph = textwrap.fill(", ".join(f"`{name}`" for name in names), width=128, break_on_hyphens=False)
    return "\n".join(("<details>", summary, "", paragraph, "", "</details>", ""))


def _link(service: str, name: str) -> str:
    source = inspect.getsourcefile(OPERATIONS[service][name])
    assert source is not None
    path = Path(source).resolve().relative_to(ROOT)
    return f"[{path.relative_to('src/sidedoor')}](../{path})"


def _endpoint_operations() -> str:
    """The operations that this project is about, each there or not there yet."""
    names = [name for name in _known("ec2") if "VpcEndpoint" in name]
    rows = (f"| `{name}` | {'yes' if name in OPERATIONS['ec2'] else 'not yet'} |" for name in names)
    there = sum(name in OPERATIONS["ec2"] for name in names)
    count = f"EC2 has {len(names)} operations with VpcEndpoint in their name; {there} of them are here."
    title = "## Of PrivateLink's own operations"
    return "\n".join((title, "", count, "", "| operation | here |", "|---|---|", *rows, ""))


def _coverage() -> str:
    rows = (f"| {service} | {len(OPERATIONS[service])} | {len(_known(service))} |" for service in OPERATIONS)
    title = f"## How much of each service, as botocore {botocore.__version__} knows it"
    return "\n".join((title, "", "| service | here | in all |", "|---|---|---|", *rows, ""))


def _known(service: str) -> list[str]:
    names: Iterator[str] = botocore.session.get_session().get_service_model(service).operation_names
    return sorted(names)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")

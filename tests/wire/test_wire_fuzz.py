"""Whatever is sent, the answer is well-formed, in the right envelope, and never a 5xx."""

from __future__ import annotations

import re
from urllib.parse import quote
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from wire_requests import DEV_KEY, Server, signed
from wire_samples import SERVICES

SERVER = Server()
SCOPES = {service.scope: service for service in SERVICES.values() if service.form}
"""The services that are asked with fields; for documents see test_wire_document_server.py."""

scopes = st.sampled_from(sorted(SCOPES))
parts = st.sampled_from(
    ["VpcId", "Filter", "Name", "Value", "SubnetId", "Tag", "Tags", "member", "entry", "Key", "1", "2", "0", "99999999999", "",
     "MessageAttributes", "Attributes", "Port", "DryRun", "MaxResults", "X-Amz-Date"]
) | st.text(max_size=4)  # fmt: skip
names = st.lists(parts, min_size=1, max_size=6).map(".".join)
values = st.text(max_size=20) | st.sampled_from(["", "true", "1", "-1", "1e9", "2026-01-02T03:04:05Z", "AA==", "\x00"])


def check(scope: str, body: bytes, statuses: range) -> None:
    response = SERVER.send(signed(body, service=scope, key=DEV_KEY))
    assert response.status_code in statuses
    root = re.sub("{.*}", "", ElementTree.fromstring(response.content).tag)
    if response.status_code != 200:
        assert root == ("Response" if SCOPES[scope].protocol == "ec2" else "ErrorResponse")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scope=scopes, body=st.binary(max_size=200))
def test_bytes_that_mean_nothing_are_the_clients_fault(scope: str, body: bytes) -> None:
    check(scope, body, range(400, 500))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(scope=scopes, data=st.data(), fields=st.dictionaries(names, values, max_size=6))
def test_fields_that_may_mean_something_never_break_the_server(scope: str, data: st.DataObject, fields: dict[str, str]) -> None:
    action = data.draw(st.sampled_from(sorted(SCOPES[scope].offered)))
    pairs = [("Action", action), *fields.items()]
    body = "&".join(f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in pairs)
    check(scope, body.encode(), range(200, 500))

"""Requests that are wrong in every way that is known, made from right ones: seeded, so that a request can be had again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import parse_qsl, quote
from xml.etree import ElementTree

import one_of_everything as everything
from api_client import botocore_model, botocore_sends, described, headers
from sidedoor.api import OPERATIONS

ALL = [
    (service, operation)
    for service, operations in OPERATIONS.items()
    for operation in operations
    if {"ec2", "query"} & set(described(service).metadata["protocols"])
]
"""The operations that are asked with fields."""

PROTOCOL = {service: "ec2" if service == "ec2" else "query" for service in OPERATIONS}
SPACE = re.compile("{.*}")

VALUES = (
    *("", " ", "0", "-1", "1", "5", "1000", "true", "TRUE", "maybe", "null", "None", "1e9", "-1e400", "NaN", "0x10", "\u0661"),
    *("2147483648", "-2147483649", "99999999999999999999", "9" * 400, "3.5", "2026-01-02T03:04:05Z", "9999-99-99", "AA=="),
    *("!!!",),
    *("\x00", "a\x00b", "\x1b[0m", "\ufffe", "\u202e", "\U0001f511", "na\u00efve \u65e5\u672c\u8a9e", "a\r\nb: c", "<a>&\"'"),
    *("]]>",),
    *("../../etc/passwd", "%00", "%", "*", "?", "\\", "a" * 5000, "'; DROP TABLE vpcs;--", "{}", "[]", "[[[[", '"', "{" * 500),
    *("10.0.0.0/33", "10.0.0.0/0", "0.0.0.0/0", "10.0.0.1/16", "::/0", "256.1.1.1", "10.0.0.0", "1.2.3", "10.0.0.0/-1"),
    *("fe80::1",),
    *("vpc-", "vpc-zz", "vpc-00000000000000000", "sg-1", "arn:", "arn:aws:", "arn:aws:iam::x:role/y", "arn:aws:sns:::"),
    *(":::::",),
    *("ami-1", "t3.nano", "tcp", "-1", "icmp", "65536", "available", "Interface", "network", "ipv6", "us-east-1a", "use1-az1"),
    *('{"Statement":1}', '{"Statement":[1]}', '{"Statement":[{}]}'),
    *('{"Statement":[{"Effect":"Allow","Principal":[1],"Action":{}}]}',),
    *('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":[{}]},"Action":"*","Resource":"*"}}',),
    *("[" * 900,),
    *('{"a":[{"numeric":["=",1e999]}]}', '{"a":[{"prefix":1}]}', '{"a":' * 200),
    *('{"Statement":[{"Condition":{"x":{"y":[[]]}}}]}',),
    *('{"healthyRetryPolicy":{"minDelayTarget":-1}}', '{"healthyRetryPolicy":[]}', '{"\\ud800":1}', '"\\ud800"', "1" * 5000),
)  # fmt: skip
INDEXES = ("0", "-1", "01", "2", "7", "999999999", "1000000000", "99999999999999999999", "x", "", "\u0661", "1.1.1")
JUNK_NAMES = ("", ".", "..", "a..b", "Action", "Version", "DryRun", "MaxResults", "NextToken", "Filter.1.Name",
              "Filter.1.Value.1",
              "Filter.1.Value.0", "Tag.1.Key", "X-Amz-Date", "\x00", "\u65e5", "member.1", "Tags.member.1.Key",
              "Attributes.entry.1.key",
              ".".join("1" * 40), "ClientToken", "Marker", "PageSize", "MaxItems")  # fmt: skip


@dataclass(frozen=True)
class Malformed:
    """A request, and what an answer to it has to look like. ``operation`` None: no particular one answers."""

    number: int
    service: str
    operation: str | None
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Maker:
    """``accounts``: account -> what it has, as ``one_of_everything`` made it."""

    def __init__(self, accounts: Mapping[str, Mapping[str, str]]) -> None:
        self._accounts = accounts
        self._known = [one for have in accounts.values() for one in have.values()]

    def request(self, seed: int, number: int) -> Malformed:
        """The request of this number: the same for the same seed, number and accounts."""
        dice = Random(f"{seed} {number}")
        service, operation = ALL[number % len(ALL)]
        account = dice.choice(list(self._accounts))
        pairs = self._right(dice, service, operation, account)
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            pairs = self._wrong(dice, service, operation, pairs)
        body = "&".join(f"{_escaped(dice, name)}={_escaped(dice, value)}" for name, value in pairs).encode()
        sent = headers(account, service)
        method, target = "POST", "/"
        kind = dice.random()
        if kind < 0.10:
            method, target, sent, body = self._wrong_http(dice, sent, body)
        elif kind < 0.14:
            body = _damaged(dice, body)
        return Malformed(number, service, operation, method, target, sent, body)

    def _right(self, dice: Random, service: str, operation: str, account: str) -> list[tuple[str, str]]:
        shape = botocore_model(service, operation).input_shape
        request = everything.request_for(service, operation, shape, self._accounts[account])
        for path, kind in everything.named_things(service, operation, shape):
            if dice.random() < 0.15:
                request = everything.with_value(shape, request, path, self._accounts[account][kind])
        return parse_qsl(botocore_sends(service, operation, request), keep_blank_values=True)

    def _value(self, dice: Random) -> str:
        return dice.choice(self._known) if dice.random() < 0.3 else dice.choice(VALUES)

    def _wrong(self, dice: Random, service: str, operation: str, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        at = dice.randrange(2, len(pairs)) if len(pairs) > 2 else None
        way = dice.random()
        if way < 0.45 or at is None:
            return [*pairs, (self._member(dice, service, operation), self._value(dice))] if at is None or way < 0.2 else [
                (name, self._value(dice)) if number == at else (name, value) for number, (name, value) in enumerate(pairs)
            ]  # fmt: skip
        if way < 0.60:
            return [pair for number, pair in enumerate(pairs) if number != at]
        if way < 0.65:
            return [*pairs, pairs[dice.randrange(len(pairs))]]
        if way < 0.80:
            name = re.sub(r"\b[0-9]+\b", lambda _: dice.choice(INDEXES), pairs[at][0]) + dice.choice(
                ("", "", ".1", ".x", ".1.1")
            )
            return [(name, value) if number == at else (old, value) for number, (old, value) in enumerate(pairs)]
        if way < 0.90:
            return [*pairs, (dice.choice(JUNK_NAMES), self._value(dice))]
        if way < 0.94:
            stem = self._member(dice, service, operation).partition(".")[0]
            return [
                *pairs,
                *((f"{stem}.{number * dice.choice((1, 7))}", self._value(dice)) for number in range(1, dice.choice((30, 300)))),
            ]
        fields = {"Action": dice.choice([dice.choice(ALL)[1], "", "Nothing", operation.lower(), "a" * 500]),
                  "Version": dice.choice(["", "2012-06-01", "1999-01-01", "x"])}  # fmt: skip
        changed = dice.choice(list(fields))
        return [(name, fields[name] if name == changed else value) for name, value in pairs]

    def _member(self, dice: Random, service: str, operation: str) -> str:
        """The name on the wire of one of the operation's parameters, however deep."""
        shape = botocore_model(service, operation).input_shape
        if shape is None or not shape.members:
            return dice.choice(JUNK_NAMES)
        parts: list[str] = []
        while True:
            if shape.type_name == "structure" and shape.members:
                name, member = dice.choice(list(shape.members.items()))
                wire = member.serialization.get("queryName") or member.serialization.get("name") or name
                parts.append(wire[0].upper() + wire[1:])
                shape = member
            elif shape.type_name == "list":
                flat = PROTOCOL[service] == "ec2" or shape.serialization.get("flattened")
                parts += ["1"] if flat else ["member", "1"]
                shape = shape.member
            elif shape.type_name == "map":
                return ".".join([*parts, "entry", "1", dice.choice(("key", "value", "Name", "Value.DataType"))])
            else:
                return ".".join(parts)

    def _wrong_http(
        self, dice: Random, sent: dict[str, str], body: bytes
    ) -> tuple[str, str, dict[str, str], bytes]:  # fmt: skip
        way = dice.randrange(9)
        authorization = sent["Authorization"]
        if way == 0:
            del sent["Authorization"]
        elif way == 1:
            sent["Authorization"] = dice.choice(
                ("", "Basic eDp5", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=,,,=", "\u00e9" * 9)
            )
        elif way == 2:
            sent["Authorization"] = authorization.replace(
                "/us-east-1/", dice.choice(("//", "/mars/", "/us-east-1/ec2/", "/\u00e9/"))
            )
        elif way == 3:
            sent["Authorization"] = authorization.replace("/aws4_request", "/" + dice.choice(("x", "", "aws4_request/x")))
        elif way == 4:
            sent["X-Amz-Date"] = dice.choice(("", "20269999T999999Z", "x", "Tue, 99 Foo 2026 25:61:61 GMT", "0" * 300))
        elif way == 5:
            return "GET", "/?" + body.decode("latin-1").replace(" ", "%20")[:8000], sent, b""
        elif way == 6:
            return (
                dice.choice(("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")),
                "/" + quote(dice.choice(VALUES)[:100]),
                sent,
                body,
            )
        elif way == 7:
            sent["Content-Type"] = dice.choice(("application/json", "text/xml", "multipart/form-data; boundary=x", ""))
        elif dice.random() < 0.1:
            body += b"&a=" + b"b" * (1024 * 1024)
        else:
            credential = quote(dice.choice(VALUES)[:200])
            query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date=x&X-Amz-Expires=9"
            return "POST", "/?" + query, sent, body
        return "POST", "/", sent, body


def _escaped(dice: Random, text: str) -> str:
    escaped = quote(text, safe="", errors="surrogatepass")
    return escaped if dice.random() < 0.995 else escaped + dice.choice(("%ff", "%ED%A0%80", "%", "%zz", "%c3"))


def _damaged(dice: Random, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(dice.randint(1, 9)):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    return bytes(damaged[: dice.randint(1, len(damaged))])


def fault(request: Malformed, status: int, content: bytes) -> str | None:
    """What is wrong with an answer, or None."""
    if status >= 500:
        return f"answered {status}"
    if request.method not in ("GET", "POST"):
        return None if status in (404, 405) else f"the method {request.method} answered {status}"
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        return f"no XML: {error}"
    name = SPACE.sub("", root.tag)
    if status == 200:
        return None if name.removesuffix("Response") in described(request.service).operation_names else f"200 in {name}"
    codes = [one.text for one in root.iter() if SPACE.sub("", one.tag) == "Code"]
    if not codes or not codes[0]:
        return f"{status} without a code"
    if name not in ("Response", "ErrorResponse"):
        return f"{status} in {name}"
    return None


BROKEN_HTTP = (
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100, b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 9000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nA" + b"b" * 100_000 + b": c\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip
"""Bytes that are no request: the answer is a 4xx or none at all."""


def describe(request: Malformed, problem: str) -> str:
    return json.dumps(
        {"number": request.number, "problem": problem, "method": request.method, "target": request.target[:200],
         "headers": dict(request.headers), "body": request.body[:2000].decode("latin-1")}
    )  # fmt: skip

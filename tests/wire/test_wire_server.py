"""The server: which service is asked, who asks, and what is answered to what is wrong."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from wire_requests import CALLER, DEV_KEY, HOST, KEY, TOKEN, Server, presigned, signed
from wire_samples import botocore_reads

from sidedoor import errors
from sidedoor.aws.door import MAX_BODY, Invocation
from sidedoor.aws.server import Quick

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
VPCS = {"Action": "DescribeVpcs", "Version": "2016-11-15"}
WHOAMI = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


SERVER = Server()


@pytest.fixture
def server() -> Server:
    """One application for all tests, since it takes a while to read the models; what it was asked is forgotten."""
    SERVER.invocations.clear()
    SERVER.answer = lambda invocation: {}
    return SERVER


def error_of(response: httpx.Response, protocol: str) -> tuple[int, str, str]:
    """Status, code and message of an error, which must be in the protocol's envelope and have its request id."""
    root = ElementTree.fromstring(response.content)
    tags = [re.sub("{.*}", "", node.tag) for node in root.iter()]
    if protocol == "ec2":
        assert tags == ["Response", "Errors", "Error", "Code", "Message", "RequestID"]
    else:
        assert tags == ["ErrorResponse", "Error", "Type", "Code", "Message", "RequestId"]
    texts = dict(zip(tags, (node.text or "" for node in root.iter()), strict=True))
    assert response.headers["content-type"] == "text/xml;charset=UTF-8"
    assert response.headers["x-amzn-requestid"] == texts.get("RequestID", texts.get("RequestId"))
    return response.status_code, texts["Code"], texts["Message"]


def test_a_call_reaches_its_operation_and_its_answer_comes_back(server: Server) -> None:
    server.answer = lambda invocation: {"Vpcs": [{"VpcId": "vpc-1"}]}
    response = server.send(signed({**VPCS, "VpcId.1": "vpc-1"}, region="eu-west-1"))
    assert response.status_code == 200
    request_id = response.headers["x-amzn-requestid"]
    assert re.fullmatch(UUID, request_id)
    assert botocore_reads("ec2", "DescribeVpcs", response.content)["Vpcs"] == [{"VpcId": "vpc-1"}]
    assert server.invocations == [
        Invocation(
            service="ec2", operation="DescribeVpcs", region="eu-west-1", caller=CALLER, request_id=request_id,
            params={"VpcIds": ["vpc-1"]}, source="127.0.0.1", user_agent=f"python-httpx/{httpx.__version__}",
        )
    ]  # fmt: skip


def test_the_credential_scope_chooses_the_service(server: Server) -> None:
    for scope, service in (("ec2", "ec2"), ("elasticloadbalancing", "elbv2")):
        arns = {"ResourceArns.member.1": "arn"} if service == "elbv2" else {}
        assert server.send(signed({"Action": "DescribeTags", **arns}, service=scope)).status_code == 200
        assert server.invocations[-1].service == service


def test_a_presigned_get_is_a_call(server: Server) -> None:
    server.answer = lambda invocation: {"Account": "1"}
    response = server.send(presigned({**WHOAMI}, service="sts", token=TOKEN))
    assert botocore_reads("sts", "GetCallerIdentity", response.content)["Account"] == "1"
    assert server.invocations[0].params == {}


def test_any_path_will_do(server: Server) -> None:
    assert server.send(signed(VPCS, path="/some/path%20x/")).status_code == 200


def test_development_keys_need_no_right_signature(server: Server) -> None:
    assert server.send(signed(VPCS, key=DEV_KEY, secret="anything")).status_code == 200


@pytest.mark.parametrize(("service", "protocol", "codes"), [
    ("ec2", "ec2", ("AuthFailure", "AuthFailure", "RequestExpired")),
    ("sts", "query", ("SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken")),
])  # fmt: skip
def test_who_is_not_who_they_say_is_refused(server: Server, service: str, protocol: str, codes: tuple[str, ...]) -> None:
    fields = VPCS if service == "ec2" else WHOAMI
    requests = (
        signed(fields, service=service, secret="wrong"),
        signed(fields, service=service, key="AKIAUNKNOWN"),
        signed(fields, service=service, token="stale"),
    )
    responses = [error_of(server.send(request), protocol) for request in requests]
    assert tuple(code for _, code, _ in responses) == codes
    assert {status for status, _, _ in responses} <= {400, 401, 403}
    assert server.invocations == []


@pytest.mark.parametrize(("fields", "protocol"), [
    (VPCS, "ec2"), (WHOAMI, "query"), ({"Action": "ListTopics"}, "query"), ({"Action": "AllocateAddress"}, "ec2"),
    ({}, "ec2"), ({"Action": "NoSuchThing", "Version": "1999-01-01"}, "ec2"),
])  # fmt: skip
def test_an_unsigned_request_is_refused_in_the_envelope_of_its_version_or_action(
    server: Server, fields: dict[str, str], protocol: str
) -> None:
    for response in (server.ask("POST", f"http://{HOST}/", data=fields), server.ask("GET", f"http://{HOST}/", params=fields)):
        assert error_of(response, protocol)[:2] == (403, "MissingAuthenticationToken")


@pytest.mark.parametrize("action", ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"])
def test_an_action_that_nobody_signs_and_that_we_do_not_have_is_invalid(server: Server, action: str) -> None:
    fields = {"Action": action, "Version": "2011-06-15"}
    code = error_of(server.ask("POST", f"http://{HOST}/", data=fields), "query")
    assert code == (400, "InvalidAction", f"The action {action} of sts is one that Sidedoor does not have.")


def test_an_action_that_nobody_has_is_invalid(server: Server) -> None:
    error = error_of(server.send(signed({"Action": "Frobnicate<\x00>", "Version": "2016-11-15"})), "ec2")
    assert error == (400, "InvalidAction", "The action Frobnicate<\ufffd> is not valid for this web service.")


@pytest.mark.parametrize(("scope", "protocol", "action"), [
    ("ec2", "ec2", "AllocateAddress"), ("elasticloadbalancing", "query", "CreateTrustStore"),
    ("iam", "query", "CreateSAMLProvider"),
])  # fmt: skip
def test_an_action_that_only_aws_has_is_named(server: Server, scope: str, protocol: str, action: str) -> None:
    status, code, message = error_of(server.send(signed({"Action": action}, service=scope)), protocol)
    assert (status, code) == (400, "InvalidAction")
    assert message == f"The action {action} of {scope} is one that Sidedoor does not have."


def test_an_action_of_another_service_is_invalid(server: Server) -> None:
    assert error_of(server.send(signed({"Action": "DescribeVpcs"}, service="iam")), "query")[1] == "InvalidAction"


def test_the_first_load_balancer_api_is_not_taken_for_the_second(server: Server) -> None:
    request = signed({"Action": "DescribeLoadBalancers", "Version": "2012-06-01"}, service="elasticloadbalancing")
    assert error_of(server.send(request), "query")[1:] == (
        "InvalidAction", "Could not find operation DescribeLoadBalancers for version 2012-06-01"
    )  # fmt: skip


def test_a_service_that_we_have_not_is_named_even_if_we_have_its_action(server: Server) -> None:
    status, code, message = error_of(server.send(signed({"Action": "DescribeTags"}, service="autoscaling")), "ec2")
    assert (status, code, message) == (400, "InvalidAction", "Sidedoor does not have the service autoscaling.")


@pytest.mark.parametrize("body", ["", "Version=2016-11-15", "Action=", '{"json": true}'])
def test_a_request_without_an_action_is_refused(server: Server, body: str) -> None:
    assert error_of(server.send(signed(body)), "ec2")[:2] == (400, "MissingAction")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"Action=%ff", b"Action=DescribeVpcs&Action=DeleteVpc"])
def test_a_malformed_form_is_refused(server: Server, body: bytes) -> None:
    assert error_of(server.send(signed(body)), "ec2")[:2] == (400, "MalformedQueryString")


def test_a_field_may_not_come_in_the_query_and_in_the_body(server: Server) -> None:
    response = server.send(signed("Action=DescribeVpcs", path="/?Action=DeleteVpc"))
    assert error_of(response, "ec2")[1] == "MalformedQueryString"


def test_what_cannot_be_parsed_is_refused_with_the_services_code(server: Server) -> None:
    assert error_of(server.send(signed({**VPCS, "Bogus": "1"})), "ec2")[:2] == (400, "UnknownParameter")
    assert error_of(server.send(signed({**VPCS, "VpcId.1": "\x00"})), "ec2")[:2] == (400, "InvalidParameterValue")
    assert error_of(server.send(signed({**WHOAMI, "Bogus": "1"}, service="sts")), "query")[:2] == (400, "ValidationError")
    assert server.invocations == []


def test_an_error_of_an_operation_has_its_code_and_status(server: Server) -> None:
    def refuse(invocation: Invocation) -> dict[str, Any]:
        raise errors.NoSuchEntity(kind="user", name="u") if invocation.service == "iam" else errors.DryRunOperation

    server.answer = refuse
    assert error_of(server.send(signed(VPCS)), "ec2")[:2] == (412, "DryRunOperation")
    response = server.send(signed({"Action": "GetUser", "UserName": "u"}, service="iam"))
    assert error_of(response, "query") == (404, "NoSuchEntity", "The user with name u cannot be found.")


@pytest.mark.parametrize("failure", ["raises", "answers nonsense"])
def test_a_bug_is_an_internal_error_with_the_request_id_and_a_traceback(
    server: Server, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(invocation: Invocation) -> dict[str, Any]:
        return {"Bogus": 1 if failure == "answers nonsense" else 1 // 0}

    server.answer = fail
    response = server.send(signed(VPCS))
    status, code, message = error_of(response, "ec2")
    request_id = response.headers["x-amzn-requestid"]
    assert (status, code) == (500, "InternalError")
    assert request_id in message
    assert "Bogus" not in message
    record = next(record for record in caplog.records if record.name == "sidedoor.aws")
    assert (record.__dict__["action"], record.__dict__["request_id"]) == ("api.internal_error", request_id)
    assert record.exc_info is not None


def test_every_call_leaves_one_line_in_the_access_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sidedoor.access")
    server.send(signed(VPCS))
    server.send(signed({**VPCS, "Bogus": "1"}))
    server.send(signed({**VPCS, "Action": "GetInstanceUefiData"}))
    server.ask("POST", f"http://{HOST}/")
    lines = [record.__dict__ for record in caplog.records if record.name == "sidedoor.access"]
    told = [[line[key] for key in ("action", "service", "operation", "caller", "status", "code")] for line in lines]
    assert told == [
        ["api.call", "ec2", "DescribeVpcs", CALLER.arn, 200, None],
        ["api.call", "ec2", "DescribeVpcs", CALLER.arn, 400, "UnknownParameter"],
        ["api.call", "ec2", "GetInstanceUefiData", CALLER.arn, 400, "InvalidAction"],
        ["api.call", None, None, None, 403, "MissingAuthenticationToken"],
    ]
    assert all(line["ms"] >= 0 for line in lines)


@pytest.mark.parametrize(("service", "protocol"), [("ec2", "ec2"), ("sns", "query")])
def test_a_body_of_more_than_the_limit_is_refused(server: Server, service: str, protocol: str) -> None:
    response = server.send(signed(b"a" * (MAX_BODY + 1), service=service))
    assert error_of(response, protocol)[:2] == (413, "RequestEntityTooLarge")
    assert error_of(server.send(signed(b"a" * MAX_BODY, service=service)), protocol)[1] == "MissingAction"


def test_a_long_body_of_undeclared_length_is_not_read_to_its_end(server: Server) -> None:
    read = 0

    async def long() -> Any:
        nonlocal read
        for _ in range(100):
            read += 64 * 1024
            yield b"a" * 64 * 1024

    headers = {"Authorization": signed("").headers["Authorization"]}
    response = server.ask("POST", f"http://{HOST}/", content=long(), headers=headers)
    assert error_of(response, "ec2")[:2] == (413, "RequestEntityTooLarge")
    assert read <= MAX_BODY + 64 * 1024


def test_a_body_that_declares_itself_too_long_is_not_read_at_all(server: Server) -> None:
    async def untouched() -> Any:
        raise AssertionError("the body was read")
        yield b""

    for length in (str(MAX_BODY + 1), "9" * 5000):
        response = server.ask("POST", f"http://{HOST}/", content=untouched(), headers={"Content-Length": length})
        assert error_of(response, "ec2")[:2] == (413, "RequestEntityTooLarge")


def test_routes_of_others_come_first() -> None:
    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("fine")

    server = Server(table={"ec2": ["DescribeVpcs"]}, routes=[Route("/healthz", health)])
    assert server.ask("GET", f"http://{HOST}/healthz").text == "fine"
    assert server.send(signed(VPCS)).status_code == 200


def test_all_that_is_beneath_a_mounted_application_is_its_own() -> None:
    async def leaf(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["name"])

    server = Server(table={"ec2": ["DescribeVpcs"]}, routes=[Mount("/console", routes=[Route("/leaf/{name}", leaf)])])
    assert server.ask("GET", f"http://{HOST}/console/leaf/green").text == "green"
    assert server.ask("GET", f"http://{HOST}/console").headers["location"] == f"http://{HOST}/console/"
    assert server.ask("GET", f"http://{HOST}/consoles").text != server.ask("GET", f"http://{HOST}/console/x").text
    assert server.send(signed(VPCS)).status_code == 200


def test_a_table_with_an_operation_that_aws_has_not_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="Frobnicate"):
        Server(table={"ec2": ["Frobnicate"]})


def test_the_key_id_is_what_is_authenticated(server: Server) -> None:
    assert server.send(signed(VPCS, key=KEY)).status_code == 200
    assert server.invocations[0].caller.access_key_id == KEY


def test_what_is_quick_is_done_at_once_and_the_rest_by_a_worker() -> None:
    threads: dict[str, str] = {}

    def note(invocation: Invocation) -> dict[str, Any]:
        threads[invocation.operation] = threading.current_thread().name
        return {}

    server = Server(answer=note, quick=Quick(includes=lambda one: one.operation == "DescribeVpcs", version=lambda: 1))
    for action in ("DescribeVpcs", "DescribeSubnets"):
        assert server.send(signed({**VPCS, "Action": action})).status_code == 200
    assert threads["DescribeVpcs"] == threading.current_thread().name
    assert threads["DescribeSubnets"].startswith("call")


def test_a_method_that_the_api_has_not_is_refused(server: Server) -> None:
    response = server.ask("PUT", f"http://{HOST}/")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


def test_head_makes_no_call() -> None:
    server = Server()
    response = server.ask("HEAD", f"http://{HOST}/?Action=DescribeVpcs")
    assert (response.status_code, response.headers["allow"], server.invocations) == (405, "GET, POST", [])


def remembering(version: list[int]) -> Server:
    """A server that may keep its answers to DescribeVpcs; they say how often it was asked."""
    server = Server(quick=Quick(includes=lambda one: one.operation == "DescribeVpcs", version=lambda: version[0]))
    server.answer = lambda invocation: {"Vpcs": [{"VpcId": f"vpc-{len(server.invocations)}"}]}
    return server


def shown(server: Server, fields: dict[str, str], **options: Any) -> str:
    response = server.send(signed(fields, **options))
    assert response.headers["x-amzn-requestid"] in response.text
    found: str = botocore_reads("ec2", "DescribeVpcs", response.content)["Vpcs"][0]["VpcId"]
    return found


def test_the_same_question_has_the_same_answer_until_something_is_written() -> None:
    version = [1]
    server = remembering(version)
    assert [shown(server, VPCS), shown(server, VPCS)] == ["vpc-1", "vpc-1"]
    assert len(server.invocations) == 1
    version[0] = 2
    assert shown(server, VPCS) == "vpc-2"


def test_another_question_has_an_answer_of_its_own() -> None:
    server = remembering([1])
    questions: list[tuple[dict[str, str], dict[str, Any]]] = [
        (VPCS, {}), ({**VPCS, "VpcId.1": "vpc-1"}, {}), (VPCS, {"region": "eu-west-1"}),
    ]  # fmt: skip
    assert [shown(server, fields, **options) for fields, options in questions] == ["vpc-1", "vpc-2", "vpc-3"]


def test_a_kept_answer_needs_a_right_signature_and_leaves_its_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    server = remembering([1])
    caplog.set_level(logging.INFO, "sidedoor.access")
    ids = [server.send(signed(VPCS)).headers["x-amzn-requestid"] for _ in range(2)]
    assert error_of(server.send(signed(VPCS, secret="wrong")), "ec2")[1] == "AuthFailure"
    logged = [vars(record) for record in caplog.records]
    assert [one["request_id"] for one in logged][:2] == ids
    assert [one["status"] for one in logged] == [200, 200, 401]


def test_errors_are_not_kept() -> None:
    def refuse(_: Invocation) -> dict[str, Any]:
        raise errors.VpcNotFound(id="vpc-1")

    server = Server(answer=refuse, quick=Quick(includes=lambda one: True, version=lambda: 1))
    for _ in range(2):
        assert error_of(server.send(signed(VPCS)), "ec2")[1] == "InvalidVpcID.NotFound"
    assert len(server.invocations) == 2


def test_whoever_waits_is_told_even_when_a_worker_is_told_to_exit(server: Server) -> None:
    class Exit(BaseException):
        """Not an ``Exception``, so no door catches it."""

    def leave(invocation: Invocation) -> dict[str, Any]:
        raise Exit

    server.answer = leave
    with pytest.raises(Exit):
        server.send(signed(VPCS))

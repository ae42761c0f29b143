"""Signatures: botocore signs, we verify; and whatever is changed afterwards is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from wire_requests import KEY, SECRET, TOKEN, as_received, presigned, signed

from sidedoor import errors
from sidedoor.aws import signature
from sidedoor.aws.signature import HttpRequest

FIELDS = {"Action": "DescribeVpcs", "Version": "2016-11-15", "Filter.1.Name": "a b+c/\u65e5~*"}


def signed_at(request: HttpRequest) -> datetime:
    stamp = signature.read(request).timestamp
    assert stamp is not None
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def verify(request: HttpRequest, secret: str = SECRET, later: timedelta = timedelta()) -> None:
    signature.verify(request, signature.read(request), secret, signed_at(request) + later)


def with_header(request: HttpRequest, name: str, value: str | None) -> HttpRequest:
    others = [(key, old) for key, old in request.headers if key != name]
    return replace(request, headers=others if value is None else [*others, (name, value)])


@pytest.mark.parametrize("path", ["/", "/a/b", "/a%20b/%2F", "/a//b/../c"])
def test_what_botocore_signs_is_verified(path: str) -> None:
    verify(as_received(signed(FIELDS, path=path)))
    verify(as_received(signed(FIELDS, path=path, token=TOKEN, headers={"X-Amz-Extra": "  a   b ", "X-Custom": "c"})))


def test_a_query_string_is_verified_in_any_order() -> None:
    request = as_received(signed("", path="/?b=2&a=1%2B&a=%20&c"))
    verify(request)
    verify(replace(request, query="c=&a=+&a=1%2b&b=2"))


def test_a_presigned_request_is_verified() -> None:
    verify(as_received(presigned(FIELDS)))
    verify(as_received(presigned(FIELDS, token=TOKEN)))


def test_a_signature_says_who_signed_for_what() -> None:
    claim = signature.read(as_received(signed(FIELDS, service="sns", region="eu-west-1", token=TOKEN)))
    assert (claim.access_key_id, claim.region, claim.service, claim.session_token) == (KEY, "eu-west-1", "sns", TOKEN)
    assert claim.expires is None
    claim = signature.read(as_received(presigned(FIELDS, expires=7, token=TOKEN)))
    assert (claim.access_key_id, claim.service, claim.expires, claim.session_token) == (KEY, "ec2", "7", TOKEN)


def test_the_date_header_may_stand_for_x_amz_date() -> None:
    request = as_received(signed(FIELDS, headers={"Date": "now"}))
    assert request.header("x-amz-date") is None
    stamp = request.header("date")
    assert stamp is not None
    now = datetime.strptime(stamp, "%a, %d %b %Y %H:%M:%S -0000").replace(tzinfo=UTC)
    signature.verify(request, signature.read(request), SECRET, now)
    with pytest.raises(errors.RequestExpired):
        signature.verify(request, signature.read(request), SECRET, now + timedelta(minutes=6))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda r: replace(r, body=r.body + b"&DryRun=false"),
        lambda r: replace(r, method="PUT"),
        lambda r: replace(r, path="/other"),
        lambda r: replace(r, query="Action=DeleteVpc"),
        lambda r: with_header(r, "host", "elsewhere"),
        lambda r: with_header(r, "content-type", "text/plain"),
        lambda r: with_header(r, "content-type", None),
        lambda r: with_header(r, "host", None),
        lambda r: replace(r, headers=[*r.headers, ("host", "second")]),
        lambda r: with_header(r, "x-amz-security-token", "unsigned"),
        lambda r: with_header(r, "x-amz-content-sha256", "0" * 64),
        lambda r: with_header(r, "x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        lambda r: with_header(r, "authorization", (r.header("authorization") or "").replace("us-east-1", "us-east-2")),
        lambda r: with_header(r, "authorization", (r.header("authorization") or "").replace("/ec2/", "/sts/")),
        lambda r: with_header(r, "authorization", (r.header("authorization") or "").replace("host;", "")),
    ],
)
def test_a_request_that_was_changed_after_signing_is_refused(tamper: Callable[[HttpRequest], HttpRequest]) -> None:
    request = tamper(as_received(signed(FIELDS)))
    with pytest.raises(errors.SignatureDoesNotMatch):
        verify(request)


def test_another_secret_is_refused() -> None:
    for request in (signed(FIELDS), presigned(FIELDS)):
        with pytest.raises(errors.SignatureDoesNotMatch):
            verify(as_received(request), secret=SECRET + "x")


def test_a_presigned_request_that_was_changed_is_refused() -> None:
    request = as_received(presigned(FIELDS))
    for changed in (
        replace(request, query=request.query.replace("DescribeVpcs", "DeleteVpc")),
        replace(request, query=request.query.replace("X-Amz-Expires=60", "X-Amz-Expires=600")),
        replace(request, query="DryRun=true&" + request.query),
        replace(request, body=b"DryRun=true"),
    ):
        with pytest.raises(errors.SignatureDoesNotMatch):
            verify(changed)


def test_a_body_that_its_declared_hash_matches_is_verified() -> None:
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    verify(as_received(signed("", headers={"X-Amz-Content-SHA256": digest})))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_clock_may_be_five_minutes_off(seconds: int) -> None:
    verify(as_received(signed(FIELDS)), later=timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_clock_may_not_be_more_than_five_minutes_off(seconds: int) -> None:
    with pytest.raises(errors.RequestExpired):
        verify(as_received(signed(FIELDS)), later=timedelta(seconds=seconds))


def test_a_presigned_request_lives_as_long_as_it_says() -> None:
    request = as_received(presigned(FIELDS, expires=3600))
    verify(request, later=timedelta(seconds=3600))
    for later in (timedelta(seconds=3601), timedelta(seconds=-301)):
        with pytest.raises(errors.RequestExpired):
            verify(request, later=later)


@pytest.mark.parametrize(("expires", "right"), [(1, True), (604800, True), (604801, False), (0, False), (-1, False)])
def test_a_presigned_request_lives_seven_days_at_most(expires: int, right: bool) -> None:
    request = as_received(presigned(FIELDS, expires=expires))
    if right:
        verify(request)
    else:
        with pytest.raises(errors.IncompleteSignature):
            verify(request)


def test_the_date_of_the_scope_must_be_that_of_the_request() -> None:
    request = as_received(signed(FIELDS))
    stamp = signed_at(request)
    claim = replace(signature.read(request), date="20200101")
    with pytest.raises(errors.SignatureDoesNotMatch, match="Date in Credential scope"):
        signature.verify(request, claim, SECRET, stamp)


CREDENTIAL = f"Credential={KEY}/20260102/us-east-1/ec2/aws4_request"
HEADERS, DIGEST = "SignedHeaders=host", f"Signature={'0' * 64}"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic dXNlcjpwYXNz",
        f"AWS {KEY}:sig",
        "AWS4-HMAC-SHA256",
        f"AWS4-ECDSA-P256-SHA256 {CREDENTIAL}, {HEADERS}, {DIGEST}",
        f"AWS4-HMAC-SHA256 {HEADERS}, {DIGEST}",
        f"AWS4-HMAC-SHA256 {CREDENTIAL}, {DIGEST}",
        f"AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}",
        f"AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, Signature=short",
        f"AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, Signature=" + "\u00e9" * 64,
        f"AWS4-HMAC-SHA256 Credential={KEY}/20260102//ec2/aws4_request, {HEADERS}, {DIGEST}",
        f"AWS4-HMAC-SHA256 Credential={KEY}/20260102/us-east-1/ec2/aws2_request, {HEADERS}, {DIGEST}",
        f"AWS4-HMAC-SHA256 Credential=us-east-1/ec2/aws4_request, {HEADERS}, {DIGEST}",
    ],
)
def test_an_authorization_header_that_lacks_a_part_is_incomplete(authorization: str) -> None:
    request = HttpRequest(method="POST", path="/", query="", headers=[("authorization", authorization)], body=b"")
    with pytest.raises(errors.IncompleteSignature):
        signature.read(request)


@pytest.mark.parametrize("stamp", [None, "yesterday", "20260102", "2026-01-02T03:04:05Z", "20269999T999999Z"])
def test_a_signature_without_a_sound_date_is_incomplete(stamp: str | None) -> None:
    headers = [("authorization", f"AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, {DIGEST}"), ("host", "h")]
    if stamp is not None:
        headers.append(("x-amz-date", stamp))
    request = HttpRequest(method="POST", path="/", query="", headers=headers, body=b"")
    with pytest.raises(errors.IncompleteSignature):
        signature.verify(request, signature.read(request), SECRET, datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("part", ["X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"])
def test_a_presigned_request_that_lacks_a_part_is_incomplete(part: str) -> None:
    request = as_received(presigned(FIELDS))
    with pytest.raises(errors.IncompleteSignature, match=part):
        signature.read(replace(request, query=request.query.replace(part, "X-Amz-Other")))


def test_an_unsigned_request_is_refused() -> None:
    with pytest.raises(errors.MissingAuthenticationToken):
        signature.read(HttpRequest(method="POST", path="/", query="", headers=[("host", "h")], body=b"Action=DescribeVpcs"))


def test_ec2_has_one_name_for_a_wrong_secret_and_an_unknown_key() -> None:
    for error in (errors.SignatureDoesNotMatch(), errors.InvalidClientTokenId()):
        assert signature.for_protocol(error, "ec2").code == "AuthFailure"
        assert signature.for_protocol(error, "query") is error
    assert signature.for_protocol(errors.ExpiredToken(), "ec2").code == "RequestExpired"
    assert signature.for_protocol(errors.ExpiredToken(), "query").code == "ExpiredToken"
    incomplete = errors.IncompleteSignature(reason="x")
    assert signature.for_protocol(incomplete, "ec2") is incomplete

"""Signature Version 4: what a request's signature claims, and whether the claim holds.

Rule 1: what is compared is computed over what arrived, never over what a client says of it.
Rule 2: the body is always signed: ``UNSIGNED-PAYLOAD`` is for S3 alone, and is refused.
Rule 3: this file knows no account; whose a key is, is its caller's business.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from botocore.utils import normalize_url_path

from sidedoor import errors
from sidedoor.aws.models import Protocol

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=5)
MAX_PRESIGNED = timedelta(days=7)

_COMPACT = "%Y%m%dT%H%M%SZ"
_COMPACT_FORM = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_ACCESS_KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """What a signature covers. ``path`` and ``query`` are as they came, still encoded; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a request claims. ``timestamp`` is as it came; ``expires`` (seconds) is set in a presigned request alone."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: frozenset[str]
    digest: str
    timestamp: str | None
    expires: str | None = None
    session_token: str | None = None


def read(request: HttpRequest) -> Signature:
    """The signature of a request. Raises ``MissingAuthenticationToken``, ``IncompleteSignature``; verifies nothing."""
    authorization = request.header("authorization")
    if authorization is not None:
        return _from_header(request, authorization)
    presigned = dict(_pairs(request.query))
    if "X-Amz-Algorithm" in presigned:
        return _from_query(presigned)
    raise errors.MissingAuthenticationToken


def verify(request: HttpRequest, signature: Signature, secret: str, now: datetime) -> None:
    """Returns if whoever has ``secret`` signed exactly this request, and not too long ago.

    Raises ``SignatureDoesNotMatch``, ``IncompleteSignature``, ``RequestExpired``.
    """
    signed_at = _time(signature.timestamp)
    stamp = signed_at.strftime(_COMPACT)
    if stamp[:8] != signature.date:
        raise errors.SignatureDoesNotMatch("Date in Credential scope does not match the date of the request.")
    _check_coverage(request, signature)
    expected = _expected(request, signature, secret, stamp)
    if not hmac.compare_digest(expected, signature.digest):
        raise errors.SignatureDoesNotMatch
    _check_age(signature, signed_at, now)


def for_protocol(error: errors.ApiError, protocol: Protocol) -> errors.ApiError:
    """The error by the name that the protocol has for it: EC2 does not tell a wrong secret from an unknown key."""
    if protocol == "ec2" and isinstance(error, errors.SignatureDoesNotMatch | errors.InvalidClientTokenId):
        return errors.AuthFailure()
    if protocol == "ec2" and isinstance(error, errors.ExpiredToken):
        return errors.RequestExpired("Request has expired.")
    return error


def _from_header(request: HttpRequest, authorization: str) -> Signature:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise errors.IncompleteSignature(reason=f"the Authorization header must begin with {ALGORITHM}.")
    claims = dict(_claim(part) for part in rest.split(","))
    return _signature(
        credential=_required(claims, "Credential"),
        signed_headers=_required(claims, "SignedHeaders"),
        digest=_required(claims, "Signature"),
        timestamp=request.header("x-amz-date") or request.header("date"),
        session_token=request.header("x-amz-security-token"),
    )


def _claim(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value


def _from_query(presigned: Mapping[str, str]) -> Signature:
    if presigned["X-Amz-Algorithm"] != ALGORITHM:
        raise errors.IncompleteSignature(reason=f"X-Amz-Algorithm must be {ALGORITHM}.")
    return _signature(
        credential=_required(presigned, "X-Amz-Credential"),
        signed_headers=_required(presigned, "X-Amz-SignedHeaders"),
        digest=_required(presigned, "X-Amz-Signature"),
        timestamp=_required(presigned, "X-Amz-Date"),
        expires=_required(presigned, "X-Amz-Expires"),
        session_token=presigned.get("X-Amz-Security-Token"),
    )


def _required(claims: Mapping[str, str], name: str) -> str:
    if not claims.get(name):
        raise errors.IncompleteSignature(reason=f"it requires the parameter '{name}'.")
    return claims[name]


def _signature(
    *,
    credential: str,
    signed_headers: str,
    digest: str,
    timestamp: str | None,
    session_token: str | None,
    expires: str | None = None,
) -> Signature:
    scope = credential.rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request" or not all(scope) or not _ACCESS_KEY_ID.fullmatch(scope[0]):
        raise errors.IncompleteSignature(reason="Credential must be key-id/date/region/service/aws4_request.")
    if not _DIGEST.fullmatch(digest):
        raise errors.IncompleteSignature(reason="Signature must have 64 hexadecimal digits.")
    return Signature(
        access_key_id=scope[0], date=scope[1], region=scope[2], service=scope[3],
        signed_headers=frozenset(signed_headers.lower().split(";")), digest=digest,
        timestamp=timestamp, expires=expires, session_token=session_token,
    )  # fmt: skip


def _time(timestamp: str | None) -> datetime:
    """The time of signing: ``20260102T030405Z``, or the Date header's form."""
    if timestamp is None:
        raise errors.IncompleteSignature(reason="it requires an X-Amz-Date or a Date header.")
    try:
        if _COMPACT_FORM.fullmatch(timestamp):
            return datetime.fromisoformat(timestamp)
        when = parsedate_to_datetime(timestamp)
        return when.astimezone(UTC) if when.tzinfo is not None else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise errors.IncompleteSignature(reason="its date must be in the form YYYYMMDD'T'HHMMSS'Z'.") from None


def _check_coverage(request: HttpRequest, signature: Signature) -> None:
    """That the signature covers all that it has to: host, session token, every header that it names, and the body."""
    must_be_signed = {"host"} | ({"x-amz-security-token"} & {name for name, _ in request.headers})
    for name in sorted(must_be_signed - signature.signed_headers):
        raise errors.SignatureDoesNotMatch(f"'{name}' must be a signed header.")
    if signature.signed_headers - {name for name, _ in request.headers}:
        raise errors.SignatureDoesNotMatch
    declared = request.header("x-amz-content-sha256")
    if declared is not None and not hmac.compare_digest(declared.encode(), _sha256(request.body).encode()):
        raise errors.SignatureDoesNotMatch("The header x-amz-content-sha256 does not match the body.")


def _expected(request: HttpRequest, signature: Signature, secret: str, stamp: str) -> str:
    """The signature that whoever has the secret gives this request (tasks 1 to 4 of the specification)."""
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, _sha256(_canonical(request, signature).encode())))
    return _hmac(_signing_key(secret, signature.date, signature.region, signature.service), to_sign).hex()


def _canonical(request: HttpRequest, signature: Signature) -> str:
    """The canonical request: what every signer of this request agrees on."""
    signed: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name in signature.signed_headers:
            signed.setdefault(name, []).append(" ".join(value.split()))
    names = sorted(signed)
    path, query = "/", ""
    if request.path != "/":
        path = quote(normalize_url_path(request.path), safe="/~")
    if request.query:
        pairs = [pair for pair in _pairs(request.query) if pair[0] != "X-Amz-Signature"]
        query = "&".join(f"{key}={value}" for key, value in sorted((_escaped(key), _escaped(value)) for key, value in pairs))
    headers = [f"{name}:{','.join(signed[name])}" for name in names]
    return "\n".join((request.method.upper(), path, query, *headers, "", ";".join(names), _sha256(request.body)))


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")


@lru_cache(maxsize=1024)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of a day, region and service (task 3), the same for all of a client's requests to a service on one day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)


def _check_age(signature: Signature, signed_at: datetime, now: datetime) -> None:
    life = MAX_SKEW if signature.expires is None else _life(signature.expires)
    if not -MAX_SKEW <= now - signed_at <= life:
        raise errors.RequestExpired(signed=signed_at.strftime(_COMPACT), now=now.astimezone(UTC).strftime(_COMPACT))


def _life(expires: str) -> timedelta:
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= MAX_PRESIGNED.total_seconds():
        raise errors.IncompleteSignature(reason="X-Amz-Expires must be from 1 to 604800 seconds.")
    return timedelta(seconds=int(expires))


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise errors.MalformedQueryString from error

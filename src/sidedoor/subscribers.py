"""What subscribers open: the links that confirm and end a subscription, and the certificate that messages are signed with.

Nobody signs a request by opening a link: it is the token in it, which its endpoint alone was sent, that allows.

Rule: a browser that opens the link to end a subscription is asked once more, since programs that scan mail open links too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sidedoor import errors, ids
from sidedoor.notifications import texts
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.joining import confirmed, left
from sidedoor.notifications.letter import CONFIRM, UNSUBSCRIBE
from sidedoor.store.engine import Store

NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"


class Subscribers:
    """The routes, beside those of the API."""

    def __init__(
        self, store: Store, signer: Signer, *, clock: Callable[[], datetime], entropy: ids.Entropy = os.urandom
    ) -> None:
        self._store, self._signer = store, signer
        self._clock, self._entropy = clock, entropy

    def routes(self) -> list[Route]:
        return [
            Route(CONFIRM, self._confirm, methods=["GET"]),
            Route(UNSUBSCRIBE, self._leave, methods=["GET", "POST"]),
            Route(self._signer.path, self._certificate, methods=["GET"]),
        ]

    async def _certificate(self, _: Request) -> Response:
        return Response(self._signer.certificate, media_type="application/x-pem-file")

    async def _confirm(self, request: Request) -> Response:
        topic_arn, token = (request.query_params.get(name, "") for name in ("TopicArn", "Token"))
        try:
            arn = await run_in_threadpool(self._confirmed, topic_arn, token)
        except errors.ApiError as error:
            return _refusal(request, error, "unconfirmed")
        if _is_for_people(request):
            return HTMLResponse(texts.page("confirmed", _language(request), subject=topic_arn))
        return _xml("ConfirmSubscription", f"<SubscriptionArn>{escape(arn)}</SubscriptionArn>")

    def _confirmed(self, topic_arn: str, token: str) -> str:
        with self._store.write() as tables:
            return confirmed(tables, tables.topics.find(topic_arn), token, now=self._clock()).id

    async def _leave(self, request: Request) -> Response:
        arn = request.query_params.get("SubscriptionArn", "")
        if _is_for_people(request) and request.method == "GET":
            action = f"{request.url.path}?{request.url.query}"
            return HTMLResponse(texts.page("leave", _language(request), subject=arn, action=action))
        try:
            await run_in_threadpool(self._left, arn)
        except errors.ApiError as error:
            return _refusal(request, error, "forbidden")
        if _is_for_people(request):
            return HTMLResponse(texts.page("left", _language(request), subject=arn))
        return _xml("Unsubscribe", None)

    def _left(self, arn: str) -> None:
        with self._store.write() as tables:
            left(tables, arn, now=self._clock(), entropy=self._entropy)


def _is_for_people(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _language(request: Request) -> texts.Language:
    return texts.preferred(request.headers.get("accept-language", ""))


def _refusal(request: Request, error: errors.ApiError, page: str) -> Response:
    if _is_for_people(request):
        return HTMLResponse(texts.page(page, _language(request)), status_code=error.status)
    body = f"<Error><Type>Sender</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    content = f'<ErrorResponse xmlns="{NAMESPACE}">{body}</ErrorResponse>'
    return Response(content, status_code=error.status, media_type="text/xml")


def _xml(operation: str, result: str | None) -> Response:
    inner = "" if result is None else f"<{operation}Result>{result}</{operation}Result>"
    return Response(f'<{operation}Response xmlns="{NAMESPACE}">{inner}</{operation}Response>', media_type="text/xml")

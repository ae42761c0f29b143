"""The console over HTTP: signing in with an access key, the session in a signed cookie, and the headers that keep it safe.

Rule 1: every request looks its access key up again, so that a key that was deactivated or has run out ends its sessions.
Rule 2: what changes something is a POST from a page of ours: the cookie does not come along from elsewhere (SameSite), and the
browser's ``Origin`` has to be ours.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from sidedoor import errors
from sidedoor.aws.door import Authenticate, Credential, Invoke
from sidedoor.console import pages
from sidedoor.console.pages import PAGES, Elsewhere, Page
from sidedoor.console.visit import Visit
from sidedoor.console.words import words
from sidedoor.notifications.texts import Language, preferred
from sidedoor.rendering import templates

log = logging.getLogger(__name__)

PATH = "/console"
SESSION_SECONDS = 12 * 60 * 60
"""As long as AWS's own console lets one stay."""

MAX_FORM = 64 * 1024
DEFAULT_REGION = "us-east-1"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d", re.ASCII)


class Console:
    """``secret``: signs the sessions. ``url``: ours from outside, whose path comes before the console's.

    ``mail``: where mails are, None if a server takes them.
    """

    def __init__(self, authenticate: Authenticate, invoke: Invoke, *, secret: bytes, url: str = "", mail: Path | None) -> None:
        self._authenticate, self._invoke = authenticate, invoke
        self._secret = hmac.digest(secret, b"console", "sha256").hex()
        outside = urlsplit(url)
        self._home, self._is_secure = outside.path.rstrip("/") + PATH, outside.scheme == "https"
        self._outside = outside.netloc
        self._mail = mail

    def route(self) -> Mount:
        session = Middleware(
            SessionMiddleware, secret_key=self._secret, session_cookie="sidedoor-console", max_age=SESSION_SECONDS,
            path=self._home, same_site="lax", https_only=self._is_secure,
        )  # fmt: skip
        routes = [
            Route("/", self._first),
            Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            Route("/services/{service_id}/connections", self._decide, methods=["POST"]),
            *(Route(path, self._page(make)) for path, make in PAGES.items()),
            Route("/{rest:path}", self._page(lambda visit: pages.missing(visit.path["rest"]))),
        ]
        return Mount(PATH, app=Starlette(routes=routes, middleware=[session]))

    # --- pages ----------------------------------------------------------------------------------------------------

    def _page(self, make: Callable[[Visit], Page]) -> Callable[[Request], Any]:
        async def shown(request: Request) -> Response:
            return await run_in_threadpool(self._shown, request, make)

        return shown

    def _shown(self, request: Request, make: Callable[[Visit], Page]) -> Response:
        visit = self._visit(request)
        if visit is None:
            return self._asked_to_sign_in(request)
        try:
            page = make(visit)
        except Elsewhere as other:
            return self._led(other.path)
        except errors.ApiError as error:
            page = Page("failed", "failed", {"error": error}, error.status)
        return self._rendered(request, page, visit)

    async def _decide(self, request: Request) -> Response:
        form = await _form(request)
        return await run_in_threadpool(self._decided, request, form)

    def _decided(self, request: Request, form: dict[str, list[str]]) -> Response:
        visit = self._visit(request)
        if visit is None or not self._is_ours(request):
            return self._asked_to_sign_in(request)
        try:
            request.session["notice"] = pages.decide(visit, form)
        except errors.ApiError as error:
            request.session["notice"] = error.message
        path = f"/services/{visit.path['service_id']}"
        return self._led(f"{path}/connections/{form['endpoint'][0]}" if "single" in form and "endpoint" in form else path)

    async def _first(self, _: Request) -> Response:
        return self._led("/services")

    # --- sessions -------------------------------------------------------------------------------------------------

    def _visit(self, request: Request) -> Visit | None:
        """Who has signed in, or None. What the URL says of the region and the language counts from now on."""
        session = request.session
        if "key" not in session:
            return None
        try:
            caller = self._authenticate(session["key"], session.get("token")).caller
        except errors.ApiError:
            session.clear()
            return None
        region = _region(request.query_params.get("region", ""))
        if region is not None:
            session["region"] = region
        return Visit(
            caller=caller, region=session.get("region", DEFAULT_REGION), language=_language(request), invoke=self._invoke,
            path=request.path_params, query=dict(request.query_params), mail=self._mail,
            source=_source(request), user_agent=request.headers.get("user-agent"),
        )  # fmt: skip

    async def _sign_in(self, request: Request) -> Response:
        if request.method == "GET":
            return self._rendered(request, Page("sign_in", "sign in", self._wanted(request.query_params.get("to", ""))))
        form = {name: values[0] for name, values in (await _form(request)).items()}
        if not self._is_ours(request) or not await run_in_threadpool(self._signed_in, request, form):
            values = {**self._wanted(form.get("to", "")), "refused": True}
            return self._rendered(request, Page("sign_in", "sign in", values, 403))
        return self._led(_path_of_ours(form.get("to", "")))

    def _signed_in(self, request: Request, form: dict[str, str]) -> bool:
        key, token = form.get("key", "").strip(), form.get("token", "").strip() or None
        source = _source(request)
        try:
            credential = self._authenticate(key, token)
        except errors.ApiError as error:
            log.info("nobody signs in to the console: %s", error.code, extra={"action": "console.refused", "source": source})
            return False
        if not _knows(credential, form.get("secret", "").strip()):
            context = {"action": "console.refused", "source": source, "caller": credential.caller.arn}
            log.info("nobody signs in to the console: the secret is not that of the access key", extra=context)
            return False
        request.session.update(key=key, token=token, region=_region(form.get("region", "").strip()) or DEFAULT_REGION)
        context = {"action": "console.signed_in", "source": source, "caller": credential.caller.arn}
        log.info("%s signs in to the console", credential.caller.arn, extra=context)
        return True

    async def _sign_out(self, request: Request) -> Response:
        if self._is_ours(request):
            language = request.session.get("language")
            request.session.clear()
            request.session.update({"language": language} if language else {})
        return self._led("/sign-in")

    def _asked_to_sign_in(self, request: Request) -> Response:
        """In place of the page that was asked for, which comes once somebody has signed in."""
        path = request.url.path[request.url.path.index(PATH) + len(PATH) :]
        query = f"?{request.url.query}" if request.url.query else ""
        wanted = f"{path}{query}" if request.method == "GET" else ""
        return self._rendered(request, Page("sign_in", "sign in", self._wanted(wanted), 401))

    def _wanted(self, path: str) -> dict[str, Any]:
        """What the form to sign in is made of."""
        region = _region(parse_qs(urlsplit(path).query).get("region", [""])[0])
        return {"to": _path_of_ours(path), "refused": False, "region": region or DEFAULT_REGION}

    def _is_ours(self, request: Request) -> bool:
        """Whether a POST is from one of our pages. A client that is no browser says nothing, and has nobody's cookie."""
        origin = request.headers.get("origin")
        return origin is None or urlsplit(origin).netloc in (request.headers.get("host"), self._outside or None)

    # --- responses ------------------------------------------------------------------------------------------------

    def _led(self, path: str) -> Response:
        return RedirectResponse(self._home + path, 303)

    def _rendered(self, request: Request, page: Page, visit: Visit | None = None) -> Response:
        language, nonce = _language(request), secrets.token_urlsafe(16)
        known = words(language)
        notice = request.session.pop("notice", None) if visit else None
        content = (
            templates("sidedoor.console")
            .get_template(f"{page.template}.html.j2")
            .render(
                page.values, words=known, title=known[page.title], language=language, home=self._home, nonce=nonce,
                visit=visit, notice=known.get(notice, notice) if notice else None,
            )
        )  # fmt: skip
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers = {
            "content-security-policy": policy, "cache-control": "no-store", "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
        }  # fmt: skip
        return HTMLResponse(content, page.status, headers)


def _knows(credential: Credential, secret: str) -> bool:
    """Whether the secret is the access key's. In ``--dev`` any is."""
    return credential.secret is None or hmac.compare_digest(credential.secret.encode(), secret.encode())


def _region(text: str) -> str | None:
    """The name of a region, or None where this is none."""
    return text if _REGION.fullmatch(text) else None


def _source(request: Request) -> str | None:
    """The browser's address."""
    return request.client.host if request.client else None


def _path_of_ours(path: str) -> str:
    """A path beneath the console, and never a way out of it."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and ".." not in path else "/"


async def _form(request: Request) -> dict[str, list[str]]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            return {}
    return parse_qs(body.decode(errors="replace"))


def _language(request: Request) -> Language:
    """The one that was chosen last by a link, or else the browser's."""
    asked = request.query_params.get("language")
    if asked in ("en", "ja"):
        request.session["language"] = asked
    chosen = request.session.get("language")
    return chosen if chosen in ("en", "ja") else preferred(request.headers.get("accept-language", ""))

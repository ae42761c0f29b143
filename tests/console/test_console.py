"""The console, as a browser meets it: signing in, who sees what, accepting and rejecting, mails, both languages."""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from api_server import serving
from privatelink_site import CONSUMER, PROVIDER, STRANGER, Site
from sidedoor import console
from sidedoor.app.control_plane import ControlPlane
from sidedoor.console import pages
from sidedoor.console.words import _WORDS, words
from sidedoor.identity import access_keys, accounts
from sidedoor.identity.model import AccessKey
from sidedoor.notifications.carriers.dead import DeadLetters
from sidedoor.notifications.carriers.mail import MaildirCarrier, MailWriter
from sidedoor.notifications.carriers.queue import Queues
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.mailbox import stored
from sidedoor.notifications.subscriptions import subscribe
from sidedoor.notifications.topics import create_topic
from sidedoor.postman import Postman
from world import World

OUTSIDE = "http://sidedoor.test"
VOID = {"meta", "input", "br", "link"}


class Balanced(HTMLParser):
    """Fails where an element is not closed, or another is closed than was opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@dataclass
class Lab:
    """An installation without ``--dev``, a site in it, and browsers. ``keys``: of the roots, by account."""

    world: World
    site: Site
    control: ControlPlane
    url: str
    keys: dict[str, AccessKey]
    mail: Path
    browsers: ExitStack

    def browser(self, **headers: str) -> Browser:
        client = httpx.Client(base_url=self.url, headers=headers, follow_redirects=False, timeout=30)
        return Browser(self.browsers.enter_context(client), self.url)

    def signed_in(self, account: str = PROVIDER, **headers: str) -> Browser:
        browser, key = self.browser(**headers), self.keys[account]
        assert browser.sign_in(key.id, key.secret).status_code == 303
        return browser


@dataclass
class Browser:
    client: httpx.Client
    origin: str

    def sign_in(self, key: str, secret: str, **fields: str) -> httpx.Response:
        return self.post("/sign-in", {"key": key, "secret": secret, **fields})

    def post(self, path: str, data: dict[str, Any], origin: str | None = None) -> httpx.Response:
        return self.client.post(f"/console{path}", data=data, headers={"origin": origin or self.origin})

    def page(self, path: str, status: int = 200) -> str:
        """The text of a page, which is whole HTML that may load and run nothing."""
        answer = self.client.get(f"/console{path}")
        assert answer.status_code == status, answer.text
        parser = Balanced()
        parser.feed(answer.text)
        assert parser.open == []
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        return html.unescape(answer.text)

    def decide(
        self, service: dict[str, Any], what: str, *endpoints: dict[str, Any], origin: str | None = None, **form: str
    ) -> httpx.Response:
        data = {"do": what, "endpoint": [one["VpcEndpointId"] for one in endpoints], **form}
        return self.post(f"/services/{service['ServiceId']}/connections", data, origin)


@contextmanager
def lab_of(world: World, state: Path, **options: Any) -> Iterator[Lab]:
    with world.store.write() as tables:
        keys = {
            account: accounts.create_account(tables, f"account {account}", world.now, os.urandom, account)[1]
            for account in (PROVIDER, CONSUMER, STRANGER)
        }
    options = {"url": OUTSIDE, "mail": state / "mail", **options}
    control = ControlPlane(world.store, dev=False, clock=lambda: world.now, **options)
    with serving(Starlette(routes=[control.console.route()])) as url, ExitStack() as browsers:
        yield Lab(world, Site(world), control, url, keys, state / "mail", browsers)


@pytest.fixture
def lab(world: World, tmp_path: Path) -> Iterator[Lab]:
    with lab_of(world, tmp_path) as made:
        yield made


def waiting(lab: Lab) -> tuple[dict[str, Any], dict[str, Any]]:
    """A service that wants to accept, and an endpoint that waits for it."""
    service = lab.site.open_service(AcceptanceRequired=True)
    return service, lab.site.endpoint(service)


def path_of(service: dict[str, Any], endpoint: dict[str, Any]) -> str:
    return f"/services/{service['ServiceId']}/connections/{endpoint['VpcEndpointId']}"


def test_the_console_stands_beside_the_api(lab: Lab) -> None:
    with serving(lab.control.application()) as url:
        assert httpx.get(f"{url}/console/sign-in").status_code == 200
        assert httpx.get(f"{url}/healthz").status_code == 503
        assert "MissingAuthenticationToken" in httpx.post(url, data={"Action": "DescribeVpcs"}).text


# --- signing in ---------------------------------------------------------------------------------------------------


def test_who_has_not_signed_in_is_asked_to_and_then_led_to_the_page_that_was_wanted(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    browser, key = lab.browser(), lab.keys[PROVIDER]
    asked = browser.page(f"{path_of(service, endpoint)}?region=us-east-1", 401)
    (wanted,) = re.findall(r'name="to" value="([^"]*)"', asked)
    assert wanted == f"{path_of(service, endpoint)}?region=us-east-1"
    answer = browser.sign_in(key.id, key.secret, to=wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console{wanted}")
    assert endpoint["VpcEndpointId"] in browser.page(wanted)


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_a_wrong_secret_signs_nobody_in(lab: Lab, secret: str) -> None:
    browser = lab.browser()
    for key in (lab.keys[PROVIDER].id, "AKIAXXXXXXXXXXXXXXXX"):
        assert browser.sign_in(key, secret).status_code == 403
    browser.page("/services", 401)


def test_a_key_that_is_deactivated_ends_its_sessions(lab: Lab) -> None:
    browser = lab.signed_in()
    browser.page("/services")
    request = {"AccessKeyId": lab.keys[PROVIDER].id, "Status": "Inactive"}
    lab.world.ask(access_keys.update_access_key, account=PROVIDER, **request)
    lab.control._credentials.forget()  # as a second later, or as the API does it by itself
    browser.page("/services", 401)


def test_signing_out_ends_a_browsers_session(lab: Lab) -> None:
    browser = lab.signed_in()
    assert browser.post("/sign-out", {}).status_code == 303
    browser.page("/services", 401)


def test_a_cookie_that_was_changed_is_nobodys(lab: Lab) -> None:
    browser = lab.signed_in()
    (cookie,) = (one for one in browser.client.cookies.jar if one.name == "sidedoor-console")
    assert cookie.has_nonstandard_attr("httponly") or cookie.has_nonstandard_attr("HttpOnly")
    browser.client.cookies.clear()
    browser.client.cookies.set("sidedoor-console", "A" + str(cookie.value)[1:])
    browser.page("/services", 401)


@pytest.mark.parametrize("elsewhere", ["//evil.test/", "https://evil.test/", "/\\evil.test", "/../api", "x"])
def test_signing_in_leads_to_no_page_but_ours(lab: Lab, elsewhere: str) -> None:
    key = lab.keys[PROVIDER]
    answer = lab.browser().sign_in(key.id, key.secret, to=elsewhere)
    assert answer.headers["location"] == "/console/"


# --- what is shown ------------------------------------------------------------------------------------------------


def test_a_provider_sees_its_services_their_connections_and_what_happened(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    browser = lab.signed_in()
    assert service["ServiceId"] in browser.page("/services")
    assert endpoint["VpcEndpointId"] in browser.page(f"/services/{service['ServiceId']}")
    shown = browser.page(path_of(service, endpoint))
    assert all(text in shown for text in (CONSUMER, "pendingAcceptance", "CreateVpcEndpoint"))
    assert endpoint["VpcEndpointId"] in browser.page("/events")


def test_a_consumer_who_opens_the_link_of_a_connection_is_led_to_its_endpoint(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    browser = lab.signed_in(CONSUMER)
    answer = browser.client.get(f"/console{path_of(service, endpoint)}")
    assert answer.headers["location"] == f"/console/endpoints/{endpoint['VpcEndpointId']}"
    assert "pendingAcceptance" in browser.page(f"/endpoints/{endpoint['VpcEndpointId']}")
    assert endpoint["VpcEndpointId"] in browser.page("/endpoints")


def test_nobody_else_sees_any_of_it(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    browser = lab.signed_in(STRANGER)
    for path in ("/services", "/endpoints", "/events"):
        shown = browser.page(path)
        assert service["ServiceId"] not in shown
        assert endpoint["VpcEndpointId"] not in shown
    for path in (f"/services/{service['ServiceId']}", path_of(service, endpoint), f"/endpoints/{endpoint['VpcEndpointId']}"):
        browser.page(path, 404)
    assert "pendingAcceptance" in lab.site.described(endpoint)["State"]
    browser.decide(service, "accept", endpoint)
    assert lab.site.described(endpoint)["State"] == "pendingAcceptance"


def test_the_region_of_a_link_counts_from_then_on(lab: Lab) -> None:
    service, _ = waiting(lab)
    browser = lab.signed_in()
    assert service["ServiceId"] not in browser.page("/services?region=eu-west-1")
    assert service["ServiceId"] not in browser.page("/services")
    assert service["ServiceId"] in browser.page("/services?region=us-east-1")


def test_what_users_wrote_is_text_and_never_html(lab: Lab) -> None:
    tags = [{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "Name", "Value": "<script>alert(1)</script>"}]}]
    lab.site.service(TagSpecifications=tags)
    answer = lab.signed_in().client.get("/console/services")
    assert "&lt;script&gt;" in answer.text
    assert "<script" not in answer.text


def test_a_long_list_goes_on_on_the_next_page(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    made = {lab.site.service(lab.site.balancer(f"front-{number}"))["ServiceId"] for number in range(7)}
    browser = lab.signed_in()
    first = browser.page("/services")
    (more,) = re.findall(r'href="(\?next=[^"]+)"', first)
    second = browser.page(f"/services{more}")
    assert [sum(f">{service_id}<" in shown for service_id in made) for shown in (first, second)] == [5, 2]
    browser.page("/services?next=made-up", 400)


def test_a_page_that_there_is_not_says_so(lab: Lab) -> None:
    lab.signed_in().page("/nowhere/at/all", 404)
    lab.signed_in().page("/services/vpce-svc-00000000000000000", 404)


# --- accepting and rejecting --------------------------------------------------------------------------------------


def test_a_connection_is_accepted_and_rejected_and_the_page_says_so_once(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    browser = lab.signed_in()
    for what, state in (("accept", "pending"), ("reject", "rejected")):
        answer = browser.decide(service, what, endpoint, single="yes")
        assert answer.headers["location"] == f"/console{path_of(service, endpoint)}"
        assert lab.site.described(endpoint)["State"] == state
        shown = browser.page(path_of(service, endpoint))
        assert words("en")[f"{what}ed"] in shown
        assert words("en")[f"{what}ed"] not in browser.page(path_of(service, endpoint))


def test_several_connections_are_accepted_at_once(lab: Lab) -> None:
    service, first = waiting(lab)
    second = lab.site.endpoint(service)
    lab.signed_in().decide(service, "accept", first, second)
    assert {lab.site.described(one)["State"] for one in (first, second)} == {"pending"}


def test_a_refusal_is_shown_in_the_apis_words(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    lab.site.delete(endpoint)
    browser = lab.signed_in()
    browser.decide(service, "accept", endpoint)
    assert endpoint["VpcEndpointId"] in browser.page(f"/services/{service['ServiceId']}").split('class="notice"')[1]
    browser.decide(service, "accept")
    assert words("en")["nothing chosen"] in browser.page(f"/services/{service['ServiceId']}")


def test_another_sites_page_changes_nothing(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    browser = lab.signed_in()
    for origin in ("http://evil.test", "null"):
        assert browser.decide(service, "accept", endpoint, origin=origin).status_code == 401
    assert lab.site.described(endpoint)["State"] == "pendingAcceptance"


def test_who_did_it_and_from_where_is_in_the_log_of_events(lab: Lab) -> None:
    service, endpoint = waiting(lab)
    lab.signed_in(**{"user-agent": "a browser"}).decide(service, "accept", endpoint)
    (actor,) = (event.actor for event in lab.site.events() if event.name == "Accept")
    assert actor is not None
    assert (actor.operation, actor.user_agent) == ("AcceptVpcEndpointConnections", "a browser")
    assert actor.access_key_id == lab.keys[PROVIDER].id


# --- mails --------------------------------------------------------------------------------------------------------


def sent(lab: Lab, account: str, name: str = "ops") -> str:
    """Has the account's topic ask somebody by mail. Returns the address."""
    arn = lab.world.ask(create_topic, account=account, Name="told")["TopicArn"]
    address = f"{name}-{account}@example.com"
    lab.world.ask(subscribe, account=account, TopicArn=arn, Protocol="email", Endpoint=address)
    carriers = {"email": MaildirCarrier(lab.mail, MailWriter("sns@sidedoor.test", Signer.new(lab.world.now)))}
    dead = DeadLetters(Queues(None), lab.mail.with_name("dead"))
    postman = Postman(
        lab.world.store, carriers=carriers, dead=dead, base=OUTSIDE, clock=lambda: lab.world.now, entropy=os.urandom
    )
    asyncio.run(postman.turn())
    return address


def test_mails_that_no_server_takes_are_shown_to_the_account_of_their_topic(lab: Lab) -> None:
    own, other = sent(lab, PROVIDER), sent(lab, CONSUMER)
    browser = lab.signed_in()
    listed = browser.page("/mail")
    assert own in listed
    assert other not in listed
    (path,) = re.findall(r'href="/console(/mail/[^"]+)"', listed)
    assert f'href="{OUTSIDE}/sns/confirm?' in browser.page(path)
    lab.signed_in(CONSUMER).page(path, 404)
    assert all("\r" not in one.text for one in stored(lab.mail))


def test_many_mails_go_on_on_the_next_page(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 2)
    addresses = {sent(lab, PROVIDER, f"ops{number}") for number in range(5)}
    browser, shown, more = lab.signed_in(), [], "/mail"
    while more:
        page = browser.page(more)
        shown.append({address for address in addresses if address in page})
        more = "".join(f"/mail{link}" for link in re.findall(r'href="(\?next=[^"]+)"', page))
    assert [len(page) for page in shown] == [2, 2, 1]
    assert set().union(*shown) == addresses


def test_where_a_server_takes_the_mail_the_page_says_so(world: World, tmp_path: Path) -> None:
    with lab_of(world, tmp_path, mail=None) as lab:
        assert words("en")["sent"] in lab.signed_in().page("/mail")


# --- languages, and where it stands -------------------------------------------------------------------------------


def test_the_language_is_the_browsers_until_another_is_chosen(lab: Lab) -> None:
    browser = lab.signed_in(**{"accept-language": "ja-JP,ja;q=0.9,en;q=0.8"})
    assert words("ja")["no services"] in browser.page("/services")
    assert words("en")["no services"] in browser.page("/services?language=en")
    assert words("en")["no services"] in browser.page("/services")


def test_every_word_is_there_in_both_languages_and_is_used() -> None:
    folder = Path(console.__file__).parent
    files = [path for path in [*folder.glob("*.py"), *folder.glob("templates/*")] if path.name != "words.py"]
    used = "".join(path.read_text() for path in files)
    for name, (english, japanese) in _WORDS.items():
        assert english
        assert japanese
        assert f'"{name}"' in used or name in ("accepted", "rejected")


def test_behind_a_proxy_with_a_path_of_its_own_links_and_cookie_have_that_path(world: World, tmp_path: Path) -> None:
    with lab_of(world, tmp_path, url="https://example.com/sidedoor") as lab:
        key = lab.keys[PROVIDER]
        form = {"key": key.id, "secret": key.secret}
        answer = lab.browser().post("/sign-in", form, origin="https://example.com")
    assert answer.headers["location"] == "/sidedoor/console/"
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("path=/sidedoor/console", "httponly", "secure", "samesite=lax"))

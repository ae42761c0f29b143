"""The carriers with real servers at the other end: HTTP, SMTP, a maildir and the disk; and the links that subscribers open."""

from __future__ import annotations

import asyncio
import base64
import json
import mailbox
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from receivers import HttpReceiver, http_receiver, mail_server
from sns_site import QUEUE, TOPIC, attributes, join, make_topic, set_attribute
from starlette.applications import Starlette

from sidedoor.notifications.carriers.dead import DeadLetters
from sidedoor.notifications.carriers.http import HttpCarrier
from sidedoor.notifications.carriers.mail import MaildirCarrier, MailWriter, SmtpCarrier, SmtpServer
from sidedoor.notifications.carriers.outbound import Reach
from sidedoor.notifications.carriers.queue import QueueCarrier, Queues
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.publishing import publish
from sidedoor.notifications.subscriptions import confirm_subscription
from sidedoor.postman import Postman
from sidedoor.subscribers import Subscribers

BASE = "http://sidedoor.test"
HERE = Reach((ip_network("127.0.0.0/8"),))
BROWSER = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "ja,en;q=0.5"}


OF_QUESTIONS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
"""The members that a signature is over, where a confirmation is asked for."""


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new(datetime.fromisoformat("2026-01-02T03:04:05+00:00"))


@dataclass
class Post:
    """A postman with the real carriers, and the pages that subscribers open."""

    world: Any
    signer: Signer
    state: Path
    reach: Reach = HERE
    smtp: SmtpServer | None = None
    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        now: datetime = self.world.now + self.ahead
        return now

    async def turn(self) -> int:
        writer, queues = MailWriter("sns@sidedoor.test", self.signer), Queues(None)
        mail = SmtpCarrier(self.smtp, writer) if self.smtp else MaildirCarrier(self.state / "mail", writer)
        http = HttpCarrier(self.signer, self.reach)
        carriers = {"http": http, "email": mail, "email-json": mail, "sqs": QueueCarrier(queues, self.signer)}
        postman = Postman(
            self.world.store, carriers=carriers, dead=DeadLetters(queues, self.state / "dead-letters"), base=BASE,
            clock=self.now, entropy=self.world.random.randbytes,
        )  # fmt: skip
        try:
            return await postman.turn()
        finally:
            await http.close()

    async def open(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        """What somebody gets who opens a link of a message."""
        pages = Subscribers(self.world.store, self.signer, clock=self.now, entropy=self.world.random.randbytes)
        transport = httpx.ASGITransport(Starlette(routes=pages.routes()))
        async with httpx.AsyncClient(transport=transport, headers=headers) as client:
            return await client.request(method, url)

    def publish(self, text: str, **request: Any) -> str:
        message_id: str = self.world.ask(publish, TopicArn=TOPIC, Message=text, **request)["MessageId"]
        return message_id


@pytest.fixture
def post(world: Any, signer: Signer, tmp_path: Path) -> Post:
    make_topic(world)
    return Post(world, signer, tmp_path)


def verified(document: dict[str, Any], certificate: bytes, names: tuple[str, ...]) -> None:
    """Raises where the signature is not over these members. Written out here as AWS's guide has it."""
    text = "".join(f"{name}\n{document[name]}\n" for name in names)
    key: Any = x509.load_pem_x509_certificate(certificate).public_key()
    algorithm = {"1": hashes.SHA1, "2": hashes.SHA256}[document["SignatureVersion"]]()
    key.verify(base64.b64decode(document["Signature"]), text.encode(), padding.PKCS1v15(), algorithm)


async def joined(post: Post, receiver: HttpReceiver, **request: Any) -> str:
    """A subscription that the receiver has confirmed by opening the link that it was sent."""
    arn = join(post.world, "http", receiver.url, **request)
    await post.turn()
    answer = await post.open(receiver.received.pop().document["SubscribeURL"])
    assert answer.status_code == 200
    assert f"<SubscriptionArn>{arn}</SubscriptionArn>" in answer.text
    return arn


def test_an_http_endpoint_confirms_and_then_gets_signed_notifications(post: Post) -> None:
    async def play() -> None:
        async with http_receiver() as receiver:
            arn = join(post.world, "http", receiver.url)
            post.publish("too early")
            await post.turn()
            (asked,) = receiver.received
            assert (asked.path, asked.headers["x-amz-sns-message-type"]) == ("/hook?a=b", "SubscriptionConfirmation")
            assert "x-amz-sns-subscription-arn" not in asked.headers
            certificate = (await post.open(asked.document["SigningCertURL"])).content
            verified(asked.document, certificate, OF_QUESTIONS)
            assert (await post.open(asked.document["SubscribeURL"])).status_code == 200

            message_id = post.publish("hello", Subject="Greeting")
            await post.turn()
            got = receiver.received[1]
            assert {name: got.headers[name] for name in got.headers if name.startswith("x-amz-sns")} == {
                "x-amz-sns-message-type": "Notification",
                "x-amz-sns-message-id": message_id,
                "x-amz-sns-topic-arn": TOPIC,
                "x-amz-sns-subscription-arn": arn,
            }
            assert (got.headers["content-type"], got.headers["user-agent"]) == (
                "text/plain; charset=UTF-8",
                "Amazon Simple Notification Service Agent",
            )
            verified(got.document, certificate, ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"))
            assert (got.document["Message"], got.document["Subject"], got.document["SignatureVersion"]) == (
                "hello",
                "Greeting",
                "1",
            )
            assert len(receiver.received) == 2

    asyncio.run(play())


def test_signature_version_2_is_over_the_same_text_with_sha_256(post: Post) -> None:
    async def play() -> None:
        set_attribute(post.world, "SignatureVersion", "2")
        async with http_receiver() as receiver:
            await joined(post, receiver)
            post.publish("hello")
            await post.turn()
            document = receiver.received[0].document
            assert document["SignatureVersion"] == "2"
            names = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
            verified(document, post.signer.certificate, names)
            with pytest.raises(InvalidSignature):
                verified({**document, "Message": "another"}, post.signer.certificate, names)

    asyncio.run(play())


def test_raw_delivery_sends_the_message_itself(post: Post) -> None:
    async def play() -> None:
        async with http_receiver() as receiver:
            await joined(post, receiver, Attributes={"RawMessageDelivery": "true"})
            post.publish("hello")
            await post.turn()
            assert (receiver.received[0].body, receiver.received[0].headers["x-amz-sns-rawdelivery"]) == (b"hello", "true")

    asyncio.run(play())


@pytest.mark.parametrize(("status", "again"), [(500, True), (503, True), (429, True), (404, False), (302, False)])
def test_what_is_the_endpoints_last_word_is_not_tried_again(post: Post, status: int, again: bool) -> None:
    async def play() -> None:
        async with http_receiver() as receiver, http_receiver() as elsewhere:
            await joined(post, receiver)
            receiver.statuses, receiver.location = [status], elsewhere.url
            post.publish("hello")
            await post.turn()
            post.ahead += timedelta(seconds=21)
            await post.turn()
            assert (len(receiver.received), elsewhere.received) == (2 if again else 1, [])
            assert len(list(post.state.glob("dead-letters/*.json"))) == (0 if again else 1)

    asyncio.run(play())


@pytest.mark.parametrize(("answer", "connections"), [("nothing", 1), ("a short one", 1), ("a long one", 3), ("stalls", 3)])
def test_a_connection_is_used_again_where_its_answer_was_short(
    post: Post, answer: str, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whatever comes after the status, or does not, the message is delivered."""
    monkeypatch.setattr("sidedoor.notifications.carriers.http.BODY_SECONDS", 0.05)

    async def play() -> None:
        async with http_receiver() as receiver:
            await joined(post, receiver)
            receiver.connections, receiver.stalls = 0, answer == "stalls"
            receiver.body = {"nothing": b"", "a long one": b"x" * 100_000}.get(answer, b"OK")
            http = HttpCarrier(post.signer, HERE)
            post.publish("hello")
            letter = only_letter(post)
            for _ in range(3):
                await http.carry(letter)
            await http.close()
            assert (len(receiver.received), receiver.connections) == (3, connections)

    asyncio.run(play())


def only_letter(post: Post) -> Letter:
    """The one that is to be carried."""
    with post.world.store.read() as tables:
        (delivery,), (message,) = tables.deliveries.where(), tables.messages.where()
    return Letter(delivery=delivery, message=message, subscription=None, topic=None, base=BASE)


def test_a_subscriber_has_connections_of_its_own_which_end_when_nobody_writes_to_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with http_receiver() as receiver:
            await joined(post, receiver)
            receiver.connections = receiver.ended = 0
            http = HttpCarrier(post.signer, HERE)
            post.publish("hello")
            letter = only_letter(post)
            other = replace(letter, delivery=replace(letter.delivery, subscription_id="another"))
            for _ in range(2):
                await asyncio.gather(http.carry(letter), http.carry(other))
            assert (receiver.connections, receiver.ended) == (2, 0)
            monkeypatch.setattr("sidedoor.notifications.carriers.http.KEPT_SECONDS", 0.0)
            await asyncio.gather(http.carry(letter), http.carry(other))
            async with asyncio.timeout(10):
                while receiver.ended < 2:  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.01)
            await http.carry(letter)
            assert receiver.connections == 3
            await http.close()

    asyncio.run(play())


def test_a_dead_letter_on_disk_says_what_it_was_and_why(post: Post) -> None:
    async def play() -> None:
        async with http_receiver() as receiver:
            arn = await joined(post, receiver)
            receiver.statuses = [410]
            message_id = post.publish("hello")
            await post.turn()
        (path,) = post.state.glob("dead-letters/*")
        letter = json.loads(path.read_text(encoding="utf-8"))
        assert letter.pop("document")["MessageId"] == message_id
        assert letter == {"subscription": arn, "protocol": "http", "endpoint": receiver.url, "lastError": "it answered 410"}

    asyncio.run(play())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_nothing_goes_to_the_hosts_own_addresses_unless_that_is_allowed(post: Post, host: str) -> None:
    async def play() -> None:
        async with http_receiver() as receiver:
            join(post.world, "http", receiver.url.replace("127.0.0.1", host))
            post.reach = Reach()
            await post.turn()
            assert receiver.received == []
            (path,) = post.state.glob("dead-letters/*")
            assert "--deliver-to allows it" in json.loads(path.read_text(encoding="utf-8"))["lastError"]

    asyncio.run(play())


def test_link_local_addresses_are_out_of_reach_and_private_ones_are_not() -> None:
    nothing = Reach()
    out = ("169.254.169.254", "fe80::1%eth0", "224.0.0.1", "::", "::1")
    assert [nothing.permits(address) for address in out] == [False] * len(out)
    assert [nothing.permits(address) for address in ("10.0.0.1", "192.0.2.1", "2001:db8::1")] == [True] * 3


# --- mail ---------------------------------------------------------------------------------------------------------


def test_people_confirm_by_mail_and_leave_by_its_link(post: Post) -> None:
    async def play() -> None:
        async with mail_server() as server:
            post.smtp = SmtpServer("127.0.0.1", server.port)
            join(post.world, "email", "ops@example.com")
            await post.turn()
            (asked,) = server.mails
            assert (asked["To"], asked["Subject"]) == ("ops@example.com", "AWS Notification - Subscription Confirmation")
            assert str(asked["From"]) == "AWS Notifications <sns@sidedoor.test>"
            page = await post.open(_link(asked, "/sns/confirm"), **BROWSER)
            assert "登録が確認されました" in page.text
            post.publish("hello", Subject="Greeting")
            await post.turn()
            got = server.mails[1]
            assert (got["Subject"], got.get_content().splitlines()[0]) == ("Greeting", "hello")
            leave = _link(got, "/sns/unsubscribe")
            assert got["List-Unsubscribe"] == f"<{leave}>"
            assert "<button" in (await post.open(leave, **BROWSER)).text  # a scanner that opens the link ends nothing
            assert attributes(post.world)["SubscriptionsConfirmed"] == "1"
            assert (await post.open(leave, "POST", **BROWSER)).status_code == 200
            post.publish("nobody is there")
            await post.turn()
            assert [str(mail["Subject"]) for mail in server.mails[2:]] == ["AWS Notification - Unsubscribe Confirmation"]
            again = _link(server.mails[2], "/sns/confirm")
            assert (await post.open(again)).status_code == 200
            assert attributes(post.world)["SubscriptionsConfirmed"] == "1"

    asyncio.run(play())


def _link(mail: Any, path: str) -> str:
    (found,) = [word for word in mail.get_content().split() if urlsplit(word).path == path]
    link: str = found
    return link


@pytest.mark.parametrize(("refusal", "again"), [("451 try later", True), ("550 no such user", False)])
def test_a_mail_server_that_says_later_is_asked_again(post: Post, refusal: str, again: bool) -> None:
    async def play() -> None:
        async with mail_server() as server:
            post.smtp = SmtpServer("127.0.0.1", server.port)
            server.refusals = [refusal]
            join(post.world, "email", "ops@example.com")
            await post.turn()
            post.ahead += timedelta(seconds=11)
            await post.turn()
            assert len(server.mails) == (1 if again else 0)

    asyncio.run(play())


def test_without_a_mail_server_mail_lands_in_a_maildir(post: Post) -> None:
    async def play() -> None:
        join(post.world, "email-json", "ops@example.com")
        await post.turn()
        (mail,) = mailbox.Maildir(post.state / "mail")
        document = json.loads(mail.get_payload(decode=True))
        assert (mail["To"], document["Type"]) == ("ops@example.com", "SubscriptionConfirmation")
        verified(
            document,
            post.signer.certificate,
            ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
        )

    asyncio.run(play())


def test_a_smtp_url_is_read_or_refused() -> None:
    assert SmtpServer.parse("smtps://me%40here:p%3Aw@mail.test") == SmtpServer("mail.test", 465, True, "me@here", "p:w")
    assert SmtpServer.parse("smtp://mail.test:587") == SmtpServer("mail.test", 587)
    for wrong in ("mail.test", "http://mail.test", "smtp://", "smtp://mail.test/box"):
        with pytest.raises(ValueError, match="is no SMTP server"):
            SmtpServer.parse(wrong)


# --- links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "0" * 128, "junk"])
def test_a_link_with_a_wrong_token_confirms_nothing(post: Post, token: str) -> None:
    join(post.world, "email", "ops@example.com")
    answer = asyncio.run(post.open(f"{BASE}/sns/confirm?TopicArn={TOPIC}&Token={token}"))
    assert answer.status_code == 400
    assert "<Code>InvalidParameter</Code>" in answer.text
    assert attributes(post.world)["SubscriptionsConfirmed"] == "0"


def test_a_subscription_that_was_confirmed_so_is_ended_by_its_owner_alone(post: Post) -> None:
    async def play() -> None:
        async with http_receiver() as receiver:
            arn = join(post.world, "http", receiver.url)
            await post.turn()
            token = receiver.received[0].document["Token"]
            post.world.ask(confirm_subscription, TopicArn=TOPIC, Token=token, AuthenticateOnUnsubscribe="true")
            answer = await post.open(f"{BASE}/sns/unsubscribe?SubscriptionArn={arn}")
            assert (answer.status_code, attributes(post.world)["SubscriptionsConfirmed"]) == (403, "1")

    asyncio.run(play())


def test_leaving_twice_or_nothing_is_no_error(post: Post) -> None:
    answer = asyncio.run(post.open(f"{BASE}/sns/unsubscribe?SubscriptionArn={TOPIC}:nobody"))
    assert (answer.status_code, "UnsubscribeResponse" in answer.text) == (200, True)


def test_without_a_queue_service_a_queues_message_waits(post: Post) -> None:
    join(post.world, "sqs", QUEUE)
    post.publish("hello")
    assert asyncio.run(post.turn()) == 4  # at once and three times more, as SNS does; and then it waits
    with post.world.store.read() as tables:
        (waiting,) = tables.deliveries.where()
    assert waiting.last_error == "no SQS was named: --sqs http://host:port says where queues are"

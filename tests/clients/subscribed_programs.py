"""What subscribes to topics: an HTTP receiver, a mail server, queues that are not ours; and what stands before Sidedoor."""

from __future__ import annotations

import ipaddress
import json
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidedoor.demo.system import free_port, until


@contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Hooks:
    """What came to each path: (headers, body), in order. To ``/gone`` no notification may come."""

    port: int = 0
    got: dict[str, list[tuple[dict[str, str], str]]] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def documents(self, path: str, kind: str = "Notification") -> list[dict[str, Any]]:
        documents = [json.loads(body) for _, body in self.got.get(path, [])]
        return [one for one in documents if one["Type"] == kind]


@contextmanager
def hooks() -> Iterator[Hooks]:
    kept = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kept.got.setdefault(self.path, []).append((dict(self.headers), body))
            unwanted = self.path == "/gone" and self.headers["x-amz-sns-message-type"] == "Notification"
            self.send_response(410 if unwanted else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as kept.port:
        yield kept


@dataclass
class Mails:
    port: int
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(bytes(envelope.original_content or b""), policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mails]:
    kept = Mails(free_port())
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


@contextmanager
def moto(home: Path) -> Iterator[str]:
    """The URL of a Moto of its own, which is an SQS here."""
    port = free_port()
    with (home / "server.log").open("w") as log:
        program = subprocess.Popen([home / "bin" / "moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), "Moto answers", 60)
        yield url
    finally:
        program.kill()
        program.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/data.json").status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Front:
    """A server with TLS through which subscribers reach Sidedoor. ``certificate``: the file with which it is to be trusted."""

    certificate: Path
    port: int = 0
    behind: str = ""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@contextmanager
def front(directory: Path) -> Iterator[Front]:
    found = Front(directory / "front.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answer = urllib.request.urlopen(found.behind + self.path, timeout=20)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    key = _certificate(found.certificate, directory / "front.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found.certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server) as found.port:
        yield found


def _certificate(path: Path, key_path: Path) -> Path:
    """Writes a certificate of localhost that signed itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(certificate.public_bytes(pem))
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_path.write_bytes(plain)
    return key_path

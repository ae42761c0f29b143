"""``sidedoor certificates``: certificates that an operator gives in files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from certificate_authority import KeyPair, an_authority
from sidedoor.cli import certificates
from sidedoor.identity.model import ServerCertificate
from sidedoor.loadbalancers.model import Listener
from sidedoor.settings import SettingsError
from sidedoor.store.engine import Store
from world import START

ACCOUNT = "111111111111"
AUTHORITY = an_authority()
PAIR = AUTHORITY.issue("*.example.com", "example.com")
Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, migrated: Path) -> Command:
    """Runs a command on a database of its own. Returns what it printed; raises ``SettingsError``."""
    shutil.copyfile(migrated, tmp_path / "sidedoor.db")

    def run(verb: str, *arguments: str) -> str:
        done = CliRunner().invoke(certificates, [verb, "--state", str(tmp_path), *arguments])
        if isinstance(done.exception, SettingsError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


def add(command: Command, directory: Path, pair: KeyPair, *arguments: str, chain: str = "") -> dict[str, str]:
    (directory / "fullchain.pem").write_text(pair.certificate + chain)
    (directory / "key.pem").write_text(pair.private_key)
    files = ("--certificate", str(directory / "fullchain.pem"), "--key", str(directory / "key.pem"))
    shown: dict[str, str] = json.loads(command("add", "--account", ACCOUNT, "--json", *files, *arguments))
    return shown


def records(directory: Path) -> list[ServerCertificate]:
    store = Store(f"sqlite:///{directory / 'sidedoor.db'}")
    try:
        with store.read() as tables:
            return tables.server_certificates.where()
    finally:
        store.close()


def test_a_certificate_is_added_under_its_first_domain_and_its_arn_is_printed(command: Command, tmp_path: Path) -> None:
    shown = add(command, tmp_path, PAIR, chain=AUTHORITY.certificate)
    arn = f"arn:aws:iam::{ACCOUNT}:server-certificate/_.example.com"
    assert shown == {
        "Arn": arn, "Expiration": "2046-01-01T00:00:00+00:00", "Domains": "*.example.com example.com", "InUse": "no"
    }  # fmt: skip
    (record,) = records(tmp_path)
    assert [record.certificate, record.chain] == [
        PAIR.certificate.strip(), AUTHORITY.certificate.strip()
    ]  # fmt: skip
    assert record.private_key == PAIR.private_key
    assert command("list", "--account", "222222222222") == ""
    assert command("list").split("  ")[:3] == [arn, "2046-01-01T00:00:00+00:00", "unused"]


def test_added_again_under_its_name_it_is_renewed(command: Command, tmp_path: Path) -> None:
    first = add(command, tmp_path, PAIR, "--name", "web")
    (before,) = records(tmp_path)
    newer = AUTHORITY.issue("new.example.com")
    assert add(command, tmp_path, newer, "--name", "WEB")["Arn"] == first["Arn"]
    (after,) = records(tmp_path)
    assert (after.id, after.domains, after.private_key) == (before.id, ("new.example.com",), newer.private_key)
    assert after.created > before.created


def test_a_removed_certificate_is_gone_unless_a_listener_has_it(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, PAIR, "--name", "web")
    (record,) = records(tmp_path)
    owned: dict[str, Any] = {"account": ACCOUNT, "region": "us-east-1", "created": START}
    listener = Listener(
        **owned, id="arn:listener", load_balancer_id="b", target_group_id="g", protocol="TLS", port=1, certificate_id=record.id
    )
    store = Store(f"sqlite:///{tmp_path / 'sidedoor.db'}")
    with store.write() as tables:
        tables.listeners.add(listener)
    with pytest.raises(SettingsError, match=r"in use by arn:listener: give it another certificate first\."):
        command("remove", "--account", ACCOUNT, "web")
    with store.write() as tables:
        tables.listeners.remove(replace(listener, version=1))
    store.close()
    command("remove", "--account", ACCOUNT, "web")
    assert records(tmp_path) == []


def test_what_cannot_be_is_refused_with_a_sentence(command: Command, tmp_path: Path) -> None:
    for pair, arguments, sentence in (
        (replace(PAIR, private_key="hello"), (), "Unable to parse key"),
        (replace(PAIR, private_key=AUTHORITY.issue("a").private_key), (), "do not belong together"),
        (AUTHORITY.issue(common_name="No domain"), (), "give --name"),
        (PAIR, ("--name", "a/b"), "Value 'a/b' at 'name'"),
        (PAIR, ("--account", "provider"), "`sidedoor accounts list`"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            add(command, tmp_path, pair, *arguments)
    with pytest.raises(SettingsError, match="has no certificate gone"):
        command("remove", "--account", ACCOUNT, "gone")
    assert records(tmp_path) == []

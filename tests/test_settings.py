"""What a command may be told, and the one sentence that it answers to anything else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sidedoor.settings import SOCKET_PATH_LIMIT, Settings, SettingsError, default_state, listen_address, server_address
from sidedoor.supervisor import locked


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4680", ("127.0.0.1", 4680)),
        ("localhost:0", ("localhost", 0)),
        (":8080", ("127.0.0.1", 8080)),
        ("[::1]:4680", ("::1", 4680)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int], tmp_path: Path) -> None:
    host, port = listen_address(text)
    assert (host, port) == address
    assert listen_address(Settings(state=tmp_path, host=host, port=port).listen) == address


@pytest.mark.parametrize(
    "text", ["", "4680", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "::1:65536", "a:-1", "a:²", "a:000080"]
)
def test_what_is_no_address_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is no address to listen on: give host:port, for example 127\.0\.0\.1:4680\."):
        listen_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_dev_is_for_the_host_itself(host: str, tmp_path: Path) -> None:
    assert Settings(state=tmp_path, host=host, dev=True).dev


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "127.1", "localhost.example.org"])
def test_dev_is_refused_where_others_can_reach_it(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--dev accepts any secret, so it is refused on"):
        Settings(state=tmp_path, host=host, dev=True)
    assert Settings(state=tmp_path, host=host).host == host


@pytest.mark.parametrize("servers", [(), ("host",), ("192.0.2.53",), ("192.0.2.53:5353", "[2001:db8::1]:53")])
def test_names_may_be_forwarded_to_the_hosts_servers_or_to_named_ones(servers: tuple[str, ...], tmp_path: Path) -> None:
    assert Settings(state=tmp_path, forward_dns=servers).forward_dns == servers


@pytest.mark.parametrize("servers", [("",), ("own",), ("example.org",), ("host", "192.0.2.53"), ("192.0.2.53:0",)])
def test_names_are_forwarded_to_nobody_else(servers: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is none of host and no DNS server's address: give one as --forward-dns"):
        Settings(state=tmp_path, forward_dns=servers)


def test_a_state_directory_whose_sockets_have_room_is_taken_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    own = len(os.fsencode(Settings(state=Path("/")).control_socket.relative_to("/")))
    longest = Path("/" + "é" * ((SOCKET_PATH_LIMIT - own - 2) // 2) + "x" * ((SOCKET_PATH_LIMIT - own) % 2))
    settings = Settings(state=longest)
    assert len(os.fsencode(settings.control_socket)) == SOCKET_PATH_LIMIT
    with pytest.raises(SettingsError, match="too long for a Unix socket: choose a shorter --state directory"):
        Settings(state=Path(f"{longest}x"))


def test_the_limit_is_the_kernels(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path_factory.mktemp("s")
    for name, fits in (("x" * SOCKET_PATH_LIMIT, True), ("x" * (SOCKET_PATH_LIMIT + 1), False)):
        monkeypatch.chdir(directory)
        with socket.socket(socket.AF_UNIX) as one:
            if fits:
                one.bind(name)
            else:
                with pytest.raises(OSError, match="too long"):
                    one.bind(name)


def test_the_state_is_where_the_desktop_standard_puts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "sidedoor"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/jo")
    assert default_state() == Path("/home/jo/.local/state/sidedoor")


def test_the_directories_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path / "a" / "state")
    settings.prepare()
    settings.prepare()
    for directory in (settings.state, settings.run, settings.logs):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert settings.database_url == f"sqlite:///{settings.state}/sidedoor.db"


def test_a_directory_that_cannot_be_made_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot be made \(.+\): choose another --state directory\."):
        Settings(state=tmp_path / "file" / "state").prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_elses_is_named_in_a_sentence(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    settings.prepare()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SettingsError, match="is not ours to write to: choose another --state directory"):
            settings.prepare()
    finally:
        tmp_path.chmod(0o700)


def test_a_state_directory_is_held_by_one_process_of_a_kind_until_that_lets_go(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    with locked(settings, "agent"):
        message = rf"`sidedoor agent` already runs on {tmp_path} \(process {os.getpid()}\)"
        with pytest.raises(SettingsError, match=message), locked(settings, "agent"):
            pass
        with locked(settings, "serve"):
            pass
    with locked(settings, "agent"):
        pass


# --- who proves private DNS names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_a_dns_server_is_an_address_and_by_default_port_53(text: str, address: tuple[str, int], tmp_path: Path) -> None:
    assert server_address(text) == address
    assert Settings(state=tmp_path, verify_dns=text).verify_dns == text


@pytest.mark.parametrize(
    "text", ["", "Own", "dns.example.com", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "[::1", "1:2", ":53"]
)
def test_what_proves_no_name_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"is none of own, host, trust and no DNS server's address: give one as --verify-dns"
    ):
        Settings(state=tmp_path, verify_dns=text)


@pytest.mark.parametrize("word", ["own", "host", "trust"])
def test_words_say_who_proves_names_and_nobody_is_asked_by_default(word: str, tmp_path: Path) -> None:
    assert Settings(state=tmp_path, verify_dns=word).verify_dns == word
    assert Settings(state=tmp_path).verify_dns == "own"

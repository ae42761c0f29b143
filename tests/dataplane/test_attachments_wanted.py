"""What is attached, without a kernel: how it is written down, what it takes, where it is looked for, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from agent_stage import until
from records import CLIENT, DOORS, VPC_C, subnet_id, wanted

from sidedoor.app import attach
from sidedoor.app.placement import Placement
from sidedoor.dataplane import attaching as attaching_module
from sidedoor.dataplane import desired, whereabouts
from sidedoor.dataplane.attaching import Attaching
from sidedoor.dataplane.attachment_files import AttachmentFiles, Status
from sidedoor.dataplane.attachments import AttachError, Attachment, Joint, Kind, joint, rivals
from sidedoor.dataplane.ground import Ground
from sidedoor.dataplane.wanted import Unit, UnitKind
from sidedoor.dataplane.whereabouts import Site
from sidedoor.networks.model import Attachment as InstanceAttachment
from sidedoor.settings import Settings, SettingsError

SUBNET = subnet_id(VPC_C, 0)
AS_PORT = Attachment(id=CLIENT.id, kind=Kind.VETH, place="vnet0")
AS_BRIDGE = Attachment(id=SUBNET, kind=Kind.BRIDGE, place="virbr7")


# --- what it takes ------------------------------------------------------------------------------------------------


def test_an_attached_interface_has_no_namespace_of_its_own_and_its_subnet_stands() -> None:
    known = wanted()
    known.attached = frozenset({CLIENT.id})
    network = desired.network(known, VPC_C)
    assert network is not None
    assert [one.workloads for one in network.segments if one.subnet_id == SUBNET] == [()]


def test_a_subnet_with_a_bridge_stands_though_nothing_else_uses_it() -> None:
    known = wanted()
    for one in (CLIENT, *DOORS):
        known.drop("interfaces", one.id)
    assert desired.network(known, VPC_C) is None
    known.attached = frozenset({SUBNET})
    network = desired.network(known, VPC_C)
    assert network is not None
    assert [one.subnet_id for one in network.segments] == [SUBNET]


def test_an_attachment_takes_what_its_interface_and_its_subnet_have() -> None:
    assert joint(wanted(), AS_PORT) == Joint(
        attachment=AS_PORT, vpc_id=VPC_C, subnet_id=SUBNET, cidr="10.0.0.0/24", gateway="10.0.0.1", blocks=("10.0.0.0/16",),
        resolver="10.0.0.2", address="10.0.0.20", mac=CLIENT.mac,
    )  # fmt: skip
    bridge = joint(wanted(), AS_BRIDGE)
    assert (bridge.subnet_id, bridge.address, bridge.mac) == (SUBNET, "", "")


def test_what_is_gone_or_not_a_workloads_or_stopped_cannot_be_attached() -> None:
    for gone in (replace(AS_PORT, id="eni-0ffff"), replace(AS_PORT, id=DOORS[0].id), replace(AS_BRIDGE, id="subnet-0ffff")):
        with pytest.raises(AttachError, match=f"There is no .* {gone.id}: `sidedoor detach {gone.id}` gives this up"):
            joint(wanted(), gone)
    stopped = InstanceAttachment(id="eni-attach-1", instance_id="i-1", attached=CLIENT.created, running=False)
    known = wanted()
    known.put("interfaces", replace(CLIENT, attachment=stopped))
    with pytest.raises(AttachError, match=r"i-1, whose interface .* is, does not run"):
        joint(known, AS_PORT)


def test_only_one_can_have_a_bridge_a_link_or_a_name_inside_a_namespace() -> None:
    inside = Attachment(id="eni-1", kind=Kind.NETNS, place="path:/run/netns/web")
    everything = [
        inside, replace(inside, id="eni-2"), replace(inside, id="eni-3", link="eth1"),
        AS_PORT, replace(AS_PORT, id="eni-4"), AS_BRIDGE, replace(AS_BRIDGE, id="subnet-9"),
    ]  # fmt: skip
    assert rivals({one.id: one for one in everything}) == {"eni-2": "eni-1", "eni-4": CLIENT.id, "subnet-9": SUBNET}


# --- where it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("web", "path:/run/netns/web"),
        ("/var/run/docker/netns/0a1b", "path:/var/run/docker/netns/0a1b"),
        ("docker:web", "docker:web"),
        ("podman:web-1.x", "podman:web-1.x"),
    ],
)
def test_a_namespace_is_named_by_its_name_its_path_or_its_container(text: str, place: str) -> None:
    assert whereabouts.written(text) == place


@pytest.mark.parametrize("text", ["", "docker:", "docker:../web", "two words", "x" * 200])
def test_what_names_no_namespace_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(AttachError, match=r"names no network namespace|is longer than"):
        whereabouts.written(text)


def test_a_process_is_known_by_its_id_and_its_start() -> None:
    with subprocess.Popen(["sleep", "infinity"]) as process:
        place = whereabouts.written(str(process.pid))
        assert whereabouts.written(f"/proc/{process.pid}/ns/net") == place
        site = whereabouts.find(place)
        assert site.pid == process.pid
        assert site.inode == Path("/proc/self/ns/net").stat().st_ino
        assert site.lives
        later = place.rpartition(":")[0] + ":1"
        with pytest.raises(AttachError, match=f"Process {process.pid} has ended"):
            whereabouts.find(later)
        process.kill()
    assert not site.lives
    with pytest.raises(AttachError, match="has ended"):
        whereabouts.find(place)
    with pytest.raises(AttachError, match=f"There is no process {process.pid}"):
        whereabouts.written(str(process.pid))


class Engine(socketserver.ThreadingUnixStreamServer):
    """Answers as Docker does when it is asked for a container."""

    daemon_threads = True
    containers: dict[str, Any]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Engine)
            found = self.server.containers.get(self.path)
            body = json.dumps({"message": "No such container"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            """Says nothing."""


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("engine") / "s"
    monkeypatch.setitem(whereabouts.ENGINES, "docker", path)
    with Engine(str(path), Engine.Handler) as server:
        server.containers = {}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_containers_process_is_asked_for_at_its_engine(engine: Engine) -> None:
    engine.containers["/containers/web/json"] = {"State": {"Pid": os.getpid()}}
    assert whereabouts.find("docker:web").pid == os.getpid()
    with pytest.raises(AttachError, match="docker has no container other"):
        whereabouts.find("docker:other")
    engine.containers["/containers/web/json"] = {"State": {"Pid": 0}}
    with pytest.raises(AttachError, match="The container web does not run"):
        whereabouts.find("docker:web")
    engine.containers["/containers/web/json"] = {"State": "up"}
    with pytest.raises(AttachError, match="docker does not say which process"):
        whereabouts.find("docker:web")


def test_an_engine_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(whereabouts.ENGINES, "podman", tmp_path / "none.sock")
    with pytest.raises(AttachError, match=f"podman does not answer on {tmp_path}/none.sock"):
        whereabouts.find("podman:web")


# --- how it is written down ---------------------------------------------------------------------------------------


def test_what_is_attached_is_a_file_until_it_is_detached(tmp_path: Path) -> None:
    files = AttachmentFiles(tmp_path, tmp_path)
    assert (files.load(), files.seen(), files.stamp()) == ({}, {}, 0)
    files.put(AS_PORT)
    files.put(AS_BRIDGE)
    (tmp_path / "attachments" / "half.json").write_text("{")
    before = files.stamp()
    assert AttachmentFiles(tmp_path, tmp_path).load() == {CLIENT.id: AS_PORT, SUBNET: AS_BRIDGE}
    assert files.remove(CLIENT.id)
    assert not files.remove(CLIENT.id)
    assert files.stamp() != before
    files.say({SUBNET: Status(attachment=AS_BRIDGE, reason="There is no bridge.")})
    assert files.seen()[SUBNET].state == "waiting"


@pytest.mark.parametrize(("mode", "user_namespace"), [("loopback", False), ("netns", True)])
def test_where_nothing_can_be_attached_the_command_says_why(tmp_path: Path, mode: str, user_namespace: bool) -> None:
    settings = Settings(state=tmp_path)
    settings.prepare()
    asked: dict[str, Any] = {"name": "eth0", "default_route": True, "resolver": True, "wait": 0}
    with pytest.raises(SettingsError, match="No agent has placed anything"):
        attach.attach(settings, CLIENT.id, Kind.NETNS, "web", **asked)
    Placement(mode=mode, user_namespace=user_namespace).write(settings)
    with pytest.raises(SettingsError, match=r"run `sidedoor up.* as root"):
        attach.attach(settings, CLIENT.id, Kind.NETNS, "web", **asked)
    assert attach.listed(settings) == []
    with pytest.raises(SettingsError, match="Nothing is attached to subnet-1"):
        attach.detach(settings, "subnet-1")


# --- the loop -----------------------------------------------------------------------------------------------------


class Joins:
    """A dict in the place of the kernel. ``fails``: what settling meets, by id."""

    def __init__(self) -> None:
        self.stands: dict[str, int] = {}
        self.fails: dict[str, Exception] = {}
        self.settled: list[str] = []

    def standing(self) -> set[str]:
        return set(self.stands)

    def signatures(self, owners: Collection[str]) -> dict[str, Hashable]:
        return {one: self.stands[one] for one in owners if one in self.stands}

    def settle(self, joint: Joint, site: Site | None) -> str:
        name = joint.attachment.id
        self.settled.append(name)
        if name in self.fails:
            raise self.fails[name]
        self.stands[name] = 1
        return ""

    def release(self, owner: str) -> None:
        self.stands.pop(owner, None)


class Stage:
    """The loop between files, a dict for a kernel, and the records."""

    def __init__(self, directory: Path, joins: Joins | None, refusal: str = "") -> None:
        self.files = AttachmentFiles(directory, directory)
        self.looked: list[set[Unit]] = []
        nothing: Any = None
        self.ground = Ground(driver=nothing, ads=nothing, reports=nothing, look=self.looked.append, wanted=wanted(), fresh=True)
        self.attaching = Attaching(self.files, joins, refusal, self.ground)

    def state(self, name: str) -> str:
        status = self.files.seen().get(name)
        return "" if status is None else status.reason or status.state


def play(stage: Stage, act: Callable[[], Any]) -> None:
    async def run() -> None:
        stage.attaching.load()
        loop = asyncio.create_task(stage.attaching.run())
        try:
            await act()
        finally:
            loop.cancel()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching_module, "LOOK_SECONDS", 0.002)


def test_what_is_attached_is_settled_once_mended_when_it_changes_and_released_when_it_is_detached(tmp_path: Path) -> None:
    joins = Joins()
    stage = Stage(tmp_path, joins)

    async def act() -> None:
        stage.files.put(AS_PORT)
        await until(lambda: stage.state(CLIENT.id) == "attached")
        assert stage.ground.wanted.attached == {CLIENT.id}
        assert stage.looked == [{Unit(UnitKind.NETWORK, VPC_C)}]
        stage.files.put(AS_BRIDGE)
        await until(lambda: stage.state(SUBNET) == "attached")
        assert joins.settled == [CLIENT.id, CLIENT.id, SUBNET] or joins.settled == [CLIENT.id, SUBNET]
        joins.stands[CLIENT.id] = 7
        await until(lambda: joins.stands[CLIENT.id] == 1)
        stage.files.remove(CLIENT.id)
        await until(lambda: CLIENT.id not in joins.stands and not stage.ground.wanted.attached & {CLIENT.id})
        await until(lambda: stage.state(CLIENT.id) == "")
        assert SUBNET in joins.stands

    play(stage, act)


def test_what_cannot_stand_says_why_is_tried_again_and_holds_nobody_else_back(tmp_path: Path) -> None:
    joins = Joins()
    stage = Stage(tmp_path, joins)
    joins.fails[CLIENT.id] = AttachError("There is no interface vnet0 on this host.")

    async def act() -> None:
        stage.files.put(AS_PORT)
        stage.files.put(AS_BRIDGE)
        await until(lambda: stage.state(SUBNET) == "attached" and stage.state(CLIENT.id).startswith("There is no interface"))
        joins.fails[CLIENT.id] = OSError(22, "Invalid argument")
        await until(lambda: stage.state(CLIENT.id) == "The kernel refuses it: Invalid argument.")
        del joins.fails[CLIENT.id]
        await until(lambda: stage.state(CLIENT.id) == "attached")

    play(stage, act)


def test_what_stood_before_the_agent_and_is_attached_no_more_is_released(tmp_path: Path) -> None:
    joins = Joins()
    stage = Stage(tmp_path, joins)
    joins.stands |= {"eni-0ddddddddddddddd1": 1, CLIENT.id: 1}
    stage.files.put(AS_PORT)

    async def act() -> None:
        await until(lambda: joins.standing() == {CLIENT.id} and stage.state(CLIENT.id) == "attached")

    play(stage, act)


@pytest.mark.parametrize("fresh", [True, False])
def test_an_interface_that_is_gone_is_let_go_only_when_the_control_plane_has_said_so(tmp_path: Path, fresh: bool) -> None:
    joins = Joins()
    stage = Stage(tmp_path, joins)
    stage.ground.fresh = fresh
    stage.ground.wanted.drop("interfaces", CLIENT.id)
    joins.stands[CLIENT.id] = 1
    stage.files.put(AS_PORT)

    async def act() -> None:
        await until(lambda: stage.state(CLIENT.id).startswith("There is no interface"))
        await until(lambda: (CLIENT.id in joins.stands) is not fresh)

    play(stage, act)


def test_where_nothing_can_be_attached_the_list_says_why_and_interfaces_stay_where_they_are(tmp_path: Path) -> None:
    stage = Stage(tmp_path, None, "No network here.")
    stage.files.put(AS_PORT)

    async def act() -> None:
        await until(lambda: stage.state(CLIENT.id) == "No network here.")
        assert stage.ground.wanted.attached == frozenset()

    play(stage, act)

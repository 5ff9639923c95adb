"""The cases of docs/ide/containers.md: the rules that the page gives for compose, applied by crun, which is what Podman runs containers with and
Docker can; and systemd's own device cgroup."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "tests/e2e")]

from cases import expect_equal  # noqa: E402
from desk import LIMIT_S, Desk  # noqa: E402
from flash import plugged  # noqa: E402

BUNDLE = "/run/container"
OTHER_PLACE = "1-4"
ANOTHER_DEVICE = "/dev/vda"
# Nobody special, in the groups that the page adds and in no other.
UID = 65534
# Folders of the guest that make the container's root, and links as Debian has them.
SHARED, LINKS = ("/usr", "/etc"), ("bin", "lib", "lib64", "sbin")
ECHO = "tty_echo --bytes 512 --timeout-ms 20000 {}"


def bundle(desk: Desk, service: dict[str, Any], with_rules: bool = True) -> None:
    """An OCI bundle of a compose service, with crun's own defaults for the rest. Its process only waits: commands are run beside it."""
    folders = " ".join(f"{BUNDLE}/rootfs/{name}" for name in ("proc", "dev", "boards", "tmp", "usr/local", "etc"))
    links = "; ".join(f"ln -sfn usr/{name} {BUNDLE}/rootfs/{name}" for name in LINKS)
    desk.lab.vm.run(f"rm -rf {BUNDLE}; mkdir -p {folders} && cd {BUNDLE} && {{ {links}; }} && crun spec", check=True)
    config = json.loads(desk.lab.vm.run(f"cat {BUNDLE}/config.json", check=True)[1])
    config["process"] |= {"args": ["sleep", "infinity"], "terminal": False, "user": {"uid": 0, "gid": 0, "additionalGids": [int(gid) for gid in service["group_add"]]}}
    binds = [(path, path, []) for path in SHARED] + [(*volume.split(":")[:2], volume.split(":")[2:]) for volume in service["volumes"]]
    config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] == "/proc"] + [
        {"source": source, "destination": destination, "type": "bind", "options": ["rbind", *options]} for source, destination, options in binds
    ]
    # Docker and Podman begin with this, too: nothing is allowed but what follows.
    rules = [rule_of(text) for text in service["device_cgroup_rules"]] if with_rules else []
    config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}, *rules]}
    config["linux"]["cgroupsPath"] = "/container"
    desk.lab.vm.run(f"cat >{BUNDLE}/config.json", stdin=json.dumps(config).encode(), check=True)


def rule_of(text: str) -> dict[str, Any]:
    kind, number, access = text.split()
    major, minor = number.split(":")
    rule = {"allow": True, "type": kind, "major": int(major), "access": access}
    return rule if minor == "*" else {**rule, "minor": int(minor)}


@contextlib.contextmanager
def running(desk: Desk, service: dict[str, Any], with_rules: bool = True) -> Iterator[None]:
    bundle(desk, service, with_rules)
    desk.say(f"crun run --detach --bundle {BUNDLE} box </dev/null >/dev/null", by_root=True)
    try:
        yield
    finally:
        desk.say("crun delete --force box", by_root=True)


def inside(desk: Desk, command: str, uid: int = UID) -> tuple[int, str]:
    """A command in the running container, with its groups."""
    process = json.loads(desk.lab.vm.run(f"cat {BUNDLE}/config.json", check=True)[1])["process"]
    process |= {"args": command.split(), "user": {**process["user"], "uid": uid, "gid": uid}}
    desk.lab.vm.run(f"cat >{BUNDLE}/process.json", stdin=json.dumps(process).encode(), check=True)
    return desk.try_say(f"crun exec --process {BUNDLE}/process.json box", by_root=True)


def expect_echo(result: tuple[int, str], what: str) -> None:
    """All that was sent came back; systemd-run says something before and after."""
    code, output = result
    told = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert code == 0 and told and told[-1]["bytes"] > 0 and told[-1]["bad"] == 0, f"{what}: {code} {output}"


def compose(desk: Desk) -> None:
    """The board is reached by its link, before and after a replug under another number; nothing else is, and not without the rules."""
    service = yaml.safe_load(desk.blocks["compose"].text)["services"]["logger"]
    link = re.findall(r"/dev/ttyferry/\w+", service["command"])[0]
    other = {**service, "volumes": ["/dev:/boards:ro", "/run/ttyferry:/run/ttyferry"]}
    desk.have("nano")
    with running(desk, other):
        expect_echo(inside(desk, ECHO.format(link.replace("/dev/", "/boards/"))), "an echo with /dev elsewhere")
        expect_equal(inside(desk, "ttyferry wait nano --timeout 10"), (0, "/dev/ttyUSB0\n"), "exit code and output of a wait inside")
    with running(desk, service, with_rules=False):
        expect_refused(inside(desk, ECHO.format(link)))
    with running(desk, service):
        expect_echo(inside(desk, ECHO.format(link)), "an echo")
        expect_refused(inside(desk, f"head -c 1 {ANOTHER_DEVICE}", uid=0))
        before = desk.say(f"readlink -f {link}")
        desk.pull()
        with plugged(desk.lab, "cp2102", OTHER_PLACE):
            desk.have("nano")
            assert desk.say(f"readlink -f {link}") != before, "the board has the same number as before"
            expect_echo(inside(desk, ECHO.format(link)), "an echo after a replug")
    desk.pull()  # So that the next one is the first again.


def expect_refused(result: tuple[int, str]) -> None:
    """By the cgroup, which says EPERM; the file's own mode would say EACCES."""
    code, output = result
    assert code != 0 and "Operation not permitted" in output, f"not refused: {code} {output}"


def rootless_container(desk: Desk) -> None:
    """As Podman without root and with --group-add keep-groups: no cgroup, the user's own groups."""
    service = yaml.safe_load(desk.blocks["compose"].text)["services"]["logger"]
    link = re.findall(r"/dev/ttyferry/\w+", service["command"])[0]
    bundle(desk, service)
    config = json.loads(desk.lab.vm.run(f"cat {BUNDLE}/config.json", check=True)[1])
    uid, gid = desk.say("id -u; id -g").split()
    config["process"] |= {"args": ECHO.format(link).split(), "user": {"uid": 0, "gid": 0}}
    config["annotations"] = {"run.oci.keep_original_groups": "1"}
    config["linux"] |= {"resources": {}, "uidMappings": [{"containerID": 0, "hostID": int(uid), "size": 1}], "gidMappings": [{"containerID": 0, "hostID": int(gid), "size": 1}]}
    config["linux"]["namespaces"] = [{"type": kind} for kind in ("user", "pid", "mount", "ipc", "uts")]
    desk.lab.vm.run(f"cat >{BUNDLE}/config.json && chown -R user {BUNDLE} && install -d -o user /run/user-{uid}", stdin=json.dumps(config).encode(), check=True)
    desk.have("nano")
    command = f"crun --root /run/user-{uid} --cgroup-manager=disabled run --bundle {BUNDLE} box </dev/null"
    expect_echo(desk.try_say(f"XDG_RUNTIME_DIR=/run/user-{uid} {command}"), "an echo")


def first_line(lines: BinaryIO, start: bytes) -> str:
    return next((line for line in lines if line.startswith(start)), b"").decode()


def systemd_run(desk: Desk) -> None:
    """The page's service, and the same with a script that lives through a replug; nothing else is let through."""
    block = desk.blocks["systemd_run"].text.replace("exec cat ", "exec tty_echo ")
    payload = re.search(r"sh -c '(.*)'$", block.strip(), re.M)
    assert payload, block
    desk.have("nano")
    expect_echo((0, desk.say(block.strip(), by_root=True)), "an echo")
    refused = block.replace(payload[1], f"exec head -c 1 {ANOTHER_DEVICE}").replace("-p DynamicUser=yes", "")
    expect_refused(desk.try_say(refused.strip(), by_root=True))
    without = re.sub(r'-p DeviceAllow="[^"]*"', "", block)
    expect_refused(desk.try_say(without.strip(), by_root=True))
    lasting = f"{payload[1].removeprefix('exec ')}; while [ -e /dev/ttyferry/nano ]; do sleep 0.1; done; until [ -e /dev/ttyferry/nano ]; do sleep 0.1; done; {payload[1]}"
    with desk.lab.vm.popen(block.replace(payload[1], lasting) + " 2>&1") as process:
        expect_echo((0, first_line(process.stdout, b"{")), "an echo before the replug")
        desk.replug()
        output, _ = process.communicate(LIMIT_S)
        expect_echo((process.wait(), output.decode()), "an echo after the replug")


def drivers_come_first(desk: Desk) -> None:
    """What the page warns of: a driver's name lets nothing through if the driver is loaded later."""
    desk.pull()
    module = desk.say("grep -q ' ttyACM$' /proc/devices && echo there || echo away").strip()
    if module == "there":
        desk.lab.vm.run("rmmod cdc_acm", check=True)
    script = "until [ -e /dev/ttyferry/leo ]; do sleep 0.1; done; exec tty_echo --bytes 512 /dev/ttyferry/leo"
    command = f"systemd-run --pipe --wait --collect --quiet -p DevicePolicy=closed -p DeviceAllow='char-ttyACM rw' sh -c {shlex.quote(script)}"
    with desk.lab.vm.popen(f"{command} 2>&1") as process:
        desk.have("leonardo")
        output, _ = process.communicate(LIMIT_S)
        expect_refused((process.wait(), output.decode()))


CONTAINER_CASES: list[Callable[[Desk], None]] = [compose, rootless_container, systemd_run, drivers_come_first]

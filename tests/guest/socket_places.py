#!/usr/bin/python3
"""Where the stream's sockets stand, in a VM: /run/ttyferry with something in the way or no room, and what all distributions of a WSL VM share.

    tests/guest/socket_places.py [CASE...]

The other distribution is a root of its own with the same kernel, user numbers and /mnt/wsl, as WSL's are. Prints one line a case and ends with
"N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("guest", "lab", "lab/usbip", "vm")]

from cases import Cases, choose, expect_equal  # noqa: E402
from vm_smoke import LIMIT_S, Rig, attach, attached, detach, facts  # noqa: E402

SHARED = "/mnt/wsl"
FOLDER = f"{SHARED}/ttyferry"
SOCKET = f"{FOLDER}/events.sock"
OTHER = "/other"
FAILED, NO_AGENT = 1, 4  # exit codes of the verbs
MEMBER, STRANGER = "user", "nobody"

# As WSL mounts it: "tmpfs", no options, so for everybody to write to.
MOUNT = f"mkdir -p {SHARED} && mount -t tmpfs tmpfs {SHARED}"
MAKE_OTHER = f"""mkdir -p {OTHER}/bin {OTHER}/etc {OTHER}/proc {OTHER}{SHARED} &&
    cp /bin/busybox /bin/ttyferry {OTHER}/bin/ && ln -s busybox {OTHER}/bin/sh &&
    printf 'root:x:0:0::/:/bin/sh\\n{MEMBER}:x:1000:1000::/:/bin/sh\\n{STRANGER}:x:65534:65534::/:/bin/sh\\n' >{OTHER}/etc/passwd &&
    printf 'root:x:0:\\nserial:x:20:{MEMBER}\\n{MEMBER}:x:1000:\\n{STRANGER}:x:65534:\\n' >{OTHER}/etc/group"""


def end_agent(rig: Rig) -> None:
    rig.agent.send_signal(signal.SIGTERM)
    expect_equal(rig.agent.wait(LIMIT_S), 0, "exit code of the agent")


def in_other(rig: Rig, words: str, user: str = "root") -> tuple[int, str, str]:
    """Runs ttyferry in the other distribution: exit code, stdout, stderr."""
    command = f"exec chroot {OTHER} /bin/busybox su {user} -s /bin/sh -c {shlex.quote(f'exec /bin/ttyferry {words}')}"
    with rig.vm.popen(command) as process:
        output, errors = process.communicate(LIMIT_S)
        return process.wait(), output.decode(), errors.decode()


@contextlib.contextmanager
def mounted(rig: Rig, mount: str = MOUNT, prepare: str = ":") -> Iterator[None]:
    """The shared place, and an agent that was started with it there; both are gone afterwards."""
    end_agent(rig)
    rig.vm.run(f"{mount} && mount -o bind {SHARED} {OTHER}{SHARED} && {prepare}", check=True)
    rig.start_agent()
    rig.connect().next("hello")  # All is open by then, and said.
    rig.host.close()
    try:
        yield
    finally:
        end_agent(rig)
        # Seen once: the kernel held the place for a moment longer than the agent lived.
        rig.vm.run(f"umount {OTHER}{SHARED}; until umount {SHARED}; do sleep 0.1; done", timeout=LIMIT_S, check=True)
        rig.start_agent()


def new_log(rig: Rig) -> str:
    """What the agent that was started last has said so far."""
    return rig.log().rsplit("listens on", 1)[-1]


def expect_unharmed(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") as tty:
        rig.echo(tty, "1-3")


def folder_that_is_no_mount_is_nobodys_shared_place(rig: Rig) -> None:
    end_agent(rig)
    rig.vm.run(f"mkdir -p {SHARED}", check=True)
    rig.start_agent()
    expect_equal(rig.vm.run(f"ls -A {SHARED}")[1], "", "what is in it")


def other_distribution_reads_waits_and_asks(rig: Rig) -> None:
    with mounted(rig):
        with attached(rig, "usb\\a", "1-3") as tty:
            for user in ("root", MEMBER):
                expect_equal(in_other(rig, "wait port=1-3 --timeout 10", user), (0, f"{tty}\n", ""), f"wait by {user}")
                code, output, _ = in_other(rig, "list --json", user)
                expect_equal((code, [board["id"] for board in json.loads(output)["boards"]]), (0, ["usb\\a"]), f"list by {user}")
            with rig.vm.popen(f"exec chroot {OTHER} /bin/ttyferry yield port=1-3") as process:
                asked = rig.host.next("yield")
                expect_equal(asked["id"], "usb\\a", "the board that the host is asked for")
                rig.host.send({"type": "answer", "request": asked["request"], "code": "full", "message": "no more", "remedy": None})
                _, errors = process.communicate(LIMIT_S)
                expect_equal((process.wait(), b"no more" in errors), (FAILED, True), "exit code of yield, and whether the answer has come")
            code, _, message = in_other(rig, "list", STRANGER)
            expect_equal(code, FAILED, "exit code of list by a stranger")
            # As the group is called there.
            assert SOCKET in message and '"sudo usermod -aG serial $USER"' in message, message
        expect_equal(rig.vm.run(f"stat -c '%a %u %g' {FOLDER} {SOCKET}")[1].splitlines(), ["755 0 0", "660 0 20"], "modes and owners")
        end_agent(rig)
        expect_equal(rig.vm.run(f"ls -A {SHARED}")[1], "", "what the agent has left")
        code, _, message = in_other(rig, "list")
        expect_equal(code, NO_AGENT, "exit code of list without an agent")
        assert "no agent is running here" in message and "/run/ttyferry/events.sock" in message, message
        rig.start_agent()


def killed_agent_leaves_a_socket_that_the_next_one_replaces(rig: Rig) -> None:
    with mounted(rig):
        rig.agent.send_signal(signal.SIGKILL)
        rig.agent.wait(LIMIT_S)
        expect_equal(in_other(rig, "list")[0], NO_AGENT, "exit code of list after the kill")
        rig.start_agent()
        expect_equal(in_other(rig, "list")[0], 0, "exit code of list by the next one")
        rig.agent.send_signal(signal.SIGKILL)
        rig.agent.wait(LIMIT_S)
        rig.vm.run("ttyferry setup --remove", check=True)
        expect_equal(rig.vm.run(f"ls -A {SHARED}")[1], "", "what the removal has left")
        rig.start_agent()


def make_squatter_case(name: str, prepare: str, warning: str, code: int) -> object:
    """Whoever is first in the shared place gets neither our socket nor our trust, and stops nothing."""

    def case(rig: Rig) -> None:
        with mounted(rig, prepare=prepare):
            assert warning in new_log(rig), rig.log()
            expect_equal(in_other(rig, "list")[0], code, "exit code of list in the other distribution")
            expect_unharmed(rig)
            expect_equal(rig.vm.run("ttyferry list")[0], 0, "exit code of list here")

    case.__name__ = name
    return case


AS_STRANGER = f"busybox chroot {OTHER} /bin/busybox su {STRANGER} -s /bin/sh -c"
SQUATTERS = {
    "folder_of_a_stranger_is_not_used": (f"{AS_STRANGER} '/bin/busybox mkdir {FOLDER}'", "can't be served: permission denied", FAILED),
    "link_in_the_folders_place_is_not_followed": (f"mkdir -p /run/ttyferry && ln -s /run/ttyferry {FOLDER}", "can't be served: permission denied", FAILED),
    "file_in_the_folders_place_stays": (f"echo mine >{FOLDER}", "can't be served: permission denied", FAILED),
    "file_in_the_sockets_place_stays": (f"mkdir {FOLDER} && echo mine >{SOCKET}", "can't be served: permission denied", FAILED),
    "read_only_place_is_a_warning": (f"mount -o remount,ro {SHARED}", "can't be served: permission denied", NO_AGENT),
}


def full_place_is_a_warning(rig: Rig) -> None:
    with mounted(rig, f"mkdir -p {SHARED} && mount -t tmpfs -o nr_inodes=1 tmpfs {SHARED}"):
        assert "can't be served: full" in new_log(rig), rig.log()
        expect_unharmed(rig)


def place_where_others_could_take_it_away_is_a_warning(rig: Rig) -> None:
    with mounted(rig, f"mkdir -p {SHARED} && mount -t tmpfs -o mode=0777 tmpfs {SHARED}"):
        assert "its mode should be 1777" in new_log(rig), rig.log()
        expect_equal(rig.vm.run(f"ls -A {SHARED}")[1], "", "what is in it")
        expect_unharmed(rig)


# --- /run ---------------------------------------------------------------------------------------------


def expect_refusal(rig: Rig, *parts: str) -> None:
    """An agent that can't start says why and ends; nobody listens."""
    with rig.vm.popen("exec ttyferry agent") as process:
        _, errors = process.communicate(LIMIT_S)
        expect_equal(process.wait(), 1, "exit code of the agent")
    for part in parts:
        assert part in errors.decode(), errors.decode()
    code, _ = rig.vm.run("ttyferry list 2>/dev/null")
    assert code != 0, "somebody serves the stream"
    expect_equal(rig.vm.run("busybox netstat -ltn | grep -c :24240")[1], "0\n", "listeners at the link's port")


def make_file_case(name: str) -> object:
    def case(rig: Rig) -> None:
        end_agent(rig)
        rig.vm.run(f"mkdir -p /run/ttyferry && echo mine >/run/ttyferry/{name}", check=True)
        try:
            expect_refusal(rig, f"/run/ttyferry/{name} is there already and no socket of an agent's", "remove it")
            expect_equal(rig.vm.run(f"cd /run/ttyferry && cat {name} && ls -A")[1], f"mine\n{name}\n", "the file, and what is beside it")
        finally:
            rig.vm.run(f"rm /run/ttyferry/{name}", check=True)
            rig.start_agent()
        expect_unharmed(rig)

    case.__name__ = f"existing_file_in_the_place_of_{name.partition('.')[0]}_stays_and_is_told"
    return case


def full_run_is_told_and_the_next_agent_takes_over(rig: Rig) -> None:
    rig.connect()
    tty = attach(rig, "usb\\a", "1-3")
    end_agent(rig)
    rig.host.close()
    for inodes in (1, 2, 3):  # No room for the lock, the socket, the link's lock.
        rig.vm.run(f"mount -t tmpfs -o mode=0755,nr_inodes={inodes} tmpfs /run/ttyferry", check=True)
        try:
            expect_refusal(rig, "full")
            expect_equal(rig.vm.run("ls -A /run/ttyferry")[1], "", "what is left in the folder")
        finally:
            rig.vm.run("umount /run/ttyferry", check=True)
        rig.echo(tty, "1-3")
    rig.start_agent()
    again = rig.connect(("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")
    detach(rig, "usb\\a", "1-3")


def run_that_fills_up_later_costs_the_notes_alone(rig: Rig) -> None:
    """Two sockets and their locks are made; for the notes of our ports and links there is no room."""
    end_agent(rig)
    rig.vm.run("mount -t tmpfs -o mode=0755,nr_inodes=5 tmpfs /run/ttyferry", check=True)
    try:
        rig.start_agent()
        expect_unharmed(rig)
        expect_equal(rig.log().count("/run/ttyferry/ports can't be written (full)"), 1, "warnings of ports")
        expect_equal(rig.log().count("/run/ttyferry/links can't be written (full)"), 1, "warnings of links")
    finally:
        end_agent(rig)
        rig.vm.run("umount /run/ttyferry", check=True)
        rig.start_agent()


# --- Whoever starts it --------------------------------------------------------------------------------


def agent_under_a_narrow_umask_shuts_nobody_out(rig: Rig) -> None:
    """The folders that it makes are for others to enter."""
    folders = "/run/ttyferry /dev/ttyferry /dev/serial /dev/serial/by-id /dev/serial/by-path"
    end_agent(rig)
    rig.vm.run(f"rm -rf {folders}", check=True)
    rig.start_agent(umask="077")
    try:
        rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        rig.host.send({"type": "arrival", "board": facts("usb\\a", "1-3") | {"name": "leo"}, "wanted": True})
        rig.host.next("ready")
        expect_equal(rig.vm.run(f"stat -c %a {folders}")[1].split(), ["755"] * len(folders.split()), "modes of the folders")
        detach(rig, "usb\\a", "1-3")
    finally:
        end_agent(rig)
        rig.vm.run(f"rm -rf {folders}", check=True)
        rig.start_agent()


CASES = [
    folder_that_is_no_mount_is_nobodys_shared_place,
    other_distribution_reads_waits_and_asks,
    killed_agent_leaves_a_socket_that_the_next_one_replaces,
    *(make_squatter_case(name, *row) for name, row in SQUATTERS.items()),
    full_place_is_a_warning,
    place_where_others_could_take_it_away_is_a_warning,
    *(make_file_case(name) for name in ("events.sock", "link.sock")),
    full_run_is_told_and_the_next_agent_takes_over,
    run_that_fills_up_later_costs_the_notes_alone,
    agent_under_a_narrow_umask_shuts_nobody_out,
]


def show_log(rig: Rig) -> None:
    print("--- the agent's log\n" + "\n".join(rig.log().splitlines()[-30:]))
    rig.clean_up()


def main() -> int:
    parser = argparse.ArgumentParser(description="Where the stream's sockets stand.")
    parser.add_argument("case", nargs="*", help="run these cases only")
    chosen = choose(parser, CASES, parser.parse_args().case)
    cases = Cases(show_log)
    with contextlib.ExitStack() as stack:
        rig = Rig(stack)
        rig.vm.run(MAKE_OTHER, check=True)
        cases.run(chosen, rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Tests the lab's WSL by itself, without the product: wsl.exe under Wine, and distributions that are VMs, with systemd, without, and
none at all.

    tests/lab/wsl_selftest.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab")]

from cases import Cases, choose, expect_equal  # noqa: E402
from wsl_distribution import Distribution, boot_command  # noqa: E402
from wsl_lab import WSL_EXE, WslLab, differences  # noqa: E402
from wsl_service import Fault  # noqa: E402

LIMIT_S = 120.0
LARGE_BYTES = 20_000_000
SYSTEMD, PLAIN, OLD, DOCKER = "Ubuntu-24.04", "Debian", "Legacy", "docker-desktop"
KICK = "/mnt/c/windows/system32/reg.exe"
FAILED = 255  # what this machine sees of -1


class Rig(WslLab):
    def __init__(self) -> None:
        super().__init__([
            Distribution(SYSTEMD, systemd=True, running=True, windows_programs=(KICK,)),
            Distribution(PLAIN),
            Distribution(OLD, version=1, machine=False),
            Distribution(DOCKER, machine=False, state="Running"),
        ])

    def spawn(self, *words: str, utf8: bool = True) -> subprocess.Popen[bytes]:
        return self.prefix.spawn(
            WSL_EXE, *words, env={"WSL_UTF8": "1"} if utf8 else {}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def call(self, *words: str, stdin: bytes = b"", utf8: bool = True) -> tuple[int, bytes, bytes]:
        """wsl.exe to its end: (exit code, stdout, stderr)."""
        with self.spawn(*words, utf8=utf8) as process:
            try:
                output, errors = process.communicate(stdin, LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            return process.returncode, output, errors

    def say(self, *words: str) -> str:
        """What wsl.exe says in UTF-8, with exit code 0."""
        code, output, errors = self.call(*words)
        expect_equal((code, errors), (0, b""), f"exit code and stderr of {words}")
        return output.decode()

    def root(self, name: str, *words: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        return self.call("-d", name, "-u", "root", "--cd", "/", "--exec", *words, stdin=stdin)

    @contextlib.contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        self.wsl.faults.append(fault)
        try:
            yield
        finally:
            self.wsl.faults.remove(fault)


def lists_are_as_wsl_prints_them(rig: Rig) -> None:
    expect_equal(
        rig.say("--list", "--verbose"),
        "  NAME              STATE           VERSION\r\n"
        "* Ubuntu-24.04      Running         2\r\n"
        "  Debian            Stopped         2\r\n"
        "  Legacy            Stopped         1\r\n"
        "  docker-desktop    Running         2\r\n", "--list --verbose",
    )
    expect_equal(rig.say("--list", "--running", "--quiet"), "Ubuntu-24.04\r\ndocker-desktop\r\n", "--list --running --quiet")
    expect_equal(rig.say("-l", "-q").split(), [SYSTEMD, PLAIN, OLD, DOCKER], "-l -q")
    expect_equal(rig.say("--status").splitlines()[0], "Default Distribution: Ubuntu-24.04", "--status")
    assert rig.say("--version").startswith("WSL version: 2."), "--version"


def wide_output_is_the_default(rig: Rig) -> None:
    rig.wsl.language = "de"
    try:
        code, output, _ = rig.call("--list", "--verbose", utf8=False)
        expect_equal((code, output.decode("utf-16-le").splitlines()[1].split()[2:4]), (0, ["Wird", "ausgeführt"]), "a German list")
        expect_equal(rig.call("-d", "Nope", "--exec", "true", utf8=False)[1].decode("utf-16-le").split(".")[0],
                     "Es ist keine Distribution mit dem angegebenen Namen vorhanden", "a German error")
    finally:
        rig.wsl.language = "en"


def errors_of_its_own_go_to_stdout(rig: Rig) -> None:
    for words, said in {
        ("-d", "Nope", "--exec", "true"): "no distribution with the supplied name",
        ("--terminate", "Nope"): "no distribution with the supplied name",
        ("--frobnicate",): "Invalid command line argument: --frobnicate",
        ("-d", DOCKER, "--exec", "true"): "could not be started",
        ("-d", SYSTEMD, "-u", "nobody-here", "--exec", "true"): "User not found",
    }.items():
        code, output, errors = rig.call(*words)
        expect_equal((code, errors), (FAILED, b""), f"{words}")
        assert said in output.decode(), (words, output)


def commands_run_as_asked(rig: Rig) -> None:
    expect_equal(rig.root(SYSTEMD, "sh", "-c", "pwd; id -un; echo \"$WSL_DISTRO_NAME $HOME\"; echo aside >&2; exit 42"),
                 (42, b"/\nroot\nUbuntu-24.04 /root\n", b"aside\n"), "a command of root")
    expect_equal(rig.call("-d", SYSTEMD, "--exec", "sh", "-c", "pwd; id -un; id -Gn"), (0, b"/home/user\nuser\nuser dialout\n", b""), "the default user")
    odd = ["two words", "", "$HOME", "'\"`;&|<>\\", "ä€😀", "-x", "*"]
    code, output, _ = rig.root(SYSTEMD, "printf", "%s\\n", *odd)
    expect_equal((code, output.decode().splitlines()), (0, odd), "odd arguments")
    expect_equal(rig.call("-u", "root", "--", "echo", "$HOME;", "exit", "3"), (3, b"/root\n", b""), "a command of the shell")
    code, _, errors = rig.root(SYSTEMD, "/no/such/program")
    expect_equal(code, 1, "exit code of a program that is not there")
    assert b"execvpe(/no/such/program) failed" in errors, errors
    expect_equal(rig.root(SYSTEMD, "sh", "-c", "kill -9 $$")[0], 137, "exit code after a signal")


def bytes_go_through_whole(rig: Rig) -> None:
    """20 MB each way, at the same time, with every value of a byte."""
    data = random.Random(5).randbytes(LARGE_BYTES)
    code, output, errors = rig.root(SYSTEMD, "sh", "-c", "sha256sum /dev/stdin >&2", stdin=data)
    expect_equal((code, errors.split()[0].decode()), (0, hashlib.sha256(data).hexdigest()), "20 MB to the program")
    code, output, _ = rig.root(SYSTEMD, "cat", stdin=data)
    expect_equal((code, len(output), hashlib.sha256(output).digest() == hashlib.sha256(data).digest()), (0, LARGE_BYTES, True), "20 MB there and back")


def end_of_stdin_gets_through(rig: Rig) -> None:
    with rig.spawn("-d", SYSTEMD, "-u", "root", "--exec", "sh", "-c", "echo up; cat >/dev/null; echo over") as process:
        assert process.stdin and process.stdout
        expect_equal(process.stdout.readline(), b"up\n", "the first line")
        process.stdin.write(b"not the end\n")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        expect_equal((process.stdout.read(), process.wait(LIMIT_S)), (b"over\n", 0), "what comes after the end")


def reader_that_waits_holds_up_the_writer(rig: Rig) -> None:
    """What a program writes does not pile up anywhere; a second program of the same distribution does not wait for it."""
    count = "dd if=/dev/zero bs=64k 2>/dev/null"
    with rig.spawn("-d", SYSTEMD, "-u", "root", "--exec", "sh", "-c", f"echo $$ >&2; {count}") as process:
        assert process.stderr and process.stdout
        pid = process.stderr.readline().decode().strip()
        written = f"cat /proc/$(pgrep -P {pid} dd)/io | sed -n 's/^wchar: //p'"
        # It has come to a stand when it has written nothing between two looks.
        stands = f"a=-1; until b=$({written}); [ \"$a\" = \"$b\" ]; do a=$b; sleep 1; done; echo $b"
        size = int(rig.root(SYSTEMD, "sh", "-c", stands)[1])
        assert 0 < size < LARGE_BYTES, f"{size} bytes written to a reader that takes none"
        process.kill()


def killed_wsl_ends_its_command(rig: Rig) -> None:
    """With SIGHUP, and what has gone into a session of its own stays."""
    # The other one tells its id itself, or it might still be on its way into its session when the signal comes.
    script = "trap 'echo hup >/run/hup; exit' HUP; echo $$; setsid sh -c 'echo $$; exec sleep 1111' & wait"
    with rig.spawn("-d", SYSTEMD, "-u", "root", "--exec", "bash", "-c", script) as process:
        assert process.stdout
        pid, other = (process.stdout.readline().decode().strip() for _ in range(2))
        process.kill()
    rig.wsl.wait("without a session", lambda: rig.distribution(SYSTEMD).sessions == 0)
    vm = rig.distribution(SYSTEMD).vm
    expect_equal(vm.run(f"cat /run/hup; [ ! -d /proc/{pid} ] && [ -d /proc/{other} ] && kill {other}"), (0, "hup\n"), "the signal, and what lives")


def stopped_distribution_starts_with_a_command(rig: Rig) -> None:
    """Once, and the command of wsl.conf runs with it, as root; its port is there, and what is written stays."""
    plain = rig.distribution(PLAIN)
    expect_equal((plain.state, plain.starts), ("Stopped", 0), "before")
    expect_equal(rig.root(PLAIN, "cat", "/proc/1/comm")[:2], (0, b"vm_exec\n"), "PID 1")
    expect_equal((plain.state, plain.starts, rig.distribution(DOCKER).state), ("Running", 1, "Running"), "after")
    conf = b"[user]\ndefault=user\n[boot]\n# mine\ncommand = \"id -un >/run/boot; echo \\\"a b\\\" >>/run/boot\"\n"
    expect_equal(rig.root(PLAIN, "tee", "/etc/wsl.conf", stdin=conf)[1], conf, "tee")
    rig.say("--terminate", PLAIN)
    expect_equal((plain.state, rig.say("--list", "--running", "--quiet").split()), ("Stopped", [SYSTEMD, DOCKER]), "after --terminate")
    wait = "until [ \"$(wc -l 2>/dev/null </run/boot)\" = 2 ]; do sleep 0.1; done; cat /run/boot"
    expect_equal(rig.root(PLAIN, "sh", "-c", wait), (0, b"root\na b\n", b""), "what the command of [boot] did")
    expect_equal(plain.starts, 2, "starts")


def terminate_ends_what_runs(rig: Rig) -> None:
    rig.distribution(PLAIN).start()
    with rig.spawn("-d", PLAIN, "-u", "root", "--exec", "sh", "-c", "echo up; exec sleep 1111") as process:
        assert process.stdout
        expect_equal(process.stdout.readline(), b"up\n", "the first line")
        rig.say("--terminate", PLAIN)
        assert process.wait(LIMIT_S) != 0, "a program that was ended succeeded"
    rig.wsl.wait("without a session", lambda: rig.distribution(PLAIN).sessions == 0)


def idle_distribution_is_stopped(rig: Rig) -> None:
    """Not as long as a wsl.exe runs in it."""
    plain = rig.distribution(PLAIN)
    plain.start()
    with rig.spawn("-d", PLAIN, "-u", "root", "--exec", "cat") as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"up\n")
        process.stdin.flush()
        expect_equal(process.stdout.readline(), b"up\n", "the first line")
        plain.set_idle(0.2)
        try:
            with plain.vm.popen("sleep 1") as second:
                second.wait(LIMIT_S)
            expect_equal(plain.state, "Running", "with a session")
            process.stdin.close()
            rig.wsl.wait("stopped", lambda: plain.state == "Stopped")
        finally:
            plain.set_idle(None)


def port_is_the_same_on_both_sides(rig: Rig) -> None:
    distribution = rig.distribution(SYSTEMD)
    server = f"import socket\nwith socket.create_server(('127.0.0.1', {distribution.port})) as s:\n print('up', flush=True)\n s.accept()[0].sendall(b'hello')"
    with rig.spawn("-d", SYSTEMD, "-u", "root", "--exec", "python3", "-c", server) as process:
        assert process.stdout
        expect_equal(process.stdout.readline(), b"up\n", "the first line")
        with socket.create_connection(("127.0.0.1", distribution.port), LIMIT_S) as client:
            expect_equal(client.recv(5, socket.MSG_WAITALL), b"hello", "through the port")
        expect_equal(process.wait(LIMIT_S), 0, "exit code")


def guest_runs_windows_programs(rig: Rig) -> None:
    """As any user, with arguments, output and exit code."""
    query = [KICK, "query", "HKCU\\Software\\Wine\\Drivers", "/v", "Graphics"]
    code, output, _ = rig.call("-d", SYSTEMD, "--exec", *query)
    assert code == 0 and b"null" in output, (code, output)
    expect_equal(rig.root(SYSTEMD, KICK, "query", "HKCU\\No\\Such")[0], 1, "exit code of a query for what is not there")


def failures_can_be_ordered(rig: Rig) -> None:
    with rig.fault(Fault("list", text="Der Dienst kann nicht gestartet werden.")):
        expect_equal(rig.call("-l", "-q"), (FAILED, "Der Dienst kann nicht gestartet werden.\r\n".encode(), b""), "an error")
        expect_equal(rig.root(SYSTEMD, "true")[0], 0, "another verb")
    with rig.fault(Fault("exec", text="no", code=7)):
        expect_equal(rig.root(SYSTEMD, "true")[0], 7, "an error of exec")
    with rig.fault(Fault(delay_s=1.0)):
        started = time.monotonic()
        rig.say("--list", "--quiet")
        assert time.monotonic() - started >= 1.0, "not slow"
    with rig.fault(Fault(hangs=True)), rig.spawn("--list") as process:
        rig.wsl.wait("called", lambda: rig.wsl.calls[-1] == ["--list"])
        try:
            process.wait(1.0)
            raise AssertionError("it did not hang")
        except subprocess.TimeoutExpired:
            process.kill()
    rig.remove_wsl()
    try:
        assert rig.call("--list")[0] != 0, "a wsl.exe that is not there ran"
    finally:
        rig.install_wsl()
    rig.say("--list", "--quiet")


def listings_tell_what_differs(rig: Rig) -> None:
    before = rig.windows_listing() | rig.guest_listing(SYSTEMD)
    expect_equal(differences(before, rig.windows_listing() | rig.guest_listing(SYSTEMD)), [], "nothing happened")
    rig.prefix.run("reg.exe", "add", "HKCU\\Software\\New", "/v", "Name", "/d", "a value")
    (rig.user_folder() / "New").mkdir()
    (rig.user_folder() / "New/file").write_text("x")
    rig.distribution(SYSTEMD).vm.run(
        "printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/new.service; systemctl enable new 2>/dev/null; "
        "touch /usr/bin/setpriv; chmod 700 /root/.bashrc; echo more >>/etc/hosts; mkdir -p /run/new", check=True
    )
    after = rig.windows_listing() | rig.guest_listing(SYSTEMD)
    found = [line.split(": ")[0] if line.startswith(("+ registry", "+ file")) else line.split(": ")[1] for line in differences(before, after)]
    guest = {"content /etc/hosts", "content /etc/systemd/system/new.service", "file /etc/hosts", "file /etc/systemd/system/new.service",
             "file /etc/systemd/system/multi-user.target.wants/new.service", "file /root/.bashrc", "time /usr/bin/setpriv", "unit new.service",
             "volatile /run/new"}
    windows = {"+ registry HKEY_CURRENT_USER\\Software\\New", "+ registry HKEY_CURRENT_USER\\Software\\New \"Name\"", "+ file New", "+ file New/file"}
    expect_equal(sorted(found), sorted(guest | windows), "what differs")


def reboot_runs_units_in_order(rig: Rig) -> None:
    distribution = rig.distribution(SYSTEMD)
    starts = distribution.starts
    unit = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/sh -c \"date >/run/late\"\\nExecStop=/bin/sh -c \"echo stopped >/root/stopped\"\\n"
    distribution.vm.run(f"printf '{unit}[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/late.service && systemctl enable --now late", check=True)
    distribution.reboot()
    expect_equal(rig.root(SYSTEMD, "sh", "-c", "cat /root/stopped && [ -s /run/late ]")[:2], (0, b"stopped\n"), "the unit's end and start")
    expect_equal(distribution.starts, starts + 1, "starts")


def shutdown_stops_them_all(rig: Rig) -> None:
    rig.say("--shutdown")
    expect_equal(rig.say("--list", "--running", "--quiet").split(), [DOCKER], "what runs")


def boot_commands_are_read(_: Rig) -> None:
    for text, command in {
        "": None, "[boot]\n": None, "[boot]\nsystemd=true": None, "command=x": None, "[boot]\ncommand=": None,
        "[boot]\ncommand = a b; c\n": "a b; c", "[Boot]\r\nCommand=a\r\n[user]\r\ncommand=b": "a",
        "[boot]\n#command=a\ncommand=\"a \\\"b\\\" \\\\\"": "a \"b\" \\", "[boot]\ncommand=a\ncommand=b": "b",
    }.items():
        expect_equal(boot_command(text), command, repr(text))


CASES = [
    boot_commands_are_read,
    lists_are_as_wsl_prints_them,
    wide_output_is_the_default,
    errors_of_its_own_go_to_stdout,
    commands_run_as_asked,
    bytes_go_through_whole,
    end_of_stdin_gets_through,
    reader_that_waits_holds_up_the_writer,
    killed_wsl_ends_its_command,
    port_is_the_same_on_both_sides,
    guest_runs_windows_programs,
    failures_can_be_ordered,
    listings_tell_what_differs,
    stopped_distribution_starts_with_a_command,
    terminate_ends_what_runs,
    idle_distribution_is_stopped,
    reboot_runs_units_in_order,
    shutdown_stops_them_all,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Tests the lab's WSL.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    cases: Cases[Rig] = Cases()
    with Rig() as rig:
        cases.run(chosen, rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Tests the lab itself, without the product: the VM, and the USB/IP double seen through the kernel's own drivers.

usage: tests/vm/selftest.py [--usbipd-double PROGRAM] [CASE...]

Without PROGRAM the one of the dev build is taken, or one is built in a temporary folder. Prints one line per case and
ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import select
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/lab/usbip")]

from usbipd_double import UsbipdDouble, UsbipdError  # noqa: E402
from vm import Vm, VmError  # noqa: E402

ECHO_BYTES = 4096
REPLY_BYTES = 320
CHIPS = {"ch341": ("1-3", "/dev/ttyUSB"), "cdc_acm": ("2-7", "/dev/ttyACM"), "cp2102": ("1-5", "/dev/ttyUSB"), "ft232r": ("1-6", "/dev/ttyUSB"), "pl2303": ("1-7", "/dev/ttyUSB")}
DRIVERS = "vhci-hcd cdc-acm ch341 cp210x ftdi_sio pl2303"
OPERATION_HEADER = bytes.fromhex("01118003") + bytes(4)


class Lab:
    """What the cases share: one VM with the drivers loaded, and one server."""

    def __init__(self, vm: Vm, usbipd: UsbipdDouble) -> None:
        self.vm = vm
        self.usbipd = usbipd

    def attach(self, busid: str) -> dict[str, Any]:
        code, output = self.vm.run(f"vhci_attach attach 10.0.2.2 {self.usbipd.port} {busid}")
        assert code == 0, f"attach failed: {output}"
        return json.loads(output)

    def import_only(self, busid: str) -> dict[str, Any]:
        _, output = self.vm.run(f"vhci_attach import 10.0.2.2 {self.usbipd.port} '{busid}' 2>/dev/null")
        return json.loads(output)

    def wait_free(self) -> None:
        self.vm.run("vhci_attach wait-free", check=True)


def expect_equal(actual: object, expected: object, what: str) -> None:
    assert actual == expected, f"{what}: {actual!r} instead of {expected!r}"


def boots_debians_kernel(lab: Lab) -> None:
    print(f"     boot to usable shell: {lab.vm.boot_seconds:.2f} s")
    kernel = lab.vm.run("uname -v", check=True)[1]
    assert "Debian" in kernel, kernel


def init_leaves_the_drivers_alone(_: Lab) -> None:
    with Vm() as vm:
        vm.start()
        _, loaded = vm.run("cut -d' ' -f1 /proc/modules")
        assert not {"vhci_hcd", "usbserial", "cdc_acm", "ch341"} & set(loaded.split()), loaded
        expect_equal(vm.run("ls /sys/devices/platform/vhci_hcd.0 2>/dev/null")[0], 1, "vhci before modprobe")


def bare_guest_has_no_modprobe(_: Lab) -> None:
    with Vm(modprobe=False) as vm:
        vm.start()
        # Asked for by path: the shell would run busybox's applet without looking for a file.
        expect_equal(vm.run("/sbin/modprobe vhci-hcd 2>/dev/null")[0], 127, "modprobe's exit code")
        expect_equal(vm.run("ls -d /*bin/*mod /*bin/modprobe 2>/dev/null")[1].split(), ["/bin/chmod"], "loaders left")
        files = vm.run('cd /lib/modules/$(uname -r) && ls modules.dep modules.alias && find . -name "vhci-hcd.ko*"', check=True)
        expect_equal(len(files[1].split()), 3, "files of the module tree")


def exit_codes_come_through(lab: Lab) -> None:
    for script, expected in {"true": 0, "exit 42": 42, "kill -9 $$": 137, "no-such-program 2>/dev/null": 127}.items():
        expect_equal(lab.vm.run(script)[0], expected, script)


def large_output_is_whole(lab: Lab) -> None:
    _, output = lab.vm.run("seq 1 200000", timeout=60)
    expect_equal(output, "".join(f"{i}\n" for i in range(1, 200001)), "seq's output")


def output_streams_unbuffered(lab: Lab) -> None:
    with lab.vm.popen("echo first; read -r line; echo got $line; echo aside >&2; exit 3") as process:
        expect_equal(process.stdout.readline(), b"first\n", "first line")
        process.write(b"it\n")
        expect_equal(process.stdout.readline(), b"got it\n", "second line")
        expect_equal(process.stderr.readline(), b"aside\n", "stderr")
        expect_equal(process.wait(10), 3, "exit code")


def background_process_does_not_hold_a_script(lab: Lab) -> None:
    code, output = lab.vm.run("sleep 1000 & echo $!", timeout=10)
    expect_equal(code, 0, "exit code")
    expect_equal(lab.vm.run(f"kill {output.strip()}")[0], 0, "kill of the process left behind")


def signals_and_hang_ups_end_scripts(lab: Lab) -> None:
    with lab.vm.popen("echo up; sleep 1000; echo over") as process:
        process.stdout.readline()
        process.send_signal(15)
        expect_equal(process.wait(10), 143, "exit code after SIGTERM")
    process = lab.vm.popen("echo up; sleep 999")
    process.stdout.readline()
    process.close()
    # The shell is reaped when its group has been killed, so its end is something to wait for, not to sleep for.
    gone = f"i=0; while [ -d /proc/{process.pid} ] && [ $i -lt 500 ]; do usleep 10000; i=$((i + 1)); done"
    lab.vm.run(f"{gone}; [ ! -d /proc/{process.pid} ]", check=True)


def timed_out_script_is_killed(lab: Lab) -> None:
    try:
        lab.vm.run("sleep 1000", timeout=0.5)
    except VmError:
        return
    raise AssertionError("no error")


def files_go_both_ways(lab: Lab) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, back = Path(folder, "source"), Path(folder, "back")
        source.write_bytes(os.urandom(300_000))
        source.chmod(0o751)
        lab.vm.push(source, "/tmp/a file")
        expect_equal(lab.vm.run("stat -c %a '/tmp/a file'")[1].strip(), "751", "mode")
        lab.vm.pull("/tmp/a file", back)
        assert back.read_bytes() == source.read_bytes(), "the file came back changed"


def overlay_and_loopback_forward_work(_: Lab) -> None:
    with tempfile.TemporaryDirectory() as folder, Vm() as vm:
        Path(folder, "data").write_text("from the overlay\n")
        vm.start(overlay_files={"/etc/deep/er/data": Path(folder, "data")}, forwards=[(0, 24240, True), (0, 7000, False)])
        expect_equal(vm.run("cat /etc/deep/er/data")[1], "from the overlay\n", "overlay")
        for port, address in zip(vm.ports, ("127.0.0.1:24240", "10.0.2.15:7000")):
            guest_port = address.split(":")[1]
            with vm.popen(f"nc -l -p {guest_port} -e cat"):
                vm.run(f"while ! netstat -ltn | grep -q ':{guest_port} '; do usleep 1000; done", timeout=10)
                with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                    client.sendall(b"there and back\n")
                    expect_equal(client.recv(100), b"there and back\n", address)
                    _, connections = vm.run("netstat -tn")
                    assert f"{address} " in connections, f"{address} is not the guest's end in:\n{connections}"


def machine_pauses_and_restarts(_: Lab) -> None:
    with tempfile.TemporaryDirectory() as folder, Vm() as vm:
        Path(folder, "data").write_text("from the overlay\n")
        vm.start(overlay_files={"/etc/data": Path(folder, "data")}, forwards=[(0, 24240, True)])
        ports = list(vm.ports)
        with vm.popen("read -r line && echo \"$line\"") as process:
            vm.pause()
            process.write(b"heard\n")
            assert not select.select([process.stdout], [], [], 0.5)[0], "a machine that stands still answered"
            vm.resume()
            expect_equal(process.stdout.readline(), b"heard\n", "the answer after the pause")
        vm.run("touch /run/of-the-former-life", check=True)
        vm.restart()
        expect_equal(vm.ports, ports, "ports after the restart")
        expect_equal(vm.run("cat /etc/data; ls /run/of-the-former-life 2>/dev/null"), (1, "from the overlay\n"), "files after it")


def whole_debian_is_there(lab: Lab) -> None:
    """With udevd at work, the programs that people flash with, and a user of group dialout; and nothing stays of what was written."""
    with Vm(debian=True) as vm:
        vm.start(overlay_files={"/usr/local/bin/mine": HERE / "snapshot.sh"})
        for program in ("avrdude", "dfu-util", "picocom", "usbip", "mine"):
            vm.run(f"command -v {program}", check=True)
        vm.run("/usr/bin/python3 -c 'import serial'", check=True)
        lab.usbipd.plug("3-1", "ch341", serial="5912004577")
        vm.run(f"modprobe vhci-hcd && vhci_attach attach 10.0.2.2 {lab.usbipd.port} 3-1", check=True)
        tty = vm.run("udevadm wait --timeout=30 --settle /dev/ttyUSB0 && stat -c '%U:%G %a' /dev/ttyUSB0 && ls /dev/serial/by-id", check=True)[1]
        rights, link = tty.split("\n")[:2]
        expect_equal(rights, "root:dialout 660", "rights of the tty")
        assert "5912004577" in link, link
        vm.run("su user -c 'test -w /dev/ttyUSB0' && echo mark >/root/mark && sync", check=True)
        lab.usbipd.unplug("3-1")
        vm.restart()
        expect_equal(vm.run("cat /root/mark 2>/dev/null"), (1, ""), "what the disk has kept")


def systemd_makes_nodes_and_keeps_units(lab: Lab) -> None:
    """With systemd as PID 1: udevd gives a tty its group and link; a unit that is enabled runs after a reboot, and after a loss of power."""
    unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'date +%s.%N >/run/mark'\n[Install]\nWantedBy=multi-user.target\n"
    with Vm(debian=True, systemd=True, persistent=True) as vm:
        vm.start(forwards=[(0, 24240, True)])
        print(f"     boot with systemd: {vm.boot_seconds:.2f} s")
        expect_equal(vm.run("cat /proc/1/comm; systemctl is-system-running --wait"), (0, "systemd\nrunning\n"), "PID 1 and its state")
        lab.usbipd.plug("3-1", "ch341", serial="5912004577")
        vm.run(f"modprobe vhci-hcd && vhci_attach attach 10.0.2.2 {lab.usbipd.port} 3-1", check=True)
        tty = vm.run("udevadm wait --timeout=30 --settle /dev/ttyUSB0 && stat -c '%U:%G %a' /dev/ttyUSB0 && ls /dev/serial/by-id", check=True)[1]
        rights, link = tty.split("\n")[:2]
        expect_equal(rights, "root:dialout 660", "rights of the tty")
        assert "5912004577" in link, link
        lab.usbipd.unplug("3-1")
        install = "cat >/etc/systemd/system/mark.service && systemctl enable mark.service && [ ! -e /run/mark ]"
        vm.run(install, stdin=unit.encode(), check=True)
        ports = list(vm.ports)
        vm.reboot()
        vm.run("[ -s /run/mark ]", check=True)
        vm.restart()
        vm.run("[ -s /run/mark ]", check=True)
        expect_equal(vm.ports, ports, "ports after it")


def post_mortem_says_where_the_kernel_is(_: Lab) -> None:
    with Vm() as vm:
        vm.start()
        said = vm.post_mortem()
    assert "RIP=" in said and "Not continuing" in said and "Call Trace" in said, said


def disk_keeps_what_is_written(_: Lab) -> None:
    """Without systemd too; and the files of the overlay are put there once."""
    with Vm(debian=True, persistent=True) as vm:
        vm.start(overlay_files={"/usr/local/bin/mine": HERE / "snapshot.sh"})
        expect_equal(vm.run("cat /proc/1/comm; [ -d /run/systemd/system ]"), (1, "vm_exec\n"), "PID 1")
        vm.run("echo mark >/root/mark; rm /usr/local/bin/mine", check=True)
        vm.restart()
        expect_equal(vm.run("cat /root/mark; ls /usr/local/bin/mine 2>/dev/null"), (2, "mark\n"), "files after a loss of power")
        vm.run("echo again >/root/mark", check=True)
        vm.reboot()
        expect_equal(vm.run("cat /root/mark"), (0, "again\n"), "files after a reboot")


def machine_can_be_out_of_reach(lab: Lab) -> None:
    with Vm(reaches_machine=False) as vm:
        vm.start()
        expect_equal(vm.run(f"nc -w 1 10.0.2.2 {lab.usbipd.port} </dev/null 2>/dev/null")[0], 1, "connecting to the machine")


def attach_and_echo(lab: Lab, chip: str, **settings: Any) -> None:
    busid, prefix = CHIPS[chip]
    lab.usbipd.plug(busid, chip, **settings)
    attached = lab.attach(busid)
    assert attached["tty"].startswith(prefix), attached
    code, output = lab.vm.run(f"tty_echo --rounds 2 --bytes {ECHO_BYTES} {attached['tty']}")
    echo = json.loads(output)
    expect_equal((code, echo["bytes"], echo["bad"]), (0, 2 * ECHO_BYTES, 0), "echo")
    board = lab.usbipd.board(busid)
    expect_equal((board["rx_bytes"], board["tx_bytes"]), (2 * ECHO_BYTES, 2 * ECHO_BYTES), "the board's own count")
    expect_equal((board["attached"], board["imports"]), (True, 1), "attached, imports")
    assert board["opens"] == 1 and board["line_state_changes"] >= 2, board
    print(f"     attach {attached['ms']} ms, echo {echo['ms']} ms")
    lab.usbipd.unplug(busid)
    lab.wait_free()


def ch341_echoes_and_goes(lab: Lab) -> None:
    attach_and_echo(lab, "ch341")


def cdc_acm_echoes_and_goes(lab: Lab) -> None:
    attach_and_echo(lab, "cdc_acm")


def cp2102_echoes_and_goes(lab: Lab) -> None:
    attach_and_echo(lab, "cp2102")


def ft232r_echoes_and_goes(lab: Lab) -> None:
    attach_and_echo(lab, "ft232r")


def pl2303_echoes_and_goes(lab: Lab) -> None:
    attach_and_echo(lab, "pl2303")


def slow_high_speed_boards_echo(lab: Lab) -> None:
    attach_and_echo(lab, "cdc_acm", speed="high", delay_us=2000)
    attach_and_echo(lab, "ch341", speed="high", delay_us=2000)


def all_chips_at_once(lab: Lab) -> None:
    ttys = []
    for chip, (busid, _) in CHIPS.items():
        lab.usbipd.plug(busid, chip)
        ttys.append(lab.attach(busid)["tty"])
    _, snapshot = lab.vm.run("snapshot.sh 1")
    expect_equal(snapshot.count("\ntty /dev/"), len(CHIPS), "ttys in the snapshot")
    expect_equal(snapshot.count("\nvhci hs"), len(CHIPS), "ports in the snapshot")
    for tty in ttys:
        expect_equal(lab.vm.run(f"tty_echo {tty}")[0], 0, tty)
    for busid, _ in CHIPS.values():
        lab.usbipd.unplug(busid)
    lab.wait_free()
    expect_equal(lab.usbipd.list(), {"connections": 0, "boards": []}, "what the server still has")


def echo_off_turns_the_echo_red(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341", echo="off")
    tty = lab.attach("1-3")["tty"]
    code, output = lab.vm.run(f"tty_echo --bytes 64 --timeout-ms 500 {tty}")
    expect_equal((code, json.loads(output)["bytes"]), (1, 0), "echo of a board that has none")
    board = lab.usbipd.board("1-3")
    expect_equal((board["rx_bytes"], board["tx_bytes"]), (64, 0), "the board's own count")
    lab.usbipd.unplug("1-3")
    lab.wait_free()


def strings_reach_the_kernel(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341", serial="a b\x07", product="Gerät 🔌")
    lab.attach("1-3")
    read = "cd /sys/bus/usb/devices; for d in */; do [ -e $d/serial ] && [ $(cat $d/idVendor) = 1a86 ] && cat $d/serial $d/product; done"
    _, output = lab.vm.run(read)
    expect_equal(output, "a b\x07\nGerät 🔌\n", "strings in sysfs")
    lab.usbipd.unplug("1-3")
    lab.wait_free()


def detach_gives_the_board_back(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341")
    for _ in range(2):
        port = lab.attach("1-3")["port"]
        expect_equal(lab.import_only("1-3"), {"status": 2, "bytes": 8}, "import of an attached board")
        lab.vm.run(f"echo {port} >/sys/devices/platform/vhci_hcd.0/detach", check=True)
        lab.wait_free()
    expect_equal(lab.usbipd.board("1-3")["imports"], 2, "imports")
    lab.usbipd.unplug("1-3")


def talk(lab: Lab, request: bytes) -> tuple[bytes, int]:
    """Sends a request to the server and reads to the end: the reply, and how many pieces it came in."""
    reply, pieces = b"", 0
    with socket.create_connection(("127.0.0.1", lab.usbipd.port), timeout=10) as client:
        client.sendall(request)
        try:
            while piece := client.recv(65536):
                reply += piece
                pieces += 1
        except ConnectionResetError:
            pass  # The server left with our bytes unread, as usbipd-win does.
    return reply, pieces


def server_hangs_up_on_nonsense(lab: Lab) -> None:
    for request in ("0106800300000000", "0111800400000000", "0111800500000001", "0111800300000001", "ffffffffffffffff"):
        expect_equal(talk(lab, bytes.fromhex(request))[0], b"", request)


def server_refuses_what_it_does_not_have(lab: Lab) -> None:
    for busid in (b"1-9", b"../../x", b"x" * 32, b""):
        reply, _ = talk(lab, OPERATION_HEADER + busid.ljust(32, b"\0"))
        expect_equal(reply.hex(), "0111000300000004", repr(busid))


def device_list_has_the_windows_record(lab: Lab) -> None:
    instance = "USB\\VID_1A86&PID_7523\\5&2F3A&0&3"
    lab.usbipd.plug("1-3", "ch341", instance=instance)
    lab.usbipd.plug("2-7", "cdc_acm")
    reply, pieces = talk(lab, bytes.fromhex("0111800500000000"))
    expect_equal(len(reply), 12 + 312 + 4 + 312 + 8, "length")
    expect_equal(reply[:12].hex(), "011100050000000000000002", "header and count")
    record = reply[12 : 12 + 312]
    expect_equal(record[:256].rstrip(b"\0").decode(), instance, "path")
    expect_equal(record[256:288].rstrip(b"\0"), b"1-3", "busid")
    expect_equal(record[288:].hex(), "000000010000000300000002" + "1a8675230264" + "ff0000" + "010101", "numbers")
    expect_equal(reply[12 + 312 : 12 + 316].hex(), "ff010200", "interface")
    assert pieces > 1, "the reply came in one piece"
    lab.usbipd.unplug("1-3")
    lab.usbipd.unplug("2-7")


def planted_faults_show(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341")
    request = OPERATION_HEADER + b"1-3".ljust(32, b"\0")
    for cut in (0, 1, 7, 8, 100, 319, 320):
        lab.usbipd.fault("1-3", cut_reply_at=cut)
        expect_equal(len(talk(lab, request)[0]), cut, f"reply cut at {cut}")
    lab.usbipd.fault("1-3", import_status=3, times=2)
    for _ in range(2):
        expect_equal(talk(lab, request)[0].hex(), "0111000300000003", "planted status")
    lab.usbipd.fault("1-3", import_delay_ms=300)
    started = time.monotonic()
    expect_equal(lab.import_only("1-3"), {"status": 0, "bytes": REPLY_BYTES}, "late import")
    assert time.monotonic() - started >= 0.3, "the import was not late"
    lab.usbipd.unplug("1-3")


IMPORT_1_3 = OPERATION_HEADER + b"1-3".ljust(32, b"\0")
DEVICE_LIST = bytes.fromhex("0111800500000000")
REFUSED = "0111000300000004"


def mad_replies_are_as_ordered(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341")
    lab.usbipd.fault("1-3", patch_at=264, patch_len=32, patch_value=65, cut_reply_at=319)
    reply, _ = talk(lab, IMPORT_1_3)
    expect_equal(reply[264:296], b"A" * 32, "a busid without an end")
    lab.usbipd.fault("1-3", drip_ms=1, cut_reply_at=40)
    reply, pieces = talk(lab, IMPORT_1_3)
    expect_equal((len(reply), pieces), (40, 40), "bytes and pieces of a reply that drips")
    lab.usbipd.unplug("1-3")


def board_that_is_not_shared_is_not_there(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341", shared="no")
    expect_equal(talk(lab, DEVICE_LIST)[0].hex(), "011100050000000000000000", "the list")
    expect_equal(talk(lab, IMPORT_1_3)[0].hex(), REFUSED, "the import")
    lab.usbipd.share("1-3", True)
    expect_equal(len(talk(lab, DEVICE_LIST)[0]), 12 + 312 + 4, "length of the list once it is shared")
    lab.usbipd.unplug("1-3")


def stopped_service_ends_and_refuses_connections(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341")
    with socket.create_connection(("127.0.0.1", lab.usbipd.port)) as client:
        client.sendall(IMPORT_1_3[:4])
        while lab.usbipd.list()["connections"] == 0:
            pass
        lab.usbipd.service(False)
        try:
            expect_equal(client.recv(100), b"", "what comes when the service stops")
        except ConnectionResetError:
            pass  # It had not read everything.
    try:
        socket.create_connection(("127.0.0.1", lab.usbipd.port)).close()
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("a stopped service takes connections")
    lab.usbipd.service(True)
    expect_equal(len(talk(lab, DEVICE_LIST)[0]), 12 + 312 + 4, "length of the list once it runs again")
    lab.usbipd.unplug("1-3")


def board_that_stalls_answers_later(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341")
    lab.attach("1-3")
    lab.usbipd.stall("1-3", True)
    with lab.vm.popen("tty_echo --bytes 64 --timeout-ms 20000 /dev/ttyUSB0") as process:
        assert not select.select([process.stdout], [], [], 1.0)[0], "a board that stalls answered"
        lab.usbipd.stall("1-3", False)
        output, _ = process.communicate(30)
        expect_equal(json.loads(output)["bad"], 0, "bad bytes once it answers")
    lab.usbipd.unplug("1-3")
    lab.wait_free()


def controller_plays_windows(lab: Lab) -> None:
    """The steps of an import and its end, and what others get meanwhile."""
    events: queue.Queue[dict[str, str]] = queue.Queue()
    usbipd = lab.usbipd
    usbipd.on_event = events.put
    usbipd.windows(True)
    usbipd.plug("1-3", "ch341")
    with socket.create_connection(("127.0.0.1", usbipd.port), timeout=10) as client:
        client.sendall(IMPORT_1_3)
        expect_equal(events.get(timeout=10), {"event": "import", "busid": "1-3"}, "the import")
        expect_equal(talk(lab, IMPORT_1_3)[0].hex(), REFUSED, "another import meanwhile")
        expect_equal(talk(lab, DEVICE_LIST)[0].hex(), "011100050000000000000000", "the list meanwhile")
        usbipd.captured("1-3")
        expect_equal(client.recv(8, socket.MSG_WAITALL).hex(), "0111000300000000", "the reply")
    expect_equal(events.get(timeout=10), {"event": "released", "busid": "1-3"}, "the release")
    expect_equal(talk(lab, IMPORT_1_3)[0].hex(), REFUSED, "an import before Windows has it back")
    usbipd.freed("1-3")
    with socket.create_connection(("127.0.0.1", usbipd.port), timeout=10) as client:
        client.sendall(IMPORT_1_3)
        events.get(timeout=10)
        usbipd.refused("1-3", 3)
        expect_equal(client.recv(100, socket.MSG_WAITALL).hex(), "0111000300000003", "the refusal")
    with socket.create_connection(("127.0.0.1", usbipd.port), timeout=10) as client:
        client.sendall(IMPORT_1_3)
        events.get(timeout=10)
    expect_equal(events.get(timeout=10), {"event": "abandoned", "busid": "1-3"}, "a client that goes before the reply")
    usbipd.freed("1-3")
    for command in (usbipd.freed, usbipd.captured):
        try:
            command("1-3")
        except UsbipdError:
            continue
        raise AssertionError("a step that nobody waits for was taken")
    usbipd.unplug("1-3")
    usbipd.windows(False)
    usbipd.on_event = None


def unplug_ends_a_pending_import(lab: Lab) -> None:
    lab.usbipd.plug("1-3", "ch341")
    lab.usbipd.fault("1-3", import_delay_ms=600000)
    with socket.create_connection(("127.0.0.1", lab.usbipd.port), timeout=10) as client:
        client.sendall(OPERATION_HEADER + b"1-3".ljust(32, b"\0"))
        # A second import is refused while the first is on its way, which also says that the server has seen the first.
        while talk(lab, OPERATION_HEADER + b"1-3".ljust(32, b"\0"))[0].hex() != "0111000300000004":
            pass
        lab.usbipd.unplug("1-3")
        expect_equal(client.recv(100), b"", "reply to the pending import")


def bad_commands_are_answered(lab: Lab) -> None:
    commands = (
        "",
        "dance",
        "plug busid=1-3",
        "plug busid=1-3 chip=z80",
        "plug chip=ch341",
        "plug busid=0-3 chip=ch341",
        "plug busid=1-3 chip=ch341 colour=red",
        "plug busid=1-3 chip=ch341 vid=12345",
        "plug busid=1-3 chip=ch341 speed=ludicrous",
        "plug busid=1-3 chip=ch341 serial=%00",
        "plug busid=1-3 chip=ch341 serial=%ff",
        "plug busid=1-3 chip=ch341 serial=" + "x" * 127,
        "plug busid=1-3 chip=ch341 delay_us=-1",
        "unplug busid=9-9",
        "share busid=1-3 on=yes",
        "stall busid=1-3",
        "service state=sideways",
        "windows on=perhaps",
        "captured busid=9-9",
        "refused busid=9-9",
        "freed busid=9-9",
        "hangup busid=9-9",
        "fault busid=9-9 import_status=1",
        "list all",
        "x" * 10000,
    )
    for command in commands:
        try:
            answer = lab.usbipd.command(command)
        except UsbipdError:
            continue
        raise AssertionError(f"{command[:60]!r} was answered {answer!r}")
    expect_equal(lab.usbipd.list()["boards"], [], "boards")


CASES: list[Callable[[Lab], None]] = [
    boots_debians_kernel,
    init_leaves_the_drivers_alone,
    bare_guest_has_no_modprobe,
    exit_codes_come_through,
    large_output_is_whole,
    output_streams_unbuffered,
    background_process_does_not_hold_a_script,
    signals_and_hang_ups_end_scripts,
    timed_out_script_is_killed,
    files_go_both_ways,
    overlay_and_loopback_forward_work,
    machine_pauses_and_restarts,
    whole_debian_is_there,
    systemd_makes_nodes_and_keeps_units,
    post_mortem_says_where_the_kernel_is,
    disk_keeps_what_is_written,
    machine_can_be_out_of_reach,
    ch341_echoes_and_goes,
    cdc_acm_echoes_and_goes,
    cp2102_echoes_and_goes,
    ft232r_echoes_and_goes,
    pl2303_echoes_and_goes,
    slow_high_speed_boards_echo,
    all_chips_at_once,
    echo_off_turns_the_echo_red,
    strings_reach_the_kernel,
    detach_gives_the_board_back,
    server_hangs_up_on_nonsense,
    server_refuses_what_it_does_not_have,
    device_list_has_the_windows_record,
    planted_faults_show,
    mad_replies_are_as_ordered,
    board_that_is_not_shared_is_not_there,
    stopped_service_ends_and_refuses_connections,
    board_that_stalls_answers_later,
    controller_plays_windows,
    unplug_ends_a_pending_import,
    bad_commands_are_answered,
]


def find_usbipd_double(folder: str) -> Path:
    built = ROOT / "build/dev/tests/lab/usbip/usbipd_double"
    if built.exists():
        return built
    source = ROOT / "tests/lab/usbip"
    subprocess.run(["cmake", "-S", source, "-B", folder, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--target", "usbipd_double"], check=True, stdout=subprocess.DEVNULL)
    return Path(folder, "usbipd_double")


def run_case(case: Callable[[Lab], None], lab: Lab) -> bool:
    started = time.monotonic()
    try:
        case(lab)
    except Exception:  # A case may fail in any way; the others still run.
        traceback.print_exc()
        print(f"FAIL {case.__name__}", flush=True)
        for board in lab.usbipd.list()["boards"]:
            lab.usbipd.unplug(board["busid"])
        return False
    print(f"ok   {case.__name__} ({time.monotonic() - started:.2f} s)", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Tests the USB/IP double and the VM.")
    parser.add_argument("--usbipd-double", type=Path, metavar="PROGRAM")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - {case.__name__ for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    chosen = [case for case in CASES if not arguments.cases or case.__name__ in arguments.cases]
    with tempfile.TemporaryDirectory() as folder:
        program = arguments.usbipd_double or find_usbipd_double(folder)
        with Vm() as vm, UsbipdDouble(program) as usbipd:
            vm.start()
            vm.run(f"modprobe -a {DRIVERS}", check=True)
            lab = Lab(vm, usbipd)
            results = [run_case(case, lab) for case in chosen]
            failed_exit = usbipd.stop() != 0
    if failed_exit:
        print("FAIL usbipd_double did not exit cleanly")
    failed = results.count(False) + failed_exit
    print(f"{results.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

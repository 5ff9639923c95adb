#!/usr/bin/python3
"""What docs/ide says, done: each block that a page marks as tested is read out of the page and run, as a user of the group dialout, in a VM
with a whole Debian and its systemd, against emulated boards and through both agents.

    tests/e2e/ide_docs.py [--full] [CASE...]

--full does all of it, and what npm has, for which the VM gets a disk of its own. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "tests/e2e")]

from cases import Cases, expect_equal  # noqa: E402
from desk import HOME, PAGES, PLACE, Desk, Terminal  # noqa: E402
from doc_blocks import parse_jsonc  # noqa: E402
from firmware_image import random_image, to_intel_hex  # noqa: E402
from flash import expect_verified, expect_written, plugged, put  # noqa: E402
from ide_containers import CONTAINER_CASES  # noqa: E402
from ide_node import NODE_CASES  # noqa: E402
from ide_services import SERVICE_CASES  # noqa: E402
from problem_matcher import ProblemMatcher  # noqa: E402
from rounds import print_logs  # noqa: E402
from usbipd_service import Claim  # noqa: E402

IMAGE_BYTES = 1024
# Beside the blocks' own tests: what the pages show besides.
PLATFORMIO_STAND_IN = """
import configparser, sys
options = configparser.ConfigParser()
options.read("platformio.ini")
section, overrides = options[options.sections()[0]], dict(word.split("=") for word in sys.argv[1:])

class Environment:
    actions, variables = {}, {}
    def GetProjectOption(self, name, default=None): return overrides.get(name, section.get(name, default))
    def AddPreAction(self, target, action): self.actions[target] = action
    def Replace(self, **variables): self.variables.update(variables)
    def Exit(self, code): sys.exit(code)

environment, script = Environment(), {}
script["Import"] = lambda name: script.update({name: environment})
phase, file = section["extra_scripts"].split(":")
exec(compile(open(file).read(), file, "exec"), script)
environment.actions["upload"](source=[], target=[], env=environment)
print("UPLOAD_PORT", environment.variables["UPLOAD_PORT"])
"""


# Flashing.

def avrdude(desk: Desk) -> None:
    image = random_image(IMAGE_BYTES)
    put(desk.lab, to_intel_hex(image), f"{HOME}/firmware.hex")
    desk.have("nano_optiboot")
    expect_verified(desk.run("avrdude"), IMAGE_BYTES)
    expect_written(desk.lab, PLACE, image)


def avrdude_leonardo(desk: Desk) -> None:
    image = random_image(IMAGE_BYTES)
    put(desk.lab, to_intel_hex(image), f"{HOME}/firmware.hex")
    desk.have("leonardo_avr109")
    expect_verified(desk.run("avrdude_leonardo"), IMAGE_BYTES)
    expect_written(desk.lab, PLACE, image)
    desk.say("ttyferry wait 2341:8036 --timeout 30")  # A board in flight would be pulled as its bootloader.


def dfu_util(desk: Desk) -> None:
    image = random_image(IMAGE_BYTES)
    put(desk.lab, image, f"{HOME}/firmware.bin")
    desk.have("stm32")
    desk.run("dfu_util")
    expect_written(desk.lab, PLACE, image)
    desk.say("ttyferry wait 0483:5740 --timeout 30")


def openocd(desk: Desk) -> None:
    desk.have("cmsis_dap")
    output = desk.run("openocd")
    for word in ("FW Version = 2.1.0", "Interface ready", "shutdown command invoked"):
        assert word in output, output


def openocd_server(desk: Desk) -> None:
    """Each stay of the probe has a server of its own, and nothing of the one before is left."""
    desk.pull()
    with desk.stream(f"{desk.command('openocd_server')} 2>&1") as lines:
        for _ in range(2):
            desk.have("cmsis_dap")
            take_until(lines, "for telnet connections")
            expect_equal(desk.say("pgrep -cx openocd"), "1\n", "servers that run")
            desk.pull()
            desk.say("while pgrep -x openocd; do sleep 0.1; done")


# Terminals.

def picocom(desk: Desk) -> None:
    desk.have("nano")
    with Terminal(desk, "picocom") as terminal:
        terminal.wait("Terminal ready")
        terminal.expect_echo("over and out")
        terminal.type("\x01\x18")
        expect_equal(terminal.end(), 0, "exit code")


def miniterm(desk: Desk) -> None:
    desk.have("nano")
    with Terminal(desk, "miniterm") as terminal:
        terminal.wait("--- Miniterm on /dev/ttyUSB")
        terminal.expect_echo("over and out")
        terminal.type("\x1d")
        expect_equal(terminal.end(), 0, "exit code")


def tio(desk: Desk) -> None:
    """It stays over a replug."""
    desk.have("nano")
    with Terminal(desk, "tio") as terminal:
        terminal.wait("Connected")
        terminal.expect_echo("first")
        desk.replug()
        terminal.wait("Disconnected")
        terminal.wait("Connected")
        terminal.expect_echo("second")
        terminal.type("\x14q")
        expect_equal(terminal.end(), 0, "exit code")


def picocom_again(desk: Desk) -> None:
    desk.have("nano")
    with Terminal(desk, "picocom_again") as terminal:
        terminal.wait("Terminal ready")
        terminal.expect_echo("first")
        desk.replug()
        terminal.wait("Terminal ready")
        terminal.expect_echo("second")
        terminal.type("\x01\x18")
        expect_equal(terminal.end(), 0, "exit code")


def script(desk: Desk) -> None:
    """What it says last, for `wait` tells on stderr what is missing."""
    desk.pull()
    expect_equal(desk.run("script").splitlines()[-1], "nano is not plugged in", "output without the board")
    desk.have("nano")
    expect_equal(desk.run("script").splitlines()[-1], "nano is at /dev/ttyUSB0", "output with the board")
    code, _ = desk.try_run("script", "ttyferry() { command ttyferry \"$@\" --stream /nowhere; }")
    expect_equal(code, 1, "exit code without an agent")


# IDEs.

def boards(desk: Desk) -> None:
    """Every name in a block of a page is one of the README's configuration, which the host agent has taken, or the page says what it is."""
    known = set(parse_jsonc(desk.blocks["boards"].text)["boards"])
    for page in PAGES:
        text = page.read_text()
        blocks = "".join(re.findall(r"```\w+\n(.*?)```", text, re.DOTALL))
        used = {word for pair in re.findall(r"ttyferry wait ([a-z]\w*)|/dev/ttyferry/([a-z]\w*)", blocks) for word in pair if word}
        expect_equal(used - known - set(re.findall(r'"(\w+)": \{ "identities"', text)), set(), f"names in {page.name} that no board has")


def task(desk: Desk, label: str) -> dict:
    return next(task for task in parse_jsonc(desk.blocks["tasks_json"].text)["tasks"] if task["label"] == label)


def command_of(text: str) -> str:
    """A block of one command, without its comment."""
    return re.sub(r" +# .*", "", text).strip()


def tasks_json(desk: Desk) -> None:
    """Each command is run: here, or as a block of another page that is the same."""
    expect_equal(task(desk, "flash nano")["command"], command_of(desk.blocks["avrdude"].text), "the command that flashes")
    expect_equal(task(desk, "monitor nano")["command"], command_of(desk.blocks["picocom"].text), "the command that monitors")
    waiting, watching = (" ".join([entry["command"], *entry["args"]]) for entry in (task(desk, "wait for nano"), task(desk, "watch nano")))
    matcher = ProblemMatcher(task(desk, "watch nano")["problemMatcher"])
    desk.pull()
    with desk.stream(watching) as lines:
        feed_until(matcher, lines, "snapshot")
        expect_equal(matcher.active, True, "activity without the board")
        with plugged(desk.lab, "nano", PLACE, claims=[Claim.VETOED]):
            failed = feed_until(matcher, lines, "failed")
            problem = (PLACE, failed["remedy"] or failed["message"])
            expect_equal((matcher.active, matcher.problems), (True, [problem]), "activity and problems of a board that another has")
            feed_until(matcher, lines, "ready")
            expect_equal((matcher.active, matcher.problems), (False, []), "activity and problems of a board that is ready")
            expect_equal(desk.say(waiting), "/dev/ttyUSB0\n", "output of the task that waits")
            with desk.stream(watching) as later:
                second = ProblemMatcher(task(desk, "watch nano")["problemMatcher"])
                feed_until(second, later, "snapshot")
                expect_equal(second.active, False, "activity after a snapshot with the board")
        feed_until(matcher, lines, "removal")
        expect_equal(matcher.active, True, "activity after the board has gone")


def feed_until(matcher: ProblemMatcher, lines: Iterator[str], event: str) -> dict:
    for line in lines:
        matcher.feed(line)
        if (heard := json.loads(line))["event"] == event:
            return heard
    raise AssertionError(f"the stream ended without {event}")


def platformio_ini(desk: Desk) -> None:
    put(desk.lab, desk.blocks["platformio_ini"].text.encode(), f"{HOME}/platformio.ini")
    put(desk.lab, PLATFORMIO_STAND_IN.encode(), f"{HOME}/stand_in.py")
    desk.lab.vm.push(ROOT / "docs/ide/ttyferry_port.py", f"{HOME}/ttyferry_port.py")
    desk.have("nano")
    expect_equal(desk.say("python3 stand_in.py").splitlines()[-1], "UPLOAD_PORT /dev/ttyUSB0", "what the script has set")
    code, output = desk.try_say("python3 stand_in.py custom_ttyferry_board=leo custom_ttyferry_timeout=0.5")
    expect_equal((code, "UPLOAD_PORT" in output), (3, False), "exit code, and whether a port was set, without the board")
    code, output = desk.try_say("PATH= /usr/bin/python3 stand_in.py")
    assert code == 1 and "no ttyferry in the PATH" in output, f"without ttyferry: {code} {output}"


# MQTT.

@contextlib.contextmanager
def broker(desk: Desk) -> Iterator[None]:
    process = desk.lab.vm.popen("exec mosquitto -p 1883 >/run/mosquitto.log 2>&1")
    try:
        desk.lab.vm.run("until mosquitto_pub -h localhost -t up -m 1 2>/dev/null; do sleep 0.1; done", check=True)
        yield
    finally:
        process.close()


def mosquitto_pub(desk: Desk) -> None:
    """What the subscriber gets are lines of the stream."""
    desk.pull()
    with broker(desk), desk.stream("mosquitto_sub -h localhost -t boards/nano -t ready -v") as messages:
        desk.say("mosquitto_pub -h localhost -t ready -m 1 -r")  # It is kept, so that it comes as soon as somebody subscribes.
        expect_equal(next(messages), "ready 1\n", "the subscriber's own test message")
        with desk.background("mosquitto_pub"):
            expect_equal(json.loads(next(messages).split(" ", 1)[1])["event"], "snapshot", "the first message")
            desk.have("nano")
            events = [json.loads(message.split(" ", 1)[1]) for message in take_until(messages, '"event":"ready"')]
            expect_equal(events[-1]["ttys"][0]["link"], "/dev/ttyferry/nano", "the link in the last message")


def take_until(lines: Iterator[str], word: str) -> list[str]:
    taken = []
    for line in lines:
        taken.append(line)
        if word in line:
            return taken
    raise AssertionError(f"no {word} in {taken}")


def mosquitto_retain(desk: Desk) -> None:
    desk.have("nano")
    with broker(desk):
        desk.run("mosquitto_retain")
        expect_equal(desk.say("mosquitto_sub -h localhost -t boards/nano/tty -C 1"), "/dev/ttyUSB0\n", "what the broker has kept")


# The pages themselves.

def every_tested_block_has_a_test(desk: Desk) -> None:
    expect_equal({*desk.blocks} ^ {case.__name__ for case in [*CASES, *NODE_CASES] if case.__name__ not in BESIDES}, set(), "names of blocks and of cases")


# What has no block of its own, and what the ordinary run leaves to the full one.
BESIDES = {"every_tested_block_has_a_test", "rootless_container", "drivers_come_first", "patterns_mean_the_same_to_node"}
LONG = {
    "miniterm", "picocom_again", "mosquitto_pub", "mosquitto_retain", "compose", "rootless_container", "systemd_run", "drivers_come_first", "avrdude_leonardo",
    "dfu_util", "openocd_server",
}
CASES: list[Callable[[Desk], None]] = [
    every_tested_block_has_a_test, boards, script, picocom, miniterm, tio, picocom_again, platformio_ini, mosquitto_retain, *CONTAINER_CASES,
    *SERVICE_CASES, tasks_json, mosquitto_pub, avrdude, avrdude_leonardo, dfu_util, openocd, openocd_server,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="What docs/ide says, done.")
    parser.add_argument("--full", action="store_true", help="all of it, and what npm has")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    every = {case.__name__: case for case in [*CASES, *(NODE_CASES if arguments.full else [])]}
    usual = [name for name in every if arguments.full or name not in LONG]
    if wrong := [name for name in arguments.cases if name not in every]:
        parser.error(f"no case {', '.join(wrong)}: {', '.join(every)} exist")
    cases: Cases[Desk] = Cases(lambda desk: print_logs(desk.lab))
    with Desk(arguments.full) as desk:
        cases.run([every[name] for name in arguments.cases or usual], desk)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

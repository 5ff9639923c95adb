"""The cases of docs/ide/node.md: npm's serialport on this machine's npm and the VM's Node, and the stream in JavaScript; and VS Code's patterns
by the regular expressions that VS Code has."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "tests/e2e")]

from cases import expect_equal  # noqa: E402
from desk import HOME, Desk  # noqa: E402
from doc_blocks import parse_jsonc  # noqa: E402
from flash import put  # noqa: E402

NPM_LIMIT_S = 300.0


def npm(desk: Desk) -> None:
    """The page's own command, on this machine; what it has made is carried into the VM."""
    with tempfile.TemporaryDirectory() as folder:
        command = desk.blocks["npm"].text
        subprocess.run(command, shell=True, cwd=folder, check=True, timeout=NPM_LIMIT_S, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        modules = Path(folder) / "node_modules"
        for prebuilt in modules.glob("@serialport/bindings-cpp/prebuilds/*"):
            if prebuilt.name != "linux-x64":
                shutil.rmtree(prebuilt)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(modules, "node_modules")
    desk.lab.vm.run(f"tar -xf - -C {HOME} && chown -R user {HOME}/node_modules", stdin=archive.getvalue(), timeout=60, check=True)


def start(desk: Desk, name: str) -> str:
    put(desk.lab, desk.blocks[name].text.encode(), f"{HOME}/{name}.js")
    return f"node {name}.js"


def node_serialport(desk: Desk) -> None:
    desk.have("nano")
    with desk.stream(start(desk, "node_serialport")) as lines:
        expect_equal(next(lines), "nano says: hello\n", "what the board has sent back")
        desk.pull()
        expect_equal(next(lines), "nano has gone\n", "what is said when the board is pulled")


def node_stream(desk: Desk) -> None:
    desk.have("nano")
    with desk.stream(start(desk, "node_stream")) as lines:
        expect_equal(next(lines), "nano: ready\n", "what is said of a board that is there already")
        desk.replug()
        expect_equal(next(lines), "nano: gone\n", "what is said of the board that was pulled")
        expect_equal(next(lines), "nano: /dev/ttyUSB0\n", "what is said of the board that is ready")
        desk.pull()
        expect_equal(next(lines), "nano: gone\n", "what is said of the board that was pulled")


def patterns_mean_the_same_to_node(desk: Desk) -> None:
    """Each pattern of the tasks.json finds the same in the same lines as it does in Python."""
    import re  # pylint: disable=import-outside-toplevel

    task = next(task for task in parse_jsonc(desk.blocks["tasks_json"].text)["tasks"] if task["label"] == "watch nano")
    matcher = task["problemMatcher"]
    patterns = [matcher["pattern"]["regexp"], matcher["background"]["beginsPattern"], matcher["background"]["endsPattern"]]
    lines = [json.dumps(event, separators=(",", ":")) for event in desk.lab.guest.since(0)]
    program = "const [p, l] = JSON.parse(require('fs').readFileSync(0)); console.log(JSON.stringify(p.map((t) => l.map((x) => x.match(new RegExp(t))))))"
    put(desk.lab, json.dumps([patterns, lines]).encode(), f"{HOME}/patterns.json")
    found = json.loads(desk.say(f"node -e \"{program}\" <{HOME}/patterns.json"))
    for pattern, results in zip(patterns, found):
        expected = [[m[0], *m.groups()] if (m := re.search(pattern, line)) else None for line in lines]
        expect_equal(results, expected, f"what Node finds by {pattern}")
        assert any(results), f"{pattern} finds nothing in {len(lines)} lines"


NODE_CASES: list[Callable[[Desk], None]] = [npm, node_serialport, node_stream, patterns_mean_the_same_to_node]

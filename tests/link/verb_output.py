#!/usr/bin/python3
"""Where the verbs print to: a stdout that is closed, full, or shared with a program that left it non-blocking; an agent that this test plays.

    tests/link/verb_output.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "link")]

from cases import Cases, choose, expect_equal  # noqa: E402
from status_terminal import LIMIT_S, PROGRAM, Agent, board  # noqa: E402

STANDARD = (0, 1, 2)


def shell(agent: Agent, arguments: str, closed: str) -> subprocess.Popen[str]:
    """The verb as a shell starts it, with some of its files closed."""
    script = f'exec "$0" {arguments} --stream "$1" {closed}'
    return subprocess.Popen(["bash", "-c", script, PROGRAM, agent.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def a_closed_stdout_is_an_error(agent: Agent) -> None:
    for verb in ("events", "list", "status", "status --watch --json", "wait nano --state gone --json"):
        for closed in (">&-", "<&- >&-"):
            with shell(agent, verb, closed) as process:
                agent.accept([] if verb.startswith("wait") else [board()])
                _, stderr = process.communicate(timeout=LIMIT_S)
                agent.reader.close()
            expect_equal(process.returncode, 1, f"exit code of {verb} {closed}")
            assert "cannot write to stdout" in stderr, f"{verb} {closed}: {stderr!r}"


def so_it_is_for_help(agent: Agent) -> None:
    for arguments in ("--help", "--version", "events --help"):
        result = subprocess.run(["bash", "-c", f'"$0" {arguments} >&-', PROGRAM], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        expect_equal(result.returncode, 1, f"exit code of {arguments}")
        assert "cannot write to stdout" in result.stderr, f"{arguments}: {result.stderr!r}"


def a_closed_file_is_not_taken_for_another(agent: Agent) -> None:
    """What libuv opens would get its number, and what is printed would go there: an agent's log would fill the pipe that its signals need."""
    with shell(agent, "wait nano", "<&- >&- 2>&-") as process:
        agent.accept([])
        names = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in STANDARD]
        agent.reader.close()
        process.communicate(timeout=LIMIT_S)
    expect_equal(names, ["/dev/null"] * len(STANDARD), "what stands where nothing was")
    expect_equal(process.returncode, 4, "exit code")


CASES = [
    a_closed_stdout_is_an_error,
    so_it_is_for_help,
    a_closed_file_is_not_taken_for_another,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Where the verbs print to.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    with tempfile.TemporaryDirectory() as folder:
        cases: Cases[Agent] = Cases()
        cases.run(chosen, Agent(Path(folder)))
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

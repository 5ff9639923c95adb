#!/usr/bin/python3
"""Holds docs/schema/stream-1.json to docs/events.md: every example is valid, every event and code is in both, and what is no event is refused.
The end-to-end suites hold every line that they read to the same schema (tests/lab/streams.py).

    tests/schema.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from stream_schema import SCHEMA, fault  # noqa: E402

EVENTS = (ROOT / "docs/events.md").read_text()


def examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```json\n(.*?)^```$", EVENTS, re.M | re.S)
    lines = [json.loads(line) for block in blocks for line in block.splitlines()]
    return [line for line in lines if "event" in line]


def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text())


def every_example_is_valid(_: None) -> None:
    for line in examples():
        assert (wrong := fault(line)) is None, f"{wrong}\n{json.dumps(line)}"


def every_event_has_an_example(_: None) -> None:
    expect_equal(sorted({line["event"] for line in examples()}), sorted(schema()["properties"]["event"]["enum"]), "events with an example")


def every_code_stands_in_both(_: None) -> None:
    table = EVENTS[EVENTS.index("### failed") : EVENTS.index("### detached")]
    expect_equal(re.findall(r"^\| `(\w+)` \| ", table, re.M), schema()["$defs"]["failure"]["enum"], "codes")


def what_is_missing_is_a_fault(_: None) -> None:
    for line in examples():
        for member in line:
            cut = {key: value for key, value in line.items() if key != member}
            assert fault(cut) is not None, f"nobody misses {member} in {line['event']}"
            if isinstance(line[member], dict):
                for inner in line[member]:
                    cut = copy.deepcopy(line)
                    del cut[member][inner]
                    assert fault(cut) is not None, f"nobody misses {member}.{inner} in {line['event']}"


def what_is_new_is_a_fault_here_and_none_for_readers(_: None) -> None:
    for line in examples():
        longer = {**line, "news": 1}
        assert fault(longer) is not None, f"the lab takes an unknown member in {line['event']}"
        assert fault(longer, strict=False) is None, f"a reader refuses a new member in {line['event']}"


def wrong_values_are_faults(_: None) -> None:
    ready = next(line for line in examples() if line["event"] == "ready")
    for path, value in (
        (("v",), 2), (("seq",), 0), (("run",), "x"), (("time",), "2026-11-22 09:30"), (("event",), "nothing"), (("board", "vid"), "1A86"),
        (("board", "busid"), "0-1"), (("board", "name"), "../x"), (("board", "state"), "ok"), (("usb_node",), "/tmp/x"), (("took_ms", "total"), -1),
        (("ttys",), {}), (("ttys", 0, "path"), "/dev/../etc/passwd"),
    ):
        line = copy.deepcopy(ready)
        place: Any = line
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert fault(line) is not None, f"{path} may be {value!r}"


CASES = [
    every_example_is_valid,
    every_event_has_an_example,
    every_code_stands_in_both,
    what_is_missing_is_a_fault,
    what_is_new_is_a_fault_here_and_none_for_readers,
    wrong_values_are_faults,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="The schema of the event stream beside its documentation.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    cases: Cases[None] = Cases()
    cases.run(chosen, None)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

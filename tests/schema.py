#!/usr/bin/python3
"""Holds docs/schema/stream-1.json to the documentation: every line of a stream that stands in any document is valid, every event, code and
reason is in both, and what is no line of a stream is refused. The end-to-end suites hold every line that they read to the same schema
(tests/lab/streams.py).

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
from stream_schema import SCHEMA, fault, request_fault  # noqa: E402

Line = dict[str, Any]
EVENTS_MD = ROOT / "docs/events.md"
EVENTS = EVENTS_MD.read_text()


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def lines_like(start: str, paths: list[Path]) -> list[Line]:
    """What stands on a line of its own and begins like that, with or without its fence."""
    found = []
    for path in paths:
        for number, text in enumerate(path.read_text().splitlines(), 1):
            if text.strip().startswith(start):
                try:
                    found.append(json.loads(text))
                except json.JSONDecodeError as error:
                    raise AssertionError(f"{path.relative_to(ROOT)}:{number}: {error}: {text}") from None
    return found


def examples(paths: list[Path] | None = None) -> list[Line]:
    """Lines of the stream, answers included."""
    return lines_like('{"v":', paths or [EVENTS_MD])


def requests(paths: list[Path] | None = None) -> list[Line]:
    return lines_like('{"request":', paths or [EVENTS_MD])


def event(name: str) -> Line:
    return copy.deepcopy(next(line for line in examples() if line.get("event") == name))


def reply(ok: bool) -> Line:
    return copy.deepcopy(next(line for line in examples() if line.get("ok") is ok))


def name_of(line: Line) -> str:
    return line.get("event") or f"the answer to {line['reply']}"


def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text())


def listed(part: str, member: str | None = None) -> list[str]:
    """The values of today of what may grow."""
    found = schema()["$defs"][part]
    if member:
        found = found["properties"][member]
    assert {"$ref": "#/$defs/later"} in found["anyOf"], f"{part} {member} cannot grow"
    return found["anyOf"][0]["enum"]


def table(first: str, last: str | None) -> list[str]:
    """The first column of the tables between two headings of events.md, where it is one name."""
    start = EVENTS.index(f"\n{first}\n")
    end = EVENTS.index(f"\n{last}\n", start) if last else len(EVENTS)
    return re.findall(r"^\| `(\w+)` \| ", EVENTS[start:end], re.M)


def every_example_is_valid(_: None) -> None:
    for line in examples(documents()):
        assert (wrong := fault(line)) is None, f"{wrong}\n{json.dumps(line)}"
        assert (wrong := fault(line, strict=False)) is None, f"{wrong}\n{json.dumps(line)}"
    for line in requests(documents()):
        assert (wrong := request_fault(line)) is None, f"{wrong}\n{json.dumps(line)}"


def every_event_has_an_example(_: None) -> None:
    expect_equal(sorted({line["event"] for line in examples() if "event" in line}), sorted(listed("event_line", "event")), "events with an example")
    expect_equal(sorted({line["request"] for line in requests()}), sorted(listed("reply_line", "reply")), "requests with an example")
    expect_equal(sorted(schema()["$defs"]["request"]["properties"]["request"]["enum"]), sorted(listed("reply_line", "reply")), "requests")


def every_code_stands_in_both(_: None) -> None:
    expect_equal(table("### failed", "### detached"), listed("failure"), "codes of failed")
    expect_equal(table("### detached", "### yielded, taken"), listed("detached", "reason"), "reasons of detached")
    expect_equal(table("### dropped", "## Requests"), listed("dropped", "reason"), "reasons of dropped")
    answers = table("## Requests", "### resume")
    expect_equal(answers[answers.index("unknown_board"):], listed("reply_line", "code"), "codes of answers")


def every_state_and_code_has_a_remedy(_: None) -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    rows = [re.findall(r"`([a-z_]+)`", first) for first in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)]
    named = {word for row in rows for word in row}
    expect_equal({*listed("failure"), *schema()["$defs"]["board"]["properties"]["state"]["enum"]} - named, set(), "codes and states without a row in docs/troubleshooting.md")


def what_is_missing_is_a_fault(_: None) -> None:
    for line in examples():
        for member in line:
            cut = {key: value for key, value in line.items() if key != member}
            for strict in (True, False):
                assert fault(cut, strict) is not None, f"nobody misses {member} in {name_of(line)}"
            if isinstance(line[member], dict):
                for inner in line[member]:
                    cut = copy.deepcopy(line)
                    del cut[member][inner]
                    assert fault(cut) is not None, f"nobody misses {member}.{inner} in {name_of(line)}"


def what_is_new_is_a_fault_here_and_none_for_readers(_: None) -> None:
    for line in examples():
        longer = {**line, "news": 1}
        assert fault(longer) is not None, f"the lab takes an unknown member in {name_of(line)}"
        assert fault(longer, strict=False) is None, f"a reader refuses a new member in {name_of(line)}"


def what_may_grow_is_a_fault_here_and_none_for_readers(_: None) -> None:
    for line, path in (
        (event("link"), ("event",)), (event("link"), ("transport",)), (event("failed"), ("code",)), (event("detached"), ("reason",)),
        (event("dropped"), ("reason",)), (event("yielded"), ("until",)), (event("arrival"), ("board", "kind")),
        (event("arrival"), ("board", "speed")), (event("snapshot"), ("boards", 2, "code")), (reply(False), ("code",)), (reply(True), ("reply",)),
    ):
        put(line, path, "of_tomorrow")
        assert fault(line) is not None, f"the lab takes a new {path} in {name_of(line)}"
        assert fault(line, strict=False) is None, f"a reader refuses a new {path} in {name_of(line)}: {fault(line, strict=False)}"
        put(line, path, "Of tomorrow")
        assert fault(line, strict=False) is not None, f"{path} in {name_of(line)} may be anything"


def put(line: Line, path: tuple[str | int, ...], value: Any) -> None:
    place: Any = line
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value


def wrong_values_are_faults(_: None) -> None:
    """For any reader, not only for the lab."""
    for line, path, value in (
        (event("ready"), ("v",), 2), (event("ready"), ("seq",), 0), (event("ready"), ("seq",), 1.5), (event("ready"), ("run",), "x"),
        (event("ready"), ("time",), "2026-11-22 09:30"), (event("ready"), ("event",), None), (event("ready"), ("board", "vid"), "1A86"),
        (event("ready"), ("board", "busid"), "0-1"), (event("ready"), ("board", "name"), "../x"), (event("ready"), ("board", "state"), "ok"),
        (event("ready"), ("board", "com_port"), "LPT1"), (event("ready"), ("usb_node",), "/tmp/x"), (event("ready"), ("took_ms", "total"), -1),
        (event("ready"), ("ttys",), {}), (event("ready"), ("ttys", 0, "path"), "/dev/../etc/passwd"), (event("ready"), ("ttys", 0, "interface"), 256),
        (event("ready"), ("ttys",), [event("ready")["ttys"][0]] * 9), (event("ready"), ("reply",), "yield"),
        (event("snapshot"), ("boards",), None), (event("snapshot"), ("boards",), [event("snapshot")["boards"][1]] * 129),
        (event("snapshot"), ("link", "state"), "sideways"), (event("snapshot"), ("boards", 2, "message"), None),
        (event("attaching"), ("attempt",), 0), (event("failed"), ("retry_in_ms",), 86400001), (event("failed"), ("message",), None),
        (event("needs_sharing"), ("remedy",), ""), (event("link"), ("state",), "sideways"), (event("dropped"), ("reason",), None),
        (event("dropped"), ("seq",), None), (reply(True), ("code",), "busy"), (reply(True), ("ok",), "yes"), (reply(True), ("id",), "x" * 33),
        (reply(False), ("code",), None), (reply(False), ("message",), None), (reply(False), ("event",), "link"), (reply(False), ("seq",), 7),
        (reply(False), ("run",), None),
    ):
        put(line, path, value)
        assert fault(line, strict=False) is not None, f"{path} may be {value!r} in {name_of(line)}"


def wrong_requests_are_faults(_: None) -> None:
    take = next(line for line in requests() if line["request"] == "yield")
    resume = next(line for line in requests() if line["request"] == "resume")
    for line, member, value in (
        (take, "request", "fly"), (take, "request", None), (take, "id", 7), (take, "id", "x" * 33), (take, "board", ""), (take, "board", None),
        (resume, "run", "x"), (resume, "seq", 0), (resume, "seq", "41"),
    ):
        assert request_fault({**line, member: value}) is not None, f"{member} of a request may be {value!r}"
    for line, member in ((take, "request"), (take, "board"), (resume, "run"), (resume, "seq")):
        assert request_fault({key: value for key, value in line.items() if key != member}) is not None, f"nobody misses {member} in a request"


CASES = [
    every_example_is_valid,
    every_event_has_an_example,
    every_code_stands_in_both,
    every_state_and_code_has_a_remedy,
    what_is_missing_is_a_fault,
    what_is_new_is_a_fault_here_and_none_for_readers,
    what_may_grow_is_a_fault_here_and_none_for_readers,
    wrong_requests_are_faults,
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

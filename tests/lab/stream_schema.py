"""Holds lines of the event stream to docs/schema/stream-1.json, by Debian's python3-jsonschema, which nobody here wrote.

The published schema lets members, events, codes and so on be added, as it promises to readers. Here it is read strictly: what it does not
name is a fault.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).resolve().parent.parent.parent / "docs/schema/stream-1.json"


def _close(part: Any, top: bool = True) -> Any:
    """Every object that names its members has no others; the line itself, which is put together from parts, is closed as a whole."""
    if isinstance(part, list):
        return [_close(item, False) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _close(value, False) if key != "$defs" else {name: _close(value, False) for name, value in part["$defs"].items()} for key, value in part.items()}
    if top:
        closed["unevaluatedProperties"] = False
    elif closed.get("type") == "object" and "properties" in closed:
        closed["additionalProperties"] = False
    return closed


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    closed = _close(schema)
    closed["$defs"]["later"] = False
    return closed


@functools.cache
def _validator(strict: bool) -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_strict(schema) if strict else schema)


@functools.cache
def _part(name: str, strict: bool) -> Draft202012Validator:
    """For one of the schema's parts alone."""
    parts = _validator(strict).schema["$defs"]
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": parts})


def _say(error: Any) -> str:
    return f"{'/'.join(str(step) for step in error.absolute_path) or 'the line'}: {error.message}"


def fault(line: dict[str, Any], strict: bool = True) -> str | None:
    """What the schema says against a line of the stream, or None. The part that is about that event, or about an answer, speaks if it can, not
    all the others."""
    error = next(iter(_validator(strict).iter_errors(line)), None)
    if error is None:
        return None
    name = "reply_line" if "reply" in line else {"link": "link_event"}.get(line.get("event", ""), line.get("event"))
    if name in _validator(strict).schema["$defs"]:
        error = next(iter(_part(name, strict).iter_errors(line)), error)
    return _say(error)


def request_fault(line: dict[str, Any], strict: bool = True) -> str | None:
    """The same for a line that a subscriber sends."""
    error = next(iter(_part("request", strict).iter_errors(line)), None)
    return None if error is None else _say(error)

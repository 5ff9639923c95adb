"""Holds lines of the event stream to docs/schema/stream-1.json, by Debian's python3-jsonschema, which nobody here wrote.

The published schema lets members and events be added, as it promises to readers. Here it is read strictly: what it does not name is a fault.
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


@functools.cache
def _validator(strict: bool) -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_close(schema) if strict else schema)


def fault(line: dict[str, Any], strict: bool = True) -> str | None:
    """What the schema says against the line, or None. For an event the part that is about that event speaks, not all the others."""
    error = next(iter(_validator(strict).iter_errors(line)), None)
    if error is None:
        return None
    name = "link_event" if line.get("event") == "link" else line.get("event")
    parts = _validator(strict).schema["$defs"]
    if name in parts:
        resolved = Draft202012Validator({**parts[name], "$defs": parts})
        error = next(iter(resolved.iter_errors(line)), error)
    return f"{'/'.join(str(step) for step in error.absolute_path) or 'the line'}: {error.message}"

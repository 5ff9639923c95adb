"""The blocks of code in Markdown pages. Before each stands a comment that readers of the page do not see: `<!-- test: NAME -->`, and a test
runs it, or `<!-- untried: WHY -->`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
MARK = re.compile(r"<!-- (?P<kind>test|untried): (?P<word>[^\n]+?) -->\n\Z")


class Block(NamedTuple):
    """One of them; `test` is empty where `untried` says why."""

    place: str
    language: str
    text: str
    test: str
    untried: str


def blocks_of(page: Path) -> list[Block]:
    """In their order. ValueError for one that is not marked."""
    content = page.read_text()
    found = []
    for fence in FENCE.finditer(content):
        place = f"{page.name}:{content.count(chr(10), 0, fence.start()) + 1}"
        mark = MARK.search(content[: fence.start()])
        if mark is None:
            raise ValueError(f"{place}: nothing says whether this block is tested")
        kind, word = mark["kind"], mark["word"]
        found.append(Block(place, fence["language"], fence["text"], word if kind == "test" else "", word if kind == "untried" else ""))
    return found


def tested_blocks(pages: list[Path]) -> dict[str, Block]:
    """Those with a test, by its name. ValueError for a name that two have."""
    named: dict[str, Block] = {}
    for block in (block for page in pages for block in blocks_of(page) if block.test):
        if block.test in named:
            raise ValueError(f"{block.place}: {named[block.test].place} is '{block.test}' already")
        named[block.test] = block
    return named


def parse_jsonc(text: str) -> Any:
    """JSON with comments to the end of the line; no string in it holds `//`."""
    return json.loads(re.sub(r"//.*$", "", text, flags=re.M))

"""What VS Code makes of a background task's output by the task's problemMatcher: whether the task is active, and which problems stand.

The rules are those of its WatchingProblemCollector. A line that begins an idle task is no more than that; one that ends an active task clears
the problems of before; of any other a problem is read.
"""

from __future__ import annotations

import re
from typing import Any


class ProblemMatcher:
    """Feed it lines. `active` says whether the task is at work, `problems` are (file, message)."""

    def __init__(self, description: dict[str, Any]) -> None:
        background, pattern = description["background"], description["pattern"]
        self.active: bool = background["activeOnStart"]
        self.problems: list[tuple[str, str]] = []
        self._begins = re.compile(background["beginsPattern"])
        self._ends = re.compile(background["endsPattern"])
        self._problem = re.compile(pattern["regexp"])
        self._file, self._message = pattern["file"], pattern["message"]

    def feed(self, line: str) -> None:
        if not self.active and self._begins.search(line):
            self.active = True
            self.problems = []
        elif self.active and self._ends.search(line):
            self.active = False
            self.problems = []
        elif found := self._problem.search(line):
            self.problems.append((found[self._file], found[self._message]))

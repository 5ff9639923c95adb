"""What a verb's --help must be: of one piece with its usage, in columns, with its exit codes."""

from __future__ import annotations

import re

WIDTH = 92


def expect_good_help(verb: str, text: str) -> None:
    usage, *rest = text.split("\n\n")
    assert usage.startswith(f"Usage: ttyferry {verb}"), usage
    lines = "\n\n".join(rest).splitlines()
    options = [line for line in lines if re.match(r"  --[a-z]", line)]
    told = {re.match(r"  (--[a-z-]+)", line).group(1) for line in options}  # type: ignore[union-attr]
    asked = set(re.findall(r"--[a-z-]+", usage))
    assert told == asked, f"{verb}: the usage has {sorted(asked)}, and {sorted(told)} are explained"
    columns = {re.match(r"  --.*? {2,}(?=\S)", line).end() for line in options}  # type: ignore[union-attr]
    assert len(columns) < 2, f"{verb}: the explanations begin in the columns {sorted(columns)}"
    codes = [number for number, line in enumerate(lines) if line.startswith("Exit codes: 0 ")]
    assert len(codes) == 1 and not set(options) & set(lines[codes[0] :]), f"{verb}: the exit codes are not told once, last"
    assert max(map(len, text.splitlines())) <= WIDTH, f"{verb}: a line is too long"

#!/usr/bin/python3
"""The main job over and over, both chips in turn; what both agents hold must stay what it was after the first rounds.

    tests/e2e/soak.py [--minutes M]

Ends with "N passed, N failed", where each completed round is one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import expect_equal  # noqa: E402
from lab import Lab  # noqa: E402
from rounds import expect_sound_lives, expect_sound_numbering, run_round  # noqa: E402

MODELS = ("nano", "leonardo")
REPORT_EVERY_S = 60.0


def resident_kb(lab: Lab) -> int:
    _, status = lab.vm.run(f"awk '$1 == \"VmRSS:\" {{ print $2 }}' /proc/{lab.guest_agent.pid}/status", check=True)
    return int(status)


def soak(lab: Lab, minutes: float) -> int:
    for model in MODELS:
        run_round(lab, model, "1-3")
    before = lab.snapshot()
    started = reported = time.monotonic()
    rounds = 0
    while time.monotonic() - started < minutes * 60:
        run_round(lab, MODELS[rounds % len(MODELS)], "1-3")
        rounds += 1
        expect_equal(lab.snapshot(), before, f"what both agents and the kernel hold after {rounds} rounds")
        if time.monotonic() - reported >= REPORT_EVERY_S:
            reported = time.monotonic()
            print(f"{rounds} rounds in {(reported - started) / 60:.0f} min, the guest agent's memory is {resident_kb(lab)} kB", flush=True)
    for stream in (lab.windows, lab.guest):
        expect_sound_numbering(stream)
        expect_sound_lives(stream)
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(description="The main job over and over.")
    parser.add_argument("--minutes", type=float, default=30, help="how long (default 30)")
    arguments = parser.parse_args()
    with Lab() as lab:
        lab.start_agents()
        try:
            rounds = soak(lab, arguments.minutes)
        except Exception as error:  # The closing line must come whatever went wrong.
            print(f"FAILED {error}\n{lab.guest_log()[-4000:]}")
            print("0 passed, 1 failed")
            return 1
    print(f"{rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

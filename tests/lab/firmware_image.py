"""Firmware images for boards to be flashed with: random bytes, so that each flash shows, as Intel HEX or plain."""

from __future__ import annotations

import random

RECORD_BYTES = 16


def random_image(size: int, dice: random.Random | None = None) -> bytes:
    return (dice or random).randbytes(size)


def _record(address: int, kind: int, data: bytes) -> str:
    fields = bytes([len(data), address >> 8, address & 0xFF, kind]) + data
    return f":{fields.hex().upper()}{-sum(fields) & 0xFF:02X}\n"


def to_intel_hex(image: bytes) -> bytes:
    """From address 0; at most 64 KiB."""
    records = [_record(at, 0, image[at : at + RECORD_BYTES]) for at in range(0, len(image), RECORD_BYTES)]
    return "".join([*records, _record(0, 1, b"")]).encode()

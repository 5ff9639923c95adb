#!/usr/bin/python3
"""Unpacks the ELF kernel out of a bzImage: extract_vmlinux.py BZIMAGE VMLINUX.

The x86 boot protocol's setup header says where the payload lies. Only an XZ payload (Debian's) can be unpacked with the
standard library; anything else exits 1 with a sentence, and writes nothing.
"""

from __future__ import annotations

import lzma
import struct
import sys
from pathlib import Path

SETUP_SECTS = 0x1F1
HEADER_MAGIC = 0x202
PAYLOAD_OFFSET = 0x248  # followed by payload_length, both little-endian 32 bits
XZ_MAGIC = b"\xfd7zXZ\0"


def extract_vmlinux(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage; ValueError where it is not there or packed in another way."""
    if image[HEADER_MAGIC : HEADER_MAGIC + 4] != b"HdrS":
        raise ValueError("no x86 setup header")
    setup_sects = image[SETUP_SECTS] or 4  # 0 means 4, says the boot protocol
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = (setup_sects + 1) * 512 + offset
    payload = image[start : start + length]
    if not payload.startswith(XZ_MAGIC):
        raise ValueError("the payload is not packed with XZ")
    # The kernel's own length of the unpacked image follows the XZ stream, so a decompressor that stops there is needed.
    kernel = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(payload)
    if not kernel.startswith(b"\x7fELF"):
        raise ValueError("the payload is no ELF image")
    return kernel


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: extract_vmlinux.py BZIMAGE VMLINUX", file=sys.stderr)
        return 2
    try:
        kernel = extract_vmlinux(Path(sys.argv[1]).read_bytes())
    except (ValueError, lzma.LZMAError, OSError) as error:
        print(f"extract_vmlinux: {error}", file=sys.stderr)
        return 1
    Path(sys.argv[2]).write_bytes(kernel)
    return 0


if __name__ == "__main__":
    sys.exit(main())

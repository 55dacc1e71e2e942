"""A shared library without a compiler: whatever program loads it prints a lie and ends at once."""

from __future__ import annotations

import struct

_TEXT = b"forged: all is well\n"
# write(1, text, length); exit_group(0). The text follows the code.
_CODE = {
    "x86_64": (
        62,
        b"\xb8\x01\x00\x00\x00\xbf\x01\x00\x00\x00\x48\x8d\x35\x10\x00\x00\x00"
        b"\xba" + struct.pack("<I", len(_TEXT)) + b"\x0f\x05\xb8\xe7\x00\x00\x00\x31\xff\x0f\x05",
    ),
    "aarch64": (
        183,
        struct.pack(
            "<8I",
            0xD2800808,  # mov x8, 64 (write)
            0xD2800020,  # mov x0, 1
            0x100000C1,  # adr x1, the text
            0xD2800002 | len(_TEXT) << 5,  # mov x2, its length
            0xD4000001,  # svc 0
            0xD2800BC8,  # mov x8, 94 (exit_group)
            0xD2800000,  # mov x0, 0
            0xD4000001,  # svc 0
        ),
    ),
}


def hostile(architecture: str) -> bytes:
    """The library's file, for `x86_64` or `aarch64`: its initialiser is all that it has."""
    machine, code = _CODE[architecture]
    header, entry = 64, 56
    start = header + 2 * entry
    body = code + _TEXT
    body += bytes(-len(body) % 8)
    # DT_INIT, an empty string table and symbol table, DT_NULL.
    table = start + len(body)
    dynamic = struct.pack("<12Q", 12, start, 5, table, 6, table, 10, 1, 11, 24, 0, 0)
    size = table + len(dynamic)
    loaded = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, size, size, 4096)
    described = struct.pack("<IIQQQQQQ", 2, 6, table, table, table, len(dynamic), len(dynamic), 8)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    sizes = (header, entry, 2, 64, 0, 0)
    elf = ident + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, header, 0, 0, *sizes)
    return elf + loaded + described + body + dynamic

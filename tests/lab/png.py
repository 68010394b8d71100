"""The pixels of a PNG file as Chromium writes it."""

import pathlib
import struct
import zlib


def pixels(path):
    """(width, height, lines of RGB or RGBA bytes, bytes of a pixel)."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack_from("!I4s", data, at)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from("!IIBB", data, at + 8)
        elif kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    assert depth == 8 and colour in (2, 6)
    return width, height, unfilter(zlib.decompress(packed), width * (3 if colour == 2 else 4), 3 if colour == 2 else 4), \
        3 if colour == 2 else 4


def unfilter(data, stride, step):
    lines, before = [], bytes(stride)
    for at in range(0, len(data), stride + 1):
        kind, line = data[at], bytearray(data[at + 1:at + 1 + stride])
        for i in range(stride):
            left = line[i - step] if i >= step else 0
            up = before[i]
            corner = before[i - step] if i >= step else 0
            guess = min((left, up, corner), key=lambda value: abs(left + up - corner - value)) if kind == 4 else \
                (0, left, up, (left + up) // 2)[kind]
            line[i] = (line[i] + guess) & 255
        lines.append(bytes(line))
        before = line
    return lines

"""Write a picture with a palette of 256 colours: a third of the size, and of flat drawings the same to the eye."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

COLOURS = 256
READ = """async (data) => {
    const image = new Image();
    image.src = data;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const brush = canvas.getContext("2d");
    brush.drawImage(image, 0, 0);
    const bytes = brush.getImageData(0, 0, image.width, image.height).data;
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return [image.width, image.height, btoa(text)];
}"""


def shrink(blank: Page, png: bytes, file: Path) -> None:
    """Write `png` to `file` with the colours that occur most; the browser decodes, on any page of its own."""
    width, height, text = blank.evaluate(READ, "data:image/png;base64," + base64.b64encode(png).decode())
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 4)[:, :3].astype(np.int32)
    codes = pixels[:, 0] << 16 | pixels[:, 1] << 8 | pixels[:, 2]
    found, back, count = np.unique(codes, return_inverse=True, return_counts=True)
    palette = _spread(found, count)
    near = np.concatenate([_nearest(part, palette) for part in np.array_split(_rgb(found), max(1, len(found) // 4096))])
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = near[back].reshape(height, width)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    chunks = ((b"IHDR", head), (b"PLTE", _rgb(palette).astype(np.uint8).tobytes()), (b"IDAT", body), (b"IEND", b""))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*c) for c in chunks))


def _spread(found: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Take the commonest colours, but of those that look alike only one."""
    taken: list[int] = []
    for apart in (24, 12, 4, 0):
        for code in found[np.argsort(-count)][:6000]:
            if len(taken) == COLOURS:
                return np.array(taken)
            if not taken or np.abs(_rgb(np.array(taken)) - _rgb(np.array([code]))).sum(axis=1).min() > apart:
                taken.append(int(code))
    return np.array(taken)


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    return np.abs(colours[:, None, :] - _rgb(palette)[None]).sum(axis=2).argmin(axis=1).astype(np.uint8)


def _rgb(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

"""Opens uploads in a process of its own, with little memory and no patience: what is malformed dies here.

Runs as a script, imports nothing of the product. Reads requests `kind, length, content` from standard input and
answers one JSON line each: `{}` when the file opens and is harmless, else `{"fault": name}`.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import struct
import sys
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

MEMORY_BYTES = 1024 * 1024 * 1024
MOST_PIXELS = 50_000_000  # an A3 page at 600 dpi, with room
MOST_OBJECTS = 20_000
MOST_PAGES = 200
MOST_DEPTH = 100

# Keys that make a PDF do something, open something or carry something (PDF 32000, 12.6 and 7.11).
ACTIVE_KEYS = frozenset({"/JS", "/JavaScript", "/AA", "/XFA", "/EF", "/EmbeddedFiles", "/RichMediaContent"})
ACTIVE_NAMES = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/EmbeddedFile",
        "/SubmitForm",
        "/ImportData",
        "/GoToE",
        "/GoToR",
        "/RichMedia",
        "/RichMediaExecute",
        "/Rendition",
        "/Movie",
        "/Sound",
        "/FileAttachment",
    }
)


class Fault(Exception):
    """What is wrong with the file, by name."""


def open_image(content: bytes, kind: str) -> None:
    """Verify and decode every pixel; `kind` is what the first bytes promised."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error")
    formats = ["JPEG", "MPO"] if kind == "jpg" else ["PNG"]
    with Image.open(io.BytesIO(content), formats=formats) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Fault("too_many_pixels")
        image.verify()
    with Image.open(io.BytesIO(content), formats=formats) as image:
        image.load()


def open_pdf(content: bytes) -> None:
    """Read every object of the file and refuse whatever acts or hides."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content), strict=False)
    if reader.is_encrypted:
        raise Fault("encrypted")
    pages = len(reader.pages)
    if not pages:
        raise Fault("unreadable")
    if pages > MOST_PAGES:
        raise Fault("too_many_pages")
    numbers = [(gen, n) for gen, table in reader.xref.items() for n in table] + [(0, n) for n in reader.xref_objStm]
    if len(numbers) > MOST_OBJECTS:
        raise Fault("too_large_inside")
    _look_through(reader.trailer)
    for number in numbers:
        _look_through(_object(reader, number))
    for page in reader.pages:
        if "/MediaBox" not in page:
            raise Fault("unreadable")


def _object(reader: Any, number: tuple[int, int]) -> Any:
    from pypdf.generic import IndirectObject

    if number[1] == 0:
        return None
    return reader.get_object(IndirectObject(number[1], number[0], reader))


def _look_through(found: Any) -> None:
    """Every dictionary within one object; references are followed by their own number, so no loop can arise."""
    for key, value in _entries(found, 0):
        if key in ACTIVE_KEYS or (isinstance(value, str) and str(value) in ACTIVE_NAMES):
            raise Fault("active")


def _entries(found: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MOST_DEPTH:
        raise Fault("too_large_inside")
    if isinstance(found, dict):
        for key, value in dict.items(found):
            yield str(key), value
            yield from _entries(value, depth + 1)
    elif isinstance(found, list):
        for value in list.__iter__(found):
            yield "", value
            yield from _entries(value, depth + 1)


def examine(kind: str, content: bytes) -> dict[str, str]:
    """The answer for one file. Whatever goes wrong is the file's fault."""
    try:
        if kind == "pdf":
            open_pdf(content)
        else:
            open_image(content, kind)
    except Fault as fault:
        return {"fault": str(fault)}
    except MemoryError:
        return {"fault": "too_large_inside"}
    except RecursionError:
        return {"fault": "too_large_inside"}
    except Exception as error:
        pixels = type(error).__name__.startswith("DecompressionBomb")
        return {"fault": "too_many_pixels" if pixels else "unreadable"}
    return {}


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the other side closes."""
    while len(header := requests.read(7)) == 7:
        kind, length = struct.unpack(">3sI", header)
        content = requests.read(length)
        if len(content) != length:
            return
        answers.write(json.dumps(examine(kind.decode(), content)).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    serve(sys.stdin.buffer, sys.stdout.buffer)

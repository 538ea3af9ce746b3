"""Small valid scans, made on the spot."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw
from pypdf import PdfWriter


def png(words: str = "SCAN") -> bytes:
    image = Image.new("RGB", (620, 877), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((30, 30, 590, 847), outline="black", width=3)
    pen.text((60, 60), words, fill="black")
    for line in range(12):
        pen.line((60, 120 + 40 * line, 560, 120 + 40 * line), fill="#888")
    return _bytes(image, "PNG")


def jpg(words: str = "SCAN") -> bytes:
    image = Image.new("RGB", (620, 877), "white")
    ImageDraw.Draw(image).text((60, 60), words, fill="black")
    return _bytes(image, "JPEG")


def pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=595, height=842)
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _bytes(image: Image.Image, form: str) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()

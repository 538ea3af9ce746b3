"""Pictures of papers for the demo company: they look like scans, say whose they are, and that they are samples.

Drawn with a Chinese font when the machine has one, else in pinyin: the demo needs nothing but Python.
"""

from __future__ import annotations

import math
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from pypinyin import lazy_pinyin

# Path and the number of the Simplified Chinese face in the collection.
_FONTS = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/System/Library/Fonts/PingFang.ttc", 0),
    ("/System/Library/Fonts/STHeiti Medium.ttc", 0),
    ("C:/Windows/Fonts/msyh.ttc", 0),
    ("C:/Windows/Fonts/simhei.ttf", 0),
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Row = tuple[str, str]

PAPER, INK, BROWN, RED, GREY = "#fbf8ef", "#222222", "#8a6d2f", "#c0392b", "#e6dfcb"


@lru_cache(maxsize=1)
def chinese_font() -> tuple[str, int] | None:
    """The first Chinese font of this machine, or None."""
    return next(((path, face) for path, face in _FONTS if Path(path).exists()), None)


@lru_cache(maxsize=16)
def _font(size: int) -> Font:
    found = chinese_font()
    return ImageFont.load_default(size) if found is None else ImageFont.truetype(found[0], size, index=found[1])


def _written(words: str) -> str:
    return words if chinese_font() is not None else " ".join(lazy_pinyin(words))


class _Sheet:
    """A page to draw on."""

    def __init__(self, width: int, height: int, colour: str) -> None:
        self.image = Image.new("RGB", (width, height), colour)
        self.pen = ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, words: str, size: int, colour: str = INK, anchor: str = "la") -> None:
        self.pen.text((x, y), _written(words), fill=colour, font=_font(size), anchor=anchor)

    def rows(self, x: int, y: int, label_width: int, rows: list[Row], size: int, gap: int) -> int:
        for label, value in rows:
            self.write(x, y, label, size, BROWN)
            for line in _folded(value, 24):
                self.write(x + label_width, y, line, size)
                y += gap
        return y

    def seal(self, x: int, y: int, radius: int, words: str, colour: str = RED) -> None:
        """A round seal with a star."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self.pen.ellipse(box, outline=colour, width=4)
        points = [
            (x + r * math.sin(k * math.pi / 5), y - radius * 0.15 - r * math.cos(k * math.pi / 5))
            for k in range(10)
            for r in [radius * (0.38 if k % 2 == 0 else 0.16)]
        ]
        self.pen.polygon(points, fill=colour)
        self.write(x, y + radius * 0.55, words, 13, colour, "mm")


def _folded(words: str, width: int) -> list[str]:
    lines = [words[i : i + width] for i in range(0, len(words), width)] or [""]
    for above, line in enumerate(lines[1:]):
        if line[0] in "，、。）":  # never begins a line
            lines[above] += line[0]
            lines[above + 1] = line[1:]
    return [line for line in lines if line] or [""]


def licence(title: str, company: str, code: str, rows: list[Row], issuer: str, issued: str) -> bytes:
    """A licence or certificate as a PNG of some ten kilobytes."""
    sheet = _Sheet(880, 620, PAPER)
    for inset, width in ((14, 5), (24, 1)):
        sheet.pen.rectangle((inset, inset, 880 - inset, 620 - inset), outline=BROWN, width=width)
    for step in range(44, 840, 22):
        sheet.pen.arc((step, 26, step + 22, 42), 0, 180, fill=GREY, width=2)
        sheet.pen.arc((step, 578, step + 22, 594), 180, 360, fill=GREY, width=2)
    sheet.write(440, 310, "样本 SAMPLE", 96, GREY, "mm")
    sheet.write(440, 92, title, 46, INK, "mm")
    sheet.write(440, 140, code, 19, BROWN, "mm")
    sheet.rows(90, 186, 130, [("名称", company), *rows], 19, 36)
    sheet.write(760, 540, issued, 16, INK, "ra")
    sheet.write(760, 510, issuer, 16, INK, "ra")
    sheet.seal(690, 500, 62, "登记专用章")
    buffer = BytesIO()
    sheet.image.quantize(24, Image.Quantize.FASTOCTREE).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def form(title: str, company: str, rows: list[Row], signed: str) -> bytes:
    """A filled, signed and sealed form as a one-page black-and-white PDF, as a copier makes it."""
    sheet = _Sheet(1000, 1414, "white")
    sheet.write(500, 120, title, 46, "black", "mm")
    sheet.write(500, 180, "样本 SAMPLE", 22, "black", "mm")
    top = 240
    for label, value in [("企业名称", company), *rows]:
        lines = _folded(value, 24)
        height = 30 + 34 * len(lines)
        sheet.pen.rectangle((90, top, 910, top + height), outline="black", width=2)
        sheet.pen.line((350, top, 350, top + height), fill="black", width=2)
        sheet.write(110, top + height / 2, label, 25, "black", "lm")
        for number, line in enumerate(lines):
            sheet.write(370, top + 15 + 34 * number, line, 25, "black")
        top += height
    sheet.write(110, top + 60, "以上内容及所附资料真实、有效。", 25, "black")
    sheet.write(110, top + 130, "法定代表人（签字）：" + signed, 25, "black")
    sheet.write(560, top + 130, "企业（盖章）：", 25, "black")
    sheet.seal(780, top + 170, 84, company[:9], "black")
    buffer = BytesIO()
    sheet.image.convert("1", dither=Image.Dither.NONE).save(
        buffer, "PDF", resolution=120.0, creationDate=None, modDate=None
    )
    return buffer.getvalue()

"""Uploads by content: what is kept, what is refused, and that nothing else ever happens (CHEM-7.1, TRAPS)."""

from __future__ import annotations

import io
import random
import struct
import time
import unicodedata
import zlib
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from tests.onboarding import scenes
from tierflow.common import uploads
from tierflow.common.uploads import Upload, clean_name, examine
from tierflow.kernel.errors import Invalid
from tierflow.kernel.policy import Policy
from tierflow.kernel.terms import GROUND_TERMS

POLICY = Policy(1, date(2020, 1, 1), GROUND_TERMS.defaults(), "sales department", "built in")
ONLY_PDF = Policy(2, date(2020, 1, 1), {**GROUND_TERMS.defaults(), "upload.kinds": ("pdf",)}, "", "")


def fault(content: bytes, policy: Policy = POLICY) -> str:
    """The sentence on the field, or "" when the file is taken."""
    try:
        examine(Upload("a", content), policy)
    except Invalid as invalid:
        return str(invalid.errors["file"][0])  # type: ignore[index]
    return ""


def written(change: Callable[[PdfWriter], object]) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    change(writer)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def with_action(name: str, where: str = "/OpenAction") -> bytes:
    def change(writer: PdfWriter) -> None:
        action = {NameObject("/S"): NameObject(name), NameObject("/F"): TextStringObject("x")}
        writer._root_object[NameObject(where)] = DictionaryObject(action)

    return written(change)


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (scenes.pdf(), "pdf"),
        (scenes.pdf(3), "pdf"),
        (scenes.pdf_with_objects_packed(), "pdf"),
        (scenes.png(), "png"),
        (scenes.jpg(), "jpg"),
        (scenes.png() + b"\r\n", "png"),
    ],
)
def test_scans_are_taken_for_what_they_are(content: bytes, kind: str) -> None:
    kept = examine(Upload("营业执照.exe", content), POLICY)
    assert (kept.kind, kept.name, kept.content) == (kind, f"营业执照.{kind}", content)


def _encrypted() -> bytes:
    return written(lambda writer: writer.encrypt("secret"))


def _png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size, with next to nothing inside."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


_ARCHIVE = b"PK\x01\x02" + bytes(60) + b"PK\x05\x06" + bytes(18)
_DISGUISED = b"/Catalog /OpenAction << /S /J#61vaScript >>"

REFUSED = {
    "empty": (b"", "empty"),
    "too large": (scenes.pdf() + bytes(10 * 1024 * 1024), "at most 10 MB"),
    "web page": (b"  <html><script>alert(1)</script>", "web page"),
    "drawing with code": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "web page or drawing"),
    "program": (b"MZ\x90\x00" + bytes(100), "program"),
    "archive": (b"PK\x03\x04" + bytes(100), "ZIP or Office"),
    "GIF": (b"GIF89a" + bytes(100), "GIF"),
    "text": (b"hello", "Only PDF, JPG, PNG"),
    "PDF not at the beginning": (b"\n" + scenes.pdf(), "Only PDF"),
    "cut off PDF": (scenes.pdf()[:200], "damaged"),
    "cut off picture": (scenes.jpg()[:-40], "damaged"),
    "PNG with a wrong sum": (scenes.png()[:-20] + b"\0" + scenes.png()[-19:], ""),
    "page behind a picture": (scenes.png() + b"<html>", "besides a scan"),
    "page behind a photograph": (scenes.jpg() + b"<ScRiPt src=x>", "besides a scan"),
    "words behind a picture": (scenes.png() + b"hello", "besides a scan"),
    "words behind a PDF": (scenes.pdf() + b"hello", "besides a scan"),
    "archive behind a picture": (
        scenes.jpg() + b"PK\x01\x02" + bytes(60) + b"PK\x05\x06" + bytes(18),
        "besides a scan",
    ),
    "locked PDF": (_encrypted(), "password"),
    "script": (with_action("/JavaScript"), "scripts"),
    "program start": (with_action("/Launch"), "scripts"),
    "form sent off": (with_action("/SubmitForm", "/AA"), "scripts"),
    "other document": (with_action("/GoToR"), "scripts"),
    "script in disguise": (
        scenes.pdf().replace(b"/Catalog", b"/Catalog /OpenAction << /S /J#61vaScript >>"),
        "scripts",
    ),
    "packed script": (scenes.pdf_with_objects_packed(b"/OpenAction << /S /JavaScript /JS (x) >>"), "scripts"),
    "packed script in disguise": (scenes.pdf_with_objects_packed(b"/AA << /O << /S /J#61vaScript >> >>"), "scripts"),
    "packed attachment": (scenes.pdf_with_objects_packed(b"/Names << /EmbeddedFiles << /Names [] >> >>"), "scripts"),
    "attachment": (written(lambda writer: writer.add_attachment("a.exe", b"MZ")), "scripts"),
    "no pages": (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF", "damaged"),
    "too many pages": (scenes.pdf(201), "too many pages"),
    "a hundred million pixels": (_png_of(10_000, 10_000), "too many pixels"),
    "absurdly many pixels": (_png_of(2**31 - 1, 2**31 - 1), ""),
}


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_refused_at_the_field(name: str) -> None:
    content, says = REFUSED[name]
    found = fault(content)
    assert found, "it was taken"
    assert says in found


def test_a_bomb_costs_neither_memory_nor_time() -> None:
    began = time.monotonic()
    assert fault(scenes.pdf_with_objects_packed(b"/X (" + b"A" * 120_000_000 + b")"))
    assert fault(scenes.pdf_with_objects_packed(b"/X " + b"[" * 100_000 + b"]" * 100_000))
    big = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(big, "PNG")
    assert "too many pixels" in fault(big.getvalue())
    assert time.monotonic() - began < 60
    assert fault(scenes.png()) == "", "the next one is served as if nothing had been"


def test_a_page_that_refers_to_itself_ends() -> None:
    loop = scenes.pdf().replace(b"/Kids", b"/Parent 1 0 R /Kids")
    assert isinstance(fault(loop), str)


def test_an_opener_that_dawdles_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PATIENCE_SECONDS", 0.0)
    assert "damaged" in fault(scenes.pdf(150))
    monkeypatch.undo()
    assert fault(scenes.pdf()) == ""


def test_policy_may_take_a_kind_away() -> None:
    assert fault(scenes.pdf(), ONLY_PDF) == ""
    assert fault(scenes.png(), ONLY_PDF) == "Only PDF can be taken, whatever the file is called."


SEEDS = (scenes.pdf(), scenes.pdf_with_objects_packed(), scenes.png(), scenes.jpg())


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, len(SEEDS) - 1), chance=st.randoms(use_true_random=False), edits=st.integers(1, 12))
def test_no_mutation_does_anything_but_be_taken_or_refused(seed: int, chance: random.Random, edits: int) -> None:
    content = bytearray(SEEDS[seed])
    for _ in range(edits):
        place = chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                content[place] = chance.randrange(256)
            case 1:
                del content[place : place + chance.randrange(1, 40)]
            case 2:
                content[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 20)))
            case _:
                other = SEEDS[chance.randrange(len(SEEDS))]
                begin = chance.randrange(len(other))
                content[place:place] = other[begin : begin + chance.randrange(1, 80)]
        if not content:
            break
    fault(bytes(content))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from((b"", b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")))
def test_noise_is_refused(noise: bytes, head: bytes) -> None:
    assert fault(head + noise)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("营业执照.PNG", "营业执照.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\li\\执照 正本.jpg", "执照 正本.pdf"),
        ("<script>alert(1)</script>.pdf", "script.pdf"),
        ("执照\u202efdp.exe", "执照fdp.pdf"),
        ("a\x00b\nc\"d';--.pdf", "abcd--.pdf"),
        ("", "file.pdf"),
        ("...", "file.pdf"),
        (".pdf", "file.pdf"),
        ("a.tar.gz", "a.tar.pdf"),
        ("2026.11.22 上海", "2026.11.22 上海.pdf"),
        ("长" * 500 + ".pdf", "长" * 116 + ".pdf"),
    ],
)
def test_a_file_name_is_only_a_name(name: str, cleaned: str) -> None:
    assert clean_name(name, "pdf") == cleaned


@given(st.text(max_size=300), st.sampled_from(("pdf", "jpg", "png")))
def test_a_cleaned_name_is_short_plain_and_has_its_ending(name: str, kind: str) -> None:
    cleaned = clean_name(name, kind)
    assert len(cleaned) <= 120
    assert cleaned.endswith(f".{kind}")
    assert not set(cleaned) & set("<>:\"/\\|?*'`&;")
    assert all(unicodedata.category(c)[0] != "C" for c in cleaned)
    assert clean_name(cleaned, kind) == cleaned

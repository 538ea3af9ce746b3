"""Uploads, examined by what they contain and never by what they are called (TRAPS: storage and files).

First by their bytes: kind, size, disguise. Then really opened, in a process of its own (`upload_opener`) that is
ended when it takes too long. Whatever is wrong becomes `Invalid` on the field; nothing else is ever raised.

Opening may take seconds, and nobody's save may wait for it: `looked_into` does it before the transaction that keeps
the upload begins, and `examine` then asks no more than what was found.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import selectors
import struct
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from tierflow.common.files import MEDIA_TYPES
from tierflow.kernel.errors import Invalid
from tierflow.kernel.policy import Policy
from tierflow.kernel.terms import LARGEST_UPLOAD
from tierflow.kernel.text import Text, mark, text

LONGEST_NAME = 120
PATIENCE_SECONDS = 10.0
FILES_PER_PROCESS = 500  # a fresh one now and then: libraries keep memory

_MAGIC = {"pdf": b"%PDF-", "jpg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}
# Nothing a scanner writes: pages and scripts for browsers, wherever in the file they hide.
_MARKUP = re.compile(rb"<\s*(?:script|html|svg|iframe|object|embed|\?php|!doctype\s+html)|javascript:", re.IGNORECASE)
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_ACTIVE = re.compile(
    rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData)(?![A-Za-z0-9_.+-])"
)
_KNOWN_OTHERS = {
    b"PK\x03\x04": mark("a ZIP or Office file"),
    b"\xd0\xcf\x11\xe0": mark("an old Office file"),
    b"MZ": mark("a program"),
    b"\x7fELF": mark("a program"),
    b"GIF8": mark("a GIF image"),
    b"Rar!": mark("a RAR archive"),
    b"II*\x00": mark("a TIFF image"),
    b"MM\x00*": mark("a TIFF image"),
    b"BM": mark("a BMP image"),
    b"<": mark("a web page or drawing with code"),
}

_ACTIVE_CONTENT = mark("The file contains scripts, actions or other files; print it to a plain PDF and upload that.")
_FAULTS = {
    "unreadable": mark("The file cannot be opened; it is damaged or not what it seems."),
    "encrypted": mark("The file is protected by a password; upload one that opens without."),
    "active": _ACTIVE_CONTENT,
    "too_many_pixels": mark("The image has too many pixels; scan it at 300 dpi."),
    "too_many_pages": mark("The file has too many pages."),
    "too_large_inside": mark("The file is too large once unpacked."),
}


@dataclass(frozen=True)
class Upload:
    """What a person sent: the name as their computer has it, and the bytes."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Examined:
    """An upload that may be kept: `name` cleaned, `kind` by content."""

    name: str
    kind: str
    content: bytes


def examine(upload: Upload, policy: Policy, *, field: str = "file") -> Examined:
    """The upload, fit to keep. Raises `Invalid` on `field` for whatever else."""
    fault = _fault(upload.content, policy)
    if fault is not None:
        raise Invalid({field: [fault]})
    kind = _kind(upload.content)
    assert kind is not None  # noqa: S101 - _fault has refused every other
    return Examined(clean_name(upload.name, kind), kind, upload.content)


# What was found in contents that were looked into ahead, by their hash.
_found: ContextVar[dict[bytes, Text | None] | None] = ContextVar("tierflow_uploads", default=None)


@contextlib.contextmanager
def looked_into(contents: Iterable[bytes]) -> Iterator[None]:
    """Open these now, with no transaction open; `examine` inside knows them. Never raises for what is in them."""
    worth_it = (content for content in contents if len(content) <= LARGEST_UPLOAD and _kind(content))
    token = _found.set({_hash(content): _fault_inside(content) for content in worth_it})
    try:
        yield
    finally:
        _found.reset(token)


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _fault(content: bytes, policy: Policy) -> Text | None:
    """What is wrong: first what policy says, then what stands inside."""
    kinds = policy.words("upload.kinds")
    most = policy.integer("upload.max_bytes")
    if not content:
        return text("The file is empty.")
    if len(content) > most:
        return text("The file is too large: at most %(most)s MB.", most=f"{most / 1024 / 1024:.3g}")
    kind = _kind(content)
    if kind is None or kind not in kinds:
        return _not_taken(content, kinds)
    ahead = _found.get() or {}
    key = _hash(content) if ahead else b""
    return ahead[key] if key in ahead else _fault_inside(content)


def _fault_inside(content: bytes) -> Text | None:
    """What is wrong with a file of a known kind, whatever policy says. Takes up to `PATIENCE_SECONDS`."""
    kind = _kind(content) or ""
    if _is_disguised(content, kind):
        return text("The file contains something besides a scan; scan the paper again.")
    if kind == "pdf" and _ACTIVE.search(_names_of(content)):
        return text(_ACTIVE_CONTENT)
    fault = _opener.examine(kind, content)
    return text(_FAULTS[fault]) if fault else None


def _kind(content: bytes) -> str | None:
    return next((kind for kind, magic in _MAGIC.items() if content.startswith(magic)), None)


def _not_taken(content: bytes, kinds: tuple[str, ...]) -> Text:
    wanted = ", ".join(kind.upper() for kind in kinds)
    head = content.lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    for magic, label in _KNOWN_OTHERS.items():
        if head.startswith(magic):
            return text("This is %(what)s; only %(kinds)s can be taken.", what=Text(label), kinds=wanted)
    return text("Only %(kinds)s can be taken, whatever the file is called.", kinds=wanted)


def _is_disguised(content: bytes, kind: str) -> bool:
    if _MARKUP.search(content):
        return True
    # A ZIP's directory stands at its end, so that any file can be made one too.
    tail = content[-(65_536 + 22) :]
    if b"PK\x05\x06" in tail and b"PK\x01\x02" in content:
        return True
    if kind == "pdf":
        after = content[content.rfind(b"%%EOF") + 5 :] if b"%%EOF" in content else b""
        return bool(after.strip(b"\r\n\t \x00"))
    if kind == "png":
        end = content.rfind(b"IEND")
        return bool(content[end + 8 :].strip(b"\r\n\t \x00")) if end >= 0 else False
    return False


def _names_of(content: bytes) -> bytes:
    """A PDF's own words: without stream data, with `#4A` escapes read."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), b"".join(_outside_streams(content)))


def _outside_streams(content: bytes) -> Iterator[bytes]:
    """What stands before, between and after streams; one pass, however many begin and never end."""
    at = 0
    while (begin := _STREAM.search(content, at)) and (end := content.find(b"endstream", begin.end())) >= 0:
        yield content[at : begin.start()]
        at = end + len(b"endstream")
    yield content[at:]


_UNWANTED = frozenset("<>:\"|?*'`&;%$#{}\\/")


def clean_name(name: str, kind: str) -> str:
    """A name that is only a name: no path, no control or direction characters, no markup; the ending is the kind's."""
    folded = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    kept = "".join(c for c in folded if unicodedata.category(c)[0] != "C" and c not in _UNWANTED)
    stem = " ".join(kept.split())
    before, dot, ending = stem.rpartition(".")
    if dot and len(ending) <= 5 and ending.isascii():
        stem = before
    stem = stem.strip(". ")
    return f"{stem[: LONGEST_NAME - 4].rstrip('. ') or 'file'}.{kind}"


class _Opener:
    """One opener process per web process, started when first needed and again after a fault."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._served = 0

    def examine(self, kind: str, content: bytes) -> str | None:
        """The fault's name, or None. A process that dies or dawdles over a file says: unreadable."""
        with self._lock:
            process = self._running()
            try:
                answer = self._ask(process, kind, content)
            except (OSError, ValueError):
                answer = None
            if answer is None:
                self.close()
                return "unreadable"
            self._served += 1
            found: str | None = answer.get("fault")
            return found

    def _running(self) -> subprocess.Popen[bytes]:
        mine = self._owner == os.getpid()  # a forked worker does not speak through its parent's pipe
        if self._process is not None and mine and self._process.poll() is None and self._served < FILES_PER_PROCESS:
            return self._process
        if mine:
            self.close()
        script = Path(__file__).with_name("upload_opener.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
        )
        self._owner, self._served = os.getpid(), 0
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], kind: str, content: bytes) -> dict[str, str] | None:
        assert process.stdin is not None  # noqa: S101 - opened as a pipe above
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(struct.pack(">3sI", kind.encode(), len(content)) + content)
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE_SECONDS):
                return None
        line = process.stdout.readline()
        answer: dict[str, str] | None = json.loads(line) if line else None
        return answer

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


_opener = _Opener()
atexit.register(_opener.close)

__all__ = ["MEDIA_TYPES", "Examined", "Upload", "clean_name", "examine", "looked_into"]

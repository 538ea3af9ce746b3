"""The audit chain's head kept outside the database, so that a cut tail or a chain written anew is seen.

A file of JSON lines, appended to and never changed; each line holds the hash of the line before it. Keep it where
whoever can write the database cannot write (`TIERFLOW_ANCHOR_FILE`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, table
from sqlalchemy.orm import Session

from tierflow.common.audit import AuditEntry, ChainHead
from tierflow.common.guards import APPEND_ONLY

FIRST = "0" * 64


def anchor(session: Session, path: Path, now: datetime) -> dict[str, Any]:
    """Append the present head and the size of every append-only table; returns the line."""
    head = session.get_one(ChainHead, "audit")
    counts = {name: session.scalar(select(func.count()).select_from(table(name))) for name in sorted(APPEND_ONLY)}
    line: dict[str, Any] = {"at": now.isoformat(), "seq": head.seq, "hash": head.hash, "counts": counts}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two at once must not follow the same line
        lines = _lines(path)
        line["prev"] = _line_hash(lines[-1]) if lines else FIRST
        file.write(json.dumps(line, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def check(session: Session, path: Path) -> Iterator[str]:
    """Compare the database with every line of the file and yield the lies. No file: nothing to compare with."""
    prev = FIRST
    last: dict[str, Any] | None = None
    for number, raw in enumerate(_lines(path), 1):
        try:
            line = json.loads(raw)
            seq, hash_, said_prev = int(line["seq"]), str(line["hash"]), line["prev"]
            last = {"at": str(line["at"]), "counts": dict(line["counts"])}
        except (ValueError, KeyError, TypeError):
            yield f"anchor: line {number} cannot be read"
            prev = _line_hash(raw)
            continue
        if said_prev != prev:
            yield f"anchor: line {number} does not follow line {number - 1}: the file was changed"
        if seq > 0:
            yield from _compare(session, seq, hash_, last["at"])
        prev = _line_hash(raw)
    if last is not None:
        yield from _shrunk(session, last["counts"], last["at"])


def _compare(session: Session, seq: int, hash_: str, at: str) -> Iterator[str]:
    stored = session.scalar(select(AuditEntry.hash).where(AuditEntry.seq == seq))
    if stored is None:
        yield f"anchor: audit entry {seq}, anchored on {at}, is gone: the chain's tail was cut"
    elif stored != hash_:
        yield f"anchor: audit entry {seq} is not the one anchored on {at}: the chain was written anew"


def _shrunk(session: Session, counts: dict[str, int], at: str) -> Iterator[str]:
    for name, was in sorted(counts.items()):
        if name in APPEND_ONLY:
            now = session.scalar(select(func.count()).select_from(table(name))) or 0
            if now < was:
                yield f"anchor: {name} has {now} rows and had {was} on {at}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _line_hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()

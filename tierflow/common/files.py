"""Uploaded files: content in the database, so that a file and what refers to it commit together.

One backup holds everything and no orphan can exist. Content is kept once per SHA-256.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, is_sqlite, pk
from tierflow.common.guards import append_only


class FileContent(Model):
    """Bytes by their hash."""

    __tablename__ = append_only("file_content")

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    size: Mapped[int]


class StoredFile(Model):
    """An upload. Who may see it follows from what it belongs to (`subject_type`, `subject_id`)."""

    __tablename__ = append_only("stored_file")
    __table_args__ = (Index("ix_stored_file_subject", "subject_type", "subject_id"),)

    id: Mapped[int] = pk()
    sha256: Mapped[str] = mapped_column(ForeignKey("file_content.sha256"))
    name: Mapped[str]
    kind: Mapped[str]  # pdf, jpg, png: what the content is, not what the client said
    size: Mapped[int]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    uploaded_at: Mapped[datetime]


MEDIA_TYPES = {"pdf": "application/pdf", "jpg": "image/jpeg", "png": "image/png"}


def store(
    session: Session,
    content: bytes,
    name: str,
    kind: str,
    subject: tuple[str, int],
    user_id: int,
    now: datetime,
) -> StoredFile:
    """Keep a checked upload. The caller has examined the content (`common.uploads`)."""
    sha256 = hashlib.sha256(content).hexdigest()
    if session.scalar(select(FileContent.sha256).where(FileContent.sha256 == sha256)) is None:
        insert = insert_sqlite if is_sqlite(session) else insert_postgres  # a rival may store the same bytes just now
        row = insert(FileContent).values(sha256=sha256, content=content, size=len(content))
        session.execute(row.on_conflict_do_nothing())
    stored = StoredFile(
        sha256=sha256,
        name=name,
        kind=kind,
        size=len(content),
        subject_type=subject[0],
        subject_id=subject[1],
        uploaded_by_id=user_id,
        uploaded_at=now,
    )
    session.add(stored)
    session.flush()
    return stored


def content_of(session: Session, stored: StoredFile) -> bytes:
    """The bytes of a stored file."""
    return session.execute(select(FileContent.content).where(FileContent.sha256 == stored.sha256)).scalar_one()

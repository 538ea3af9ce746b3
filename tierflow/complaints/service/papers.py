"""Photos and papers of a complaint, kept with it and seen by whoever may see it; examined by content (CHEM-12.4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import files
from tierflow.common.files import StoredFile
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload, examine
from tierflow.complaints.service import scope
from tierflow.kernel.errors import Invalid, NotFound
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

SUBJECT = "complaint"
MOST = 10


def keep(
    session: Session, uploads: Sequence[Upload], complaint_id: int, actor: Actor, now: datetime, field: str = "photos"
) -> list[StoredFile]:
    """Examine uploads and keep them with a complaint. Raises `Invalid` on `field`."""
    if len(uploads) > MOST:
        raise Invalid({field: [text("At most %(most)s files at once.", most=MOST)]})
    if not uploads:
        return []
    policy = policy_on(session, local_day(now))
    kept = []
    for upload in uploads:
        found = examine(upload, policy, field=field)
        subject = (SUBJECT, complaint_id)
        kept.append(files.store(session, found.content, found.name, found.kind, subject, actor.user_id, now))
    return kept


def file_for(session: Session, actor: Actor, complaint_id: int, file_id: int) -> StoredFile:
    """A file of a complaint the actor may see; else `NotFound`."""
    require(actor, "complaint.read")
    scope.get(session, actor, complaint_id)
    return of_complaint(session, complaint_id, file_id)


def of_complaint(session: Session, complaint_id: int, file_id: int) -> StoredFile:
    """A file, when it belongs to the complaint; else `NotFound`. Who may see the complaint is decided before."""
    found = session.scalar(
        select(StoredFile).where(
            StoredFile.id == file_id, StoredFile.subject_type == SUBJECT, StoredFile.subject_id == complaint_id
        )
    )
    if found is None:
        raise NotFound
    return found


def files_of(session: Session, complaint_id: int) -> Sequence[StoredFile]:
    """Every file of a complaint, oldest first."""
    query = select(StoredFile).where(StoredFile.subject_type == SUBJECT, StoredFile.subject_id == complaint_id)
    return session.scalars(query.order_by(StoredFile.id)).all()

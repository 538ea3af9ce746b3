"""Malformed uploads through the API: none may break the server, none may leave a file behind that nothing refers to."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator

from flask.testing import FlaskClient
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from tests.builders import csrf_of, sign_in
from tests.conftest import NOW, StandingClock
from tests.databases import fresh_databases
from tests.onboarding import scenes
from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.files import FileContent, StoredFile
from tierflow.onboarding.models import EntryCheck, Paper
from tierflow.onboarding.service import drafts

NAMES = (
    "执照.png",
    "a.pdf",
    "b.JPG",
    "../../etc/passwd.png",
    "<script>.png",
    "x.svg",
    "no-ending",
    "长" * 300 + ".pdf",
)
STRANGERS = (
    b"",
    b"<html><script>alert(1)</script>",
    b"<svg onload=alert(1)>",
    b"PK\x03\x04" + b"\0" * 200,
    b"MZ" + b"\x90" * 100,
)


def malformed(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` uploads: sound files bent in one of many ways, and strangers under the names of papers."""
    chance = random.Random(seed)
    sound = [scenes.png(), scenes.jpg(), scenes.pdf(2)]
    for _ in range(count):
        name, body = chance.choice(NAMES), bytearray(chance.choice(sound))
        match chance.randrange(6):
            case 0:
                body = bytearray(chance.choice(STRANGERS))
            case 1:
                del body[chance.randrange(len(body)) :]
            case 2:
                for _flip in range(chance.randint(1, 20)):
                    body[chance.randrange(len(body))] = chance.randrange(256)
            case 3:
                body += chance.choice(STRANGERS) * chance.randint(1, 3)
            case 4:
                body = body[:8] + chance.randbytes(chance.randint(0, 4000))
            case _:
                at = chance.randrange(len(body))
                body[at:at] = chance.randbytes(chance.randint(1, 200))
        yield name, bytes(body)


def empty_draft(session: Session, place: scenes.Company) -> int:
    """A draft that has no paper yet."""
    return drafts.create_draft(session, place.actor(session, "li"), NOW, scenes.particulars(place)).id


def throw(client: FlaskClient, application_id: int, uploads: Iterator[tuple[str, bytes]]) -> Counter[int]:
    """Send each as a paper of the application; how often each status was answered."""
    headers = {"X-CSRFToken": csrf_of(client)}
    answers: Counter[int] = Counter()
    for name, body in uploads:
        data = {"kind": "annex1_signed", "file": (io.BytesIO(body), name)}
        answer = client.post(f"/api/v1/applications/{application_id}/papers", data=data, headers=headers)
        answers[answer.status_code] += 1
        if answer.status_code >= 500:
            raise AssertionError(f"{answer.status_code} for {name!r}, {len(body)} bytes: {body[:80]!r}")
        if answer.status_code < 300:  # bent and still sound: make room for the next
            paper_id = answer.get_json()["id"]
            client.delete(f"/api/v1/papers/{paper_id}", headers=headers)
    return answers


def orphans() -> tuple[int, int]:
    """Contents that no upload names, and uploads that neither a paper, nor evidence, nor the audit log knows."""
    session = db.session()
    named = exists().where(StoredFile.sha256 == FileContent.sha256)
    used = exists().where(Paper.file_id == StoredFile.id) | exists().where(EntryCheck.file_id == StoredFile.id)
    removed = {
        (before or {}).get("file_id")
        for before in session.scalars(select(AuditEntry.before).where(AuditEntry.action == "paper.remove"))
    }
    unused = set(session.scalars(select(StoredFile.id).where(~used)))
    return (
        session.scalar(select(func.count()).select_from(FileContent).where(~named)) or 0,
        len(unused - removed),
    )


def main(count: int = 10_000) -> None:
    """The full drill on SQLite."""
    with fresh_databases("sqlite") as fresh:
        app = create_app({"SQLALCHEMY_DATABASE_URI": fresh(), "SECRET_KEY": "drill", "CLOCK": StandingClock()})
        with app.app_context(), transaction() as session:
            seeds.plant(session, NOW, policy={"second_factor.roles": []})
            place = scenes.company(session)
            application_id = empty_draft(session, place)
            li = place.id_of("li")
        answers = throw(sign_in(app, li), application_id, malformed(1, count))
        with app.app_context():
            contents, files = orphans()
            db.session.remove()
            db.engine.dispose()
    taken = sum(number for status, number in answers.items() if status < 300)
    print(f"uploads: {count} sent, answers {dict(sorted(answers.items()))}, 0 of them 5xx")
    print(f"uploads: {taken} taken; {contents} contents without an upload, {files} uploads that nothing knows")
    if contents or files:
        raise SystemExit("an orphan file was left behind")

"""Papers and evidence in the editor: each with its own small form, for a browser sends a file only with its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Invalid, NotFound
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark, text
from tierflow.onboarding.models import Paper
from tierflow.onboarding.pages import views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.rules.papers import ONLY_SCAN, PAPER_LABELS
from tierflow.onboarding.schemas import given
from tierflow.onboarding.service import papers as service
from tierflow.onboarding.service.reading import ApplicationView
from tierflow.web.access import writes
from tierflow.web.i18n import show
from tierflow.web.schemas import form_data, load

PRINTED = ("number", "issuer", "valid_from", "valid_to", "is_long_term")
MEBIBYTE = 1024 * 1024
HINTS = {
    "merged_licence": mark("Three in one: its number is the unified social credit code"),
    "annex1_signed": mark("Printed from here, signed and sealed by the customer"),
}


def _again(
    *, session: Session, actor: Actor, now: datetime, application_id: int, errors: Any, refusals: Any, **_route: Any
) -> str:
    from tierflow.onboarding.pages.editing import editor_again

    return editor_again(session, actor, application_id, now, errors, refusals)


@bp.post(f"{APPLICATION}/papers/<kind>")
@writes("application.write", on_invalid=_again)
def put_paper(*, session: Session, actor: Actor, now: datetime, application_id: int, kind: str) -> BaseResponse:
    """Add a paper, or correct what is printed on it and replace its scan."""
    with errors_under(f"papers.{_known(kind)}"):
        data = load(given.PrintedSchema(), _printed(kind))
        upload = _upload(f"papers.{kind}.scan")
        present = _paper(session, application_id, kind)
        if present is not None:
            service.change_paper(session, actor, present.id, data, now, upload=upload)
        elif upload is None:
            raise Invalid({"file": [text("Choose the scanned file.")]})
        else:
            service.add_paper(session, actor, application_id, kind, upload, data, now)
    flash(_("Kept: %(paper)s.", paper=show(PAPER_LABELS[kind])), "ok")
    return _back(application_id, f"f-papers-{kind}")


@bp.post(f"{APPLICATION}/papers/<kind>/remove")
@writes("application.write", on_invalid=_again)
def remove_paper(*, session: Session, actor: Actor, now: datetime, application_id: int, kind: str) -> BaseResponse:
    """Take a paper off."""
    present = _paper(session, application_id, _known(kind))
    if present is None:
        raise NotFound
    service.remove_paper(session, actor, present.id, now)
    flash(_("Removed: %(paper)s.", paper=show(PAPER_LABELS[kind])), "ok")
    return _back(application_id, "papers")


@bp.post(f"{APPLICATION}/evidence/<customer_class>/<item>")
@writes("application.write", on_invalid=_again)
def put_evidence(
    *, session: Session, actor: Actor, now: datetime, application_id: int, customer_class: str, item: str
) -> BaseResponse:
    """Keep the file that proves an entry condition."""
    with errors_under(f"evidence.{customer_class}.{item}"):
        upload = _upload("file")
        if upload is None:
            raise Invalid({"file": [text("Choose the scanned file.")]})
        service.attach_evidence(session, actor, application_id, customer_class, item, upload, now)
    flash(_("The evidence is kept."), "ok")
    return _back(application_id, "papers")


@contextmanager
def errors_under(prefix: str) -> Iterator[None]:
    """Name the errors of one paper's form so that they are shown at that paper."""
    try:
        yield
    except Invalid as wrong:
        raise Invalid({f"{prefix}.{field}": messages for field, messages in wrong.errors.items()}) from wrong


def _known(kind: str) -> str:
    if kind not in PAPER_LABELS:
        raise NotFound
    return kind


def _paper(session: Session, application_id: int, kind: str) -> Paper | None:
    return session.scalar(select(Paper).where(Paper.application_id == application_id, Paper.kind == kind))


def _printed(kind: str) -> dict[str, Any]:
    """What is printed on the paper, as posted. A long-term paper has no last day, whatever the browser kept there."""
    typed = form_data().get("papers", {})
    typed = typed.get(kind, {}) if isinstance(typed, dict) else {}
    if kind in ONLY_SCAN or not isinstance(typed, dict):
        return {}
    data = {field: typed.get(field) for field in PRINTED if field != "is_long_term"}
    data["is_long_term"] = bool(typed.get("is_long_term"))
    if data["is_long_term"]:
        data["valid_to"] = None
    return data


def _upload(name: str) -> Upload | None:
    file = request.files.get(name)
    return Upload(file.filename, file.read()) if file is not None and file.filename else None


def _back(application_id: int, anchor: str) -> BaseResponse:
    return redirect(url_for("onboarding.edit_application", application_id=application_id, _anchor=anchor))


def slots(
    session: Session, found: ApplicationView, errors: Mapping[str, Sequence[str]], on: date
) -> dict[str, list[dict[str, Any]]]:
    """The papers of the editor: `wanted` ones, and the `old_papers` that may stand in for the merged licence."""
    most = _most(session, on)
    application_id = found.application.id
    shown = {
        paper["kind"]: paper
        for paper in views.papers(found.papers, lambda file_id: views.file_url(application_id, file_id), on)
    }
    rows = {paper.kind: paper for paper, _stored in found.papers}
    made = {kind: _slot(kind, shown.get(kind), rows.get(kind), errors, most) for kind in PAPER_LABELS}
    wanted = ("merged_licence", "annex1_signed")
    return {
        "wanted": [made[kind] for kind in wanted],
        "old_papers": [slot for kind, slot in made.items() if kind not in wanted],
    }


def _most(session: Session, on: date) -> int:
    return policy_on(session, on).integer("upload.max_bytes") // MEBIBYTE


def _slot(
    kind: str, paper: Mapping[str, Any] | None, row: Paper | None, errors: Mapping[str, Sequence[str]], most: int
) -> dict[str, Any]:
    prefix = f"papers.{kind}"
    own = {field: messages for field, messages in errors.items() if field.startswith(prefix)}
    posted = request.method == "POST" and (request.view_args or {}).get("kind") == kind
    values: dict[str, Any] = {field: getattr(row, field, None) for field in PRINTED}
    if posted:
        values = {field: request.form.get(f"{prefix}.{field}", "") for field in PRINTED}
    return {
        "kind": kind,
        "label": show(PAPER_LABELS[kind]),
        "hint": show(HINTS.get(kind, "")),
        "only_scan": kind in ONLY_SCAN,
        "paper": paper,
        "values": values,
        # A missing file is told as "file" by the rules; the field is called "scan".
        "errors": {field.replace(".file", ".scan"): messages for field, messages in own.items()},
        "bad": bool(own),
        "open": (paper is None and kind == "merged_licence") or posted or bool(set(own) - {prefix}),
        "max_mb": most,
    }


def declarations(
    session: Session, found: ApplicationView, errors: Mapping[str, Sequence[str]], on: date
) -> list[dict[str, Any]]:
    """The entry conditions of the chosen classes that want a file."""
    most = _most(session, on)
    application_id = found.application.id
    parts = views.checks(found.checks, lambda file_id: views.file_url(application_id, file_id))
    rows = []
    for item in (item for part in parts for item in part["items"] if item["needs_file"]):
        prefix = f"evidence.{item['customer_class']}.{item['item']}"
        told = [message for field, messages in errors.items() if field.startswith(prefix) for message in messages]
        rows.append({**item, "errors": {"file": told} if told else {}, "max_mb": most})
    return rows

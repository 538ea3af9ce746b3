"""The places of papers and of evidence in the editor: what lies there, what was typed, what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from tierflow.common.policies import policy_on
from tierflow.kernel.text import mark
from tierflow.onboarding.models import Paper
from tierflow.onboarding.pages import views
from tierflow.onboarding.rules.papers import ONLY_SCAN, PAPER_LABELS
from tierflow.onboarding.service.reading import ApplicationView
from tierflow.web.i18n import show

PRINTED = ("number", "issuer", "valid_from", "valid_to", "is_long_term")
MEBIBYTE = 1024 * 1024
HINTS = {
    "merged_licence": mark("Three in one: its number is the unified social credit code"),
    "annex1_signed": mark("Printed from here, signed and sealed by the customer"),
}


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

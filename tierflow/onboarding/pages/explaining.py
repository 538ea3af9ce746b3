"""How the rules came to what they say: the stored decision, or the preview, with inputs and policy version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import render_template
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.onboarding.pages import views
from tierflow.onboarding.pages.blueprint import APPLICATION, ROW_ID, bp
from tierflow.onboarding.rules.admission import ADMISSIBLE, INDICATOR_LABELS, as_json
from tierflow.onboarding.service.admitting import preview_admission, stored_admission
from tierflow.web.access import reads
from tierflow.web.i18n import show
from tierflow.web.shell import moment


@bp.get(f"{APPLICATION}/decisions/<{ROW_ID}:decision_id>")
@reads("application.read")
def explain_decision(*, session: Session, actor: Actor, now: datetime, application_id: int, decision_id: int) -> str:
    """A stored decision: rule, inputs, policy version."""
    row = stored_admission(session, actor, application_id, decision_id)
    return _drawer(
        row.outcome,
        row.clauses,
        row.indicators,
        row.inputs,
        [(_("Decided"), moment(row.decided_at)), (_("Policy version"), row.policy_version)],
        (),
    )


@bp.get(f"{APPLICATION}/preview")
@reads("application.read")
def explain_preview(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str:
    """What the rule would say now, and on what ground."""
    found = preview_admission(session, actor, application_id, now)
    decision = found.decision
    return _drawer(
        decision.outcome,
        decision.clauses,
        [asdict(row) for row in decision.indicators],
        as_json(found.facts),
        [(_("Reckoned"), moment(now)), (_("Policy version"), found.policy.version), (_("Stored"), _("no: a preview"))],
        decision.refusals,
    )


def _drawer(
    outcome: str,
    clauses: Iterable[str],
    indicators: Iterable[Mapping[str, Any]],
    inputs: Mapping[str, Any],
    ground: list[tuple[str, Any]],
    refusals: Iterable[Any],
) -> str:
    good = outcome == ADMISSIBLE
    rows = [
        {
            "label": show(INDICATOR_LABELS[row["name"]]),
            "clause": row["clause"],
            "value": "—" if row["value"] is None else row["value"],
            "threshold": "—" if row["threshold"] is None else row["threshold"],
            "kind": views.INDICATOR_KINDS[row["verdict"]],
            "word": show(views.INDICATOR_WORDS[row["verdict"]]),
        }
        for row in indicators
    ]
    return render_template(
        "onboarding/decision.html",
        title=_("Admission of the application"),
        badge_kind="ok" if good else "bad",
        outcome=_("admissible") if good else _("not admissible"),
        clauses=clauses,
        indicators=rows,
        refusals=refusals,
        ground=ground,
        inputs=json.dumps(inputs, ensure_ascii=False, indent=1),
    )

"""What would these months earn? Asked, answered, and nothing stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.policies import PolicyVersion, policy_on
from tierflow.grading.rules import levels as rules
from tierflow.grading.service.drafts import as_draft
from tierflow.kernel.errors import Invalid
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import text


def preview(session: Session, actor: Actor, question: Mapping[str, Any]) -> dict[str, Any]:
    """What levels would these months earn? The rule of the real run; nothing is stored (CHEM-9).

    Each month uses the policy in force on its last day, or the version asked for: a draft too, for whoever may read
    drafts. Raises `Invalid` for an unknown one.
    """
    require(actor, "grading.preview")
    months = question["months"]
    days = [row["month"].last_day for row in months]
    with_drafts = is_allowed(actor, "draft.read")
    policies = _policies(session, days, question["policy_version"], with_drafts=with_drafts)
    facts = [
        (rules.Month(row["tonnes"], row["indicators"]), rules.level_policy(policy))
        for row, policy in zip(months, policies, strict=True)
    ]
    decisions = rules.decide_months(question["customer_class"], question["starting_level"], facts)
    return {
        "policy_version": policies[-1].version,
        "months": [
            {
                "month": str(row["month"]),
                "level": decision.level,
                "target": decision.target,
                "move": decision.move,
                "clauses": decision.clauses,
                "indicators": [asdict(indicator) for indicator in decision.indicators],
                "policy_version": policy.version,
            }
            for row, policy, decision in zip(months, policies, decisions, strict=True)
        ],
    }


def _policies(session: Session, days: list[date], version: int | None, *, with_drafts: bool) -> list[Policy]:
    if version is None:
        found: dict[date, Policy] = {}
        for day in days:
            found[day] = policy_on(session, day)
        return [found[day] for day in days]
    states = ("adopted", "draft") if with_drafts else ("adopted",)
    row = session.scalar(select(PolicyVersion).where(PolicyVersion.version == version, PolicyVersion.state.in_(states)))
    if row is None:
        raise Invalid({"policy_version": [text("There is no policy version %(version)s.", version=version)]})
    return [as_draft(row)] * len(days)

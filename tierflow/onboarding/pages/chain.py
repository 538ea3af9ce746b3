"""The chain of an application as steps for the stepper, and the opinions asked on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tierflow.common.approvals import ApprovalCase, ApprovalDecision
from tierflow.kernel.approval import VERDICT_LABELS, Verdict
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.service.reading import DecisionSeen, OpinionSeen
from tierflow.web.i18n import show
from tierflow.web.shell import moment

VERDICT_STATES = {"approve": "approved", "return": "returned", "reject": "rejected"}


def step_of(
    decision: DecisionSeen, opinions: Sequence[Mapping[str, Any]] = (), copied: Sequence[str] = ()
) -> dict[str, Any]:
    """One decision as a step of the stepper."""
    row, who, principal = decision
    remarks = [item["remark"] for item in row.items if item.get("verdict") == "fail" and item.get("remark")]
    reason = row.reason if row.reason not in ("-", "") else ""
    return {
        "key": row.step,
        "label": show(ACCOUNT_OPENING.step(row.step).label),
        "state": VERDICT_STATES[row.verdict],
        "verdict": show(VERDICT_LABELS[Verdict(row.verdict)]),
        "who": who.name,
        "for_whom": principal.name if principal else None,
        "at": moment(row.decided_at),
        "iso": row.decided_at.isoformat(),
        "reason": reason or "；".join(remarks),
        "remarks": remarks if reason and "；".join(remarks) != reason else [],
    }


def steps(
    case: ApprovalCase,
    decided: Sequence[DecisionSeen],
    asked: Sequence[OpinionSeen],
    askers: Mapping[int, str],
    *,
    due_shown: Markup | str = "",
) -> list[dict[str, Any]]:
    """The chain of the present round: what stands, what is asked, what will be; asked opinions under their round."""
    latest: dict[str, DecisionSeen] = {}
    for row in decided:
        latest[row.decision.step] = row
    opinions, copied = asked_in(asked, askers, case.round)
    found: list[dict[str, Any]] = []
    reached = False
    for step in ACCOUNT_OPENING.steps:
        decision: DecisionSeen | None = latest.get(step.key)
        waiting = case.step == step.key
        if waiting:
            reached = True
            shown = {"key": step.key, "label": show(step.label), "state": "current", "due": due_shown}
            found.append({**shown, "opinions": opinions, "copied": copied})
            opinions, copied = [], []
        elif decision is not None and not reached and stands(case, decision[0]):
            found.append(step_of(decision))
        else:
            state = "void" if decision is not None and case.step is not None else "waiting"
            found.append({"key": step.key, "label": show(step.label), "state": state})
    if opinions or copied:
        last = max((place for place, step in enumerate(found) if step.get("who")), default=0)
        found[last] = {**found[last], "opinions": opinions, "copied": copied}
    return found


def stands(case: ApprovalCase, decision: ApprovalDecision) -> bool:
    """Whether an earlier decision counts in the present round: made in it, or approved and not asked again."""
    return decision.round == case.round or decision.verdict == Verdict.APPROVE.value


def asked_in(
    asked: Sequence[OpinionSeen], askers: Mapping[int, str], round_: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Opinions asked in a round, and who was copied in."""
    here = [seen for seen in asked if seen.opinion.round == round_]
    opinions = [opinion_of(seen, askers) for seen in here if seen.opinion.kind == "ask"]
    copied = [seen.user.name for seen in here if seen.opinion.kind == "copy"]
    return opinions, copied


def opinion_of(seen: OpinionSeen, askers: Mapping[int, str]) -> dict[str, Any]:
    """One asked opinion or copy: whose words, in whose name, and what was asked."""
    row, (who, for_whom) = seen.opinion, seen.voices
    return {
        "who": who,
        "for_whom": for_whom,
        "asked_by": askers.get(row.asked_by_id, ""),
        "text": row.answer,
        "question": row.question,
        "at": moment(row.answered_at),
    }

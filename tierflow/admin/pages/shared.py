"""What several screens need."""

from __future__ import annotations

from typing import Any

from flask import request
from flask import session as browser
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.admin.service.shared import account
from tierflow.common import approvals
from tierflow.kernel.approval import STATE_LABELS, State, Verdict
from tierflow.kernel.roles import ROLE_LABELS
from tierflow.web.i18n import show
from tierflow.web.schemas import Schema, load
from tierflow.web.shell import moment

_ONCE = "shown_once"


def remember_once(label: str, secret: str, about: str) -> None:
    """Keep a secret in the reader's own browser until the next page shows it; the server keeps none of it."""
    browser[_ONCE] = [label, secret, about]


def take_once() -> dict[str, str] | None:
    """The secret to show now, gone from here on."""
    kept = browser.pop(_ONCE, None)
    return None if kept is None else {"label": kept[0], "secret": kept[1], "about": kept[2]}


def filters(schema: Schema) -> dict[str, Any]:
    """The address's arguments as a filter. Raises `Invalid`."""
    found: dict[str, Any] = load(schema, request.args.to_dict())
    return found


def role_options() -> list[tuple[str, str]]:
    """Every role with its word."""
    return [(role.value, show(label)) for role, label in ROLE_LABELS.items()]


def state_words() -> dict[str, tuple[str, str]]:
    """State -> (kind of badge, word), for grants, delegations and reference data."""
    return {
        "proposed": ("info", _("waits for approval")),
        "returned": ("warn", _("returned")),
        "withdrawn": ("neutral", _("taken back")),
        "rejected": ("bad", _("refused")),
        "approved": ("ok", _("approved")),
        "discarded": ("neutral", _("given up")),
        "in_force": ("ok", _("in force")),
        "to_come": ("info", _("to come")),
        "over": ("neutral", _("over")),
        "revoked": ("neutral", _("revoked")),
    }


def chain_of(session: Session, case: approvals.ApprovalCase) -> list[dict[str, Any]]:
    """The chain as the stepper shows it: who proposed, who decided."""
    submitter = account(session, case.submitter_id)
    steps: list[dict[str, Any]] = [
        {
            "label": _("Proposal"),
            "state": "approved",
            "who": submitter.name,
            "at": moment(case.opened_at),
            "verdict": _("Proposed"),
        }
    ]
    words = {Verdict.APPROVE: "approved", Verdict.RETURN: "returned", Verdict.REJECT: "rejected"}
    for decision, user, absent in approvals.decisions_of(session, case.id):
        steps.append(
            {
                "label": _("Second administrator"),
                "state": words[Verdict(decision.verdict)],
                "who": user.name,
                "for_whom": absent.name if absent else None,
                "at": moment(decision.decided_at),
                "reason": decision.reason,
            }
        )
    if case.state == State.IN_APPROVAL:
        steps.append({"label": _("Second administrator"), "state": "current"})
    elif case.state in (State.WITHDRAWN, State.DISCARDED):
        steps.append({"label": _("Proposer"), "state": "withdrawn", "verdict": _(STATE_LABELS[State(case.state)])})
    return steps


# Whoever says two of these says the later ones for the sake of old pages: the first that is found counts.
_BROWSERS = (
    ("wxwork", "WeCom"),
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("Lark", "Feishu"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(agent: str) -> str:
    """A browser and its system in the words people use; what is no browser's calling card is shown as it is."""
    found = [next((name for sign, name in signs if sign in agent), None) for signs in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in found if name) or agent

"""The policy values in force."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.admin.pages.shared import filters
from tierflow.admin.schemas.policy import PolicyFilter
from tierflow.admin.service import policy
from tierflow.kernel.months import local_day
from tierflow.kernel.policy import Term
from tierflow.kernel.roles import ROLE_LABELS, Actor
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web.access import reads
from tierflow.web.i18n import show as shown_word

MEGABYTE = 1024 * 1024
ROLE_WORDS = {role.value: label for role, label in ROLE_LABELS.items()}

bp = Blueprint("policy", __name__, url_prefix="/policy", template_folder="../templates")


@bp.get("")
@reads("policy.read")
def show(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every number of the rulebook, with its clause."""
    on = filters(PolicyFilter())["on"] or local_day(now)
    shown = policy.in_force(session, actor, on)
    amounts = {value.term.key: _amount(value) for value in shown.values}
    return render_template("admin/policy.html", shown=shown, amounts=amounts, today=local_day(now))


def _amount(value: policy.Value) -> tuple[str, str]:
    """A value and its unit as people read them: tonnes for grams, megabytes for bytes, words for roles."""
    stored, unit = value.value, value.term.unit
    if isinstance(stored, bool):
        return (_("yes") if stored else _("no")), ""
    if isinstance(stored, int):
        if unit == "grams":
            return format_tonnes(stored), _("t")
        if unit == "bytes" and stored % MEGABYTE == 0:
            return f"{stored // MEGABYTE:,}", "MB"
        return f"{stored:,}", shown_word(unit)
    if isinstance(stored, tuple):
        return _listed(value.term, stored)
    return stored, shown_word(unit)


def _listed(term: Term, stored: tuple[int, ...] | tuple[str, ...]) -> tuple[str, str]:
    if term.says is not None:
        return _("; ").join(shown_word(one) for one in term.says(stored)) or "—", ""
    return _(", ").join(shown_word(ROLE_WORDS.get(str(one), str(one))) for one in stored) or "—", shown_word(term.unit)

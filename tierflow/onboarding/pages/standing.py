"""How a customer stands, for its page: suspended or not, what clears it, its papers and what was handed in anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.common.customer_today import CustomerToday
from tierflow.common.files import StoredFile
from tierflow.common.suspension import Suspension, suspended
from tierflow.kernel.qualification import DATED, PAPER_LABELS
from tierflow.kernel.roles import Actor, Role, is_allowed
from tierflow.onboarding.models import CustomerChange, Paper, PaperRenewal
from tierflow.onboarding.pages import views
from tierflow.onboarding.service import examining, renewing
from tierflow.onboarding.service.customers import CustomerCard
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.shell import day, moment, part

Renewals = Sequence[tuple[PaperRenewal, ApprovalCase]]


def head(session: Session, actor: Actor, today: CustomerToday, now: datetime) -> Markup:
    """The line above every tab: disqualified, or suspended with what clears it; nothing while all is well."""
    customer_id, withdrawn = today.customer.id, today.customer.disqualified_on
    if withdrawn is None and not today.is_suspended:
        return Markup("")
    found = suspended(session, [customer_id], today.on).get(customer_id)
    renewals = renewing.handed_in(session, customer_id) if found else ()
    shown = {
        "disqualified_on": day(withdrawn),
        "suspension": suspension(found, renewals, customer_id),
        "may_renew": is_allowed(actor, "paper.renew"),
    }
    return part("onboarding/_standing.html", standing=shown)


def keeping(session: Session, actor: Actor, card: CustomerCard) -> dict[str, Any]:
    """What the keeper of the file sees and may do besides."""
    customer, change, proposal = card.customer, card.change, card.proposal_id
    mine = is_allowed(actor, "change.write") and examining.keeper(session, actor, customer)
    is_live = customer.disqualified_on is None
    is_manager = is_allowed(actor, "disqualification.write") and actor.holds(Role.SALES_MANAGER, customer.region_id)
    may_read = is_allowed(actor, "disqualification.read")
    return {
        "may_renew": mine and is_live,
        "may_change": mine and is_live and change is None,
        "may_supplement": mine and is_live,
        "may_disqualify": is_manager and is_live and proposal is None,
        "change": None if change is None else _change(change),
        "proposal_url": link("onboarding.disqualification", disqualification_id=proposal)
        if proposal is not None and may_read
        else None,
        "renewals": [renewal(row, case) for row, case in renewing.handed_in(session, customer.id)],
    }


def _change(row: CustomerChange) -> dict[str, str]:
    comma: str = _(", ")
    return {
        "fields": comma.join(views.label(field) for field in row.new),
        "url": link("onboarding.customer_change", change_id=row.id),
    }


def suspension(found: Suspension | None, renewals: Renewals, customer_id: int) -> dict[str, Any] | None:
    """The banner: since when, and for each paper that clears it where it is handed in or examined."""
    if found is None:
        return None
    waiting = {row.kind: row.id for row, _case in renewals if row.outcome is None}
    return {
        "since": day(found.since),
        "papers": [
            {
                "label": show(PAPER_LABELS[kind]),
                "url": link("onboarding.renew_paper", customer_id=customer_id, kind=kind),
                "proof_url": link("onboarding.renew_paper", customer_id=customer_id, kind=kind, proof=1),
                "waiting_url": link("onboarding.renewal", renewal_id=waiting[kind]) if kind in waiting else None,
            }
            for kind in found.papers
        ],
    }


def papers(rows: Iterable[tuple[Paper, StoredFile]], url: Callable[[int], str], today: date) -> list[dict[str, Any]]:
    """The newest version of each paper, with the way to renew it; older versions stay in the history."""
    newest = {paper.kind: (paper, stored) for paper, stored in rows}
    shown = views.papers(newest.values(), url, today)
    for (paper, _stored), row in zip(newest.values(), shown, strict=True):
        if paper.kind in DATED and paper.customer_id is not None:
            row["renew_url"] = link("onboarding.renew_paper", customer_id=paper.customer_id, kind=paper.kind)
    return shown


def renewal(row: PaperRenewal, case: ApprovalCase) -> dict[str, Any]:
    """A paper handed in anew, in one line."""
    return {
        "url": link("onboarding.renewal", renewal_id=row.id),
        "what": show(renewing.what(row)),
        "at": moment(row.handed_in_at),
        "badge": views.state_badge(case),
    }

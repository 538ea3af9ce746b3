"""How a customer stands, for its page: suspended or not, what clears it, its papers and what was handed in anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.files import StoredFile
from tierflow.common.suspension import Suspension
from tierflow.kernel.qualification import DATED, PAPER_LABELS
from tierflow.onboarding.models import Paper, PaperRenewal
from tierflow.onboarding.pages import views
from tierflow.onboarding.service import renewing
from tierflow.web.i18n import show
from tierflow.web.shell import day, moment

Renewals = Sequence[tuple[PaperRenewal, ApprovalCase]]


def badge(customer: Customer, found: Suspension | None) -> Any:
    """How business with the customer stands, beside its name; None while nothing is amiss."""
    if customer.disqualified_on is not None:
        return views.macro("badge", kind="bad", text=_("disqualified"), icon="slash-circle")
    if found is not None:
        return views.macro("badge", kind="bad", text=_("suspended"), icon="pause-circle-fill")
    return None


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
                "url": url_for("onboarding.renew_paper", customer_id=customer_id, kind=kind),
                "proof_url": url_for("onboarding.renew_paper", customer_id=customer_id, kind=kind, proof=1),
                "waiting_url": url_for("onboarding.renewal", renewal_id=waiting[kind]) if kind in waiting else None,
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
            row["renew_url"] = url_for("onboarding.renew_paper", customer_id=paper.customer_id, kind=paper.kind)
    return shown


def renewal(row: PaperRenewal, case: ApprovalCase) -> dict[str, Any]:
    """A paper handed in anew, in one line."""
    return {
        "url": url_for("onboarding.renewal", renewal_id=row.id),
        "what": show(renewing.what(row)),
        "at": moment(row.handed_in_at),
        "badge": views.state_badge(case),
    }

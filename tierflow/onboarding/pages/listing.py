"""The list of applications: what is mine to do, in approval, returned, in draft, ended; and its export."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Invalid
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import mark, text
from tierflow.onboarding import exports as files
from tierflow.onboarding.pages import views
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.service.choices import choices
from tierflow.onboarding.service.listing import ApplicationRow, Filters, lines_asked, list_applications
from tierflow.web.access import reads
from tierflow.web.exports import form_of
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.shell import moment

TABS: dict[str, str] = {
    "mine": mark("Mine to do"),
    "in_approval": mark("In approval"),
    "returned": mark("Returned"),
    "drafts": mark("Drafts"),
    "ended": mark("Ended"),
    "all": mark("All"),
}
STATES: dict[str, tuple[State, ...]] = {
    "in_approval": (State.IN_APPROVAL,),
    "returned": (State.RETURNED,),
    "drafts": (State.DRAFT, State.WITHDRAWN),
    "ended": (State.APPROVED, State.REJECTED, State.DISCARDED),
}
EMPTY: dict[str, tuple[str, str]] = {
    "mine": (mark("Nothing is yours to do"), mark("What waits for you appears here and in the inbox.")),
    "in_approval": (mark("Nothing is in approval"), mark("Applications handed in appear here.")),
    "returned": (mark("Nothing was returned"), mark("What approvers send back for correction appears here.")),
    "drafts": (mark("No drafts"), mark("Begin with a new application.")),
    "ended": (mark("Nothing has ended yet"), mark("Approved, rejected and discarded applications appear here.")),
    "all": (mark("No applications"), mark("Nothing fits this filter.")),
}


@bp.get("/applications")
@reads("application.read")
def applications(*, session: Session, actor: Actor, now: datetime) -> str:
    """The list, under the tab and filter of its address."""
    tab, filters = asked(request.args, actor)
    page = list_applications(session, actor, filters, cursor=request.args.get("cursor"))
    calendar = working_calendar(session)
    lines = lines_asked(session, [row.application.id for row in page.rows])
    offered = choices(session, actor, local_day(now))
    title, words = EMPTY[tab]
    return render_template(
        "onboarding/list.html",
        tab=tab,
        tabs=[
            {"label": show(label), "url": link("onboarding.applications", tab=key), "active": key == tab}
            for key, label in TABS.items()
        ],
        rows=[
            {
                "url": _url(row, actor),
                "name": row.application.name or _("(no name yet)"),
                "number": row.application.number,
                "badge": views.badge(views.state_badge(row.case, short=True)),
                "lines": views.lines_in_words(lines.get(row.application.id, ())),
                "region": row.region,
                "manager": row.account_manager,
                "waits_for": show(ACCOUNT_OPENING.step(row.case.step).label) if row.case.step else "",
                "due": views.deadline(views.due(row.case, calendar, now)),
                "moved": moment(row.case.waiting_since),
            }
            for row in page.rows
        ],
        page=page,
        regions=options(offered.regions),
        managers=options(offered.managers),
        empty_title=show(title),
        empty_text=show(words),
    )


def _url(row: ApplicationRow, actor: Actor) -> str:
    """Straight to the editor for what its account manager must go on with."""
    keeps = row.application.account_manager_id in actor.user_ids_as(Role.ACCOUNT_MANAGER)
    editable = row.case.state in (State.DRAFT, State.RETURNED, State.WITHDRAWN)
    endpoint = "onboarding.edit_application" if keeps and editable else "onboarding.application"
    return link(endpoint, application_id=row.application.id)


def asked(args: Any, actor: Actor) -> tuple[str, Filters]:
    """The tab and filter an address asks for. Raises `Invalid` for what no link of ours says."""
    tab = args.get("tab") or "mine"
    if tab not in TABS:
        raise Invalid({"tab": [text("Choose one of the list.")]})
    return tab, Filters(
        states=tuple(state.value for state in STATES.get(tab, ())) or None,
        mine=tab == "mine",
        region_id=number(args, "region"),
        account_manager_id=number(args, "manager"),
        q=(args.get("q") or "").strip()[:100] or None,
    )


def number(args: Any, name: str) -> int | None:
    """A row's id in an address."""
    value = args.get(name) or ""
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise Invalid({name: [text("A whole number is wanted here.")]})
    return int(value)


def options(rows: Iterable[Any]) -> list[tuple[int, str]]:
    """Regions, people or product lines for a list's filter, named in the reader's language."""
    return [(row.id, views.line_name(row)) for row in rows]


@bp.post("/applications/export")
@reads("application.export", preview=True)
def export_applications(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The list as a file, with the filter of the page it was asked from."""
    _tab, filters = asked(request.form, actor)
    return files.applications(session, actor, filters, form_of(request.form), now)

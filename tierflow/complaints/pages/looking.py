"""Looking at complaints: board, list, calendar, one whole, its files, how its time was reckoned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.complaints.api.complaints import sorts
from tierflow.complaints.pages import choices, story, views
from tierflow.complaints.pages.blueprint import ONE, ROW_ID, bp
from tierflow.complaints.rules import acts
from tierflow.complaints.rules.words import EVENT_LABELS, SEVERITY_LABELS, STATE_LABELS, UNANSWERED, Severity, State
from tierflow.complaints.schemas import given
from tierflow.complaints.service import answering, clocks, followups, papers, queries, reckoning, redating, scope
from tierflow.complaints.service import whole as whole_service
from tierflow.complaints.service.whole import Whole
from tierflow.kernel.approval import EDITABLE
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.access import reads
from tierflow.web.files import inline
from tierflow.web.i18n import show
from tierflow.web.paging import page_of
from tierflow.web.schemas import load

STEPS = (State.HANDLING, State.IN_APPROVAL, State.APPROVED, State.ANSWERED, State.CLOSED)


@bp.get("/complaints")
@reads("complaint.read")
def board(*, session: Session, actor: Actor, now: datetime) -> str:
    """Open complaints by state, each with its countdown."""
    wanted = load(given.MineSchema(), request.args.to_dict())
    columns = queries.board(session, actor, now, mine=wanted["mine"])
    shown = [
        {
            "badge": views.state_badge(column.state),
            "count": column.count,
            "cards": [views.card(card, now) for card in column.cards],
            "more_url": url_for("complaints.listing", state=column.state, mine=1 if wanted["mine"] else None),
        }
        for column in columns
    ]
    return render_template(
        "complaints/board.html",
        columns=shown,
        mine=wanted["mine"],
        asked=redating.anything_asked(session, actor),
        overdue=followups.followups(session, actor, now, overdue=True, most=1).total,
    )


@bp.get("/complaints/list")
@reads("complaint.read")
def listing(*, session: Session, actor: Actor, now: datetime) -> str:
    """All complaints, filtered and paged; `mine=1` shows the own ones."""
    wanted = load(given.ListSchema(), request.args.to_dict())
    found = page_of(session, queries.complaints(actor, wanted, now), sorts(wanted["sort"]), cursor=wanted["cursor"])
    make = queries.Cards(session, now)
    states = [
        ("open", _("Unanswered")),
        ("overdue", _("Overdue")),
        *[(str(each), show(STATE_LABELS[each])) for each in State],
    ]
    return render_template(
        "complaints/list.html",
        rows=[views.card(make.of(row), now) for row in found.rows],
        page=found,
        mine=wanted["mine"],
        sort=wanted["sort"],
        states=states,
        severities=[(str(each), show(SEVERITY_LABELS[each])) for each in Severity],
        products=[option for _line, options in choices.product_options(session, now) for option in options],
    )


@bp.get("/complaints/calendar")
@reads("complaint.read")
def calendar(*, session: Session, actor: Actor, now: datetime) -> str:
    """A month of due times on the working calendar."""
    wanted = load(given.CalendarSchema(), request.args.to_dict())
    month = wanted["month"] or Month.of(local_day(now))
    weeks = [
        [
            {
                "on": day.on,
                "in_month": day.in_month,
                "works": day.works,
                "is_today": day.is_today,
                "cards": [views.card(card, now) for card in day.cards],
            }
            for day in week
        ]
        for week in queries.month_view(session, actor, month, now)
    ]
    return render_template("complaints/calendar.html", weeks=weeks, month=month)


@bp.get(ONE)
@reads("complaint.read")
def detail(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> str:
    """One complaint: what it is, where it stands, what to do next, everything that happened."""
    found = whole_service.whole(session, actor, complaint_id, now)
    card = views.card(found.card, now)
    opinion = found.present_opinion
    return render_template(
        "complaints/detail.html",
        found=found,
        complaint=found.card.complaint,
        card=card,
        facts=views.facts(found),
        steps=phases(found.card.complaint.state),
        todo=offers(session, actor, found, now),
        timeline=story.timeline(found),
        files=views.photo_files(found.files, lambda file_id: _file_url(complaint_id, file_id)),
        measures=[views.measure_row(row, owner, now) for row, owner in opinion.measures] if opinion else [],
        chain=story.chain_steps(opinion.case, opinion.decisions) if opinion and opinion.case.round else [],
        draft=opinion is not None and opinion.case.state in EDITABLE,
        extensions=[
            {
                "row": row,
                "who": who,
                "steps": story.chain_steps(case, decisions),
                "url": url_for("complaints.extension", extension_id=row.id),
            }
            for row, case, who, decisions in found.extensions
        ],
        clocks=[(clock, views.countdown(down, now)) for clock, down in found.clocks],
        explain_url=url_for("complaints.explain", complaint_id=complaint_id),
        channels=dict(choices.channel_options()),
        satisfaction=dict(choices.satisfaction_options()),
        now=now,
    )


def _file_url(complaint_id: int, file_id: int) -> str:
    return url_for("complaints.show_file", complaint_id=complaint_id, file_id=file_id)


def phases(state: str) -> list[dict[str, Any]]:
    """The way of a complaint in one line, for the macro `stepper_line`."""
    at = STEPS.index(State(state))
    words = [_("Handling"), _("Leader's approval"), _("Telling the customer"), _("Measures"), _("Closed")]
    done = len(words) if state == State.CLOSED else at
    return [
        {
            "label": label,
            "state": "approved" if n < done else "current" if n == done else "waiting",
            "verdict": _("Done") if n < done else _("Now") if n == done else None,
        }
        for n, label in enumerate(words)
    ]


def offers(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, bool]:
    """Which acts to offer this reader now. The verbs decide again."""
    complaint, clock = found.card.complaint, found.card.clock
    standing = clocks.standing_of(session, complaint, clock)
    terms = clocks.terms_of(session, clock)
    works = scope.works_on(actor, complaint) and is_allowed(actor, "complaint.write")
    directs = scope.directs(actor, complaint) and is_allowed(actor, "complaint.direct")
    is_open = complaint.state in UNANSWERED
    opinion = found.present_opinion
    waits = complaint.state == State.IN_APPROVAL
    drafts = complaint.state == State.HANDLING and works
    return {
        "consult": works and is_open,
        "propose": drafts and not acts.needs_meeting(standing, terms),
        "draft_waits": drafts and acts.needs_meeting(standing, terms),
        "withdraw": works and waits and _is_submitter(actor, found),
        "decide": opinion is not None
        and complaint.state == State.IN_APPROVAL
        and is_allowed(actor, "complaint.decide"),
        "meeting": is_open and complaint.needs_meeting and is_allowed(actor, "complaint.meeting"),
        "tell": works and complaint.state == State.APPROVED,
        "extend": works and clocks.may_still_extend(standing, terms, now),
        "classify": directs and is_open,
        "pause": directs and not acts.why_not_pause(standing, terms),
        "resume": directs and standing.is_paused,
        "identify": works and complaint.customer_id is None,
        "photos": works,
        "close": works and not acts.why_not_close(standing, answering.unchecked(session, complaint.id)),
        "response": works and not acts.why_not_respond(standing),
        "reopen": works and not is_open,
        "breach": directs and found.breach is None and complaint.customer_id is not None,
    }


def _is_submitter(actor: Actor, found: Whole) -> bool:
    opinion = found.present_opinion
    return opinion is not None and opinion.case.submitter_id == actor.user_id


@bp.get(f"{ONE}/files/<{ROW_ID}:file_id>")
@reads("complaint.read")
def show_file(*, session: Session, actor: Actor, now: datetime, complaint_id: int, file_id: int) -> Response:
    """A photo or paper."""
    return inline(session, papers.file_for(session, actor, complaint_id, file_id))


@bp.get(f"{ONE}/clock")
@reads("complaint.read")
def explain(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> str:
    """How the due time was worked out, day by day: a fragment for the drawer."""
    found = reckoning.reckon(session, actor, complaint_id)
    return render_template("complaints/explain.html", found=found, cause=EVENT_LABELS[found.cause])

"""The bank's receipts: a statement taken in, each receipt confirmed with one key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.kernel.errors import Invalid, Refusal
from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.lifting.models import BankLine
from tierflow.lifting.pages.blueprint import ROW_ID, bp
from tierflow.lifting.schemas import given
from tierflow.lifting.service import bank as service
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

ONE = f"/bank/<{ROW_ID}:line_id>"


def _page(
    session: Session, actor: Actor, errors: dict[str, Any], refusals: tuple[Refusal, ...], at: int | None = None
) -> str:
    wanted = load(given.LinesSchema(), request.args.to_dict())
    sorts = [Sort("id", BankLine.id)]
    found = page_of(session, service.lines(actor, wanted["state"]), sorts, cursor=wanted["cursor"], size=wanted["size"])
    lines = service.proposals(session, found.rows) if wanted["state"] == "waiting" else []
    by_id = {line.line.id: line for line in lines}
    return render_template(
        "lifting/bank.html",
        rows=[_row(row, by_id.get(row.id)) for row in found.rows],
        page=found,
        state=wanted["state"],
        errors=errors,
        at=at,
        refusals=[{"clause": each.clause, "reason": show(each.reason)} for each in refusals],
    )


def _row(row: BankLine, line: service.Line | None) -> dict[str, Any]:
    proposal = line.proposal if line is not None else None
    return {
        "id": row.id,
        "on": row.booked_on.isoformat(),
        "payer": row.payer_name,
        "account": row.payer_account,
        "memo": row.memo,
        "amount": format_yuan(row.fen),
        "left": format_yuan(row.fen - row.matched_fen),
        "is_part": 0 < row.matched_fen < row.fen,
        "aside": row.put_aside_reason,
        "order": line.order.number if line is not None and line.order is not None else "",
        "customer": line.customer.name if line is not None and line.customer is not None else "",
        "proposed": format_yuan(proposal.fen) if proposal is not None else "",
        "grounds": [_ground(each) for each in proposal.grounds] if proposal is not None else [],
        "is_sure": proposal is not None and len(set(proposal.grounds) - {"amount"}) > 0,
        "is_other": proposal is not None and proposal.is_other_payer,
    }


def _ground(key: str) -> str:
    words = {
        "number": _("order number in the note"),
        "account": _("payer's account"),
        "name": _("payer's name"),
        "amount": _("exact amount"),
    }
    return str(words[key])


@bp.get("/bank")
@reads("bank.read")
def receipts(*, session: Session, actor: Actor, now: datetime) -> str:
    """Receipts with what each seems to be for."""
    return _page(session, actor, {}, ())


def _again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    return _page(session, actor, flat_errors(errors), refusals)


@bp.post("/bank")
@writes("bank.write", on_invalid=_again)
def take_in(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Take a statement in."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Invalid({"file": [text("Choose a file.")]})
    done = service.take_in(session, actor, file.filename, file.stream.read(), now)
    flash(_("%(new)d new receipts, %(known)d known already.", new=done.new_lines, known=done.known_lines), "ok")
    return redirect(url_for("lifting.receipts"))


def _again_at(
    *, session: Session, actor: Actor, now: datetime, line_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _page(session, actor, flat_errors(errors), refusals, line_id)


@bp.post(f"{ONE}/match")
@writes("bank.write", on_invalid=_again_at)
def match(*, session: Session, actor: Actor, now: datetime, line_id: int) -> BaseResponse:
    """Confirm."""
    command = load(given.MatchReceiptSchema(), form_data())
    service.match(session, actor, line_id, command, now)
    flash(_("¥%(amount)s confirmed on %(order)s.", amount=format_yuan(command["fen"]), order=command["order"]), "ok")
    return redirect(url_for("lifting.receipts"))


@bp.post(f"{ONE}/put-aside")
@writes("bank.write", on_invalid=_again_at)
def put_aside(*, session: Session, actor: Actor, now: datetime, line_id: int) -> BaseResponse:
    """Put aside."""
    service.put_aside(session, actor, line_id, load(ReasonSchema(), form_data()), now)
    flash(_("Put aside."), "ok")
    return redirect(url_for("lifting.receipts"))

"""Regions, departments, offices, warehouses, product lines and products."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import filters, state_words
from tierflow.admin.routes import ID
from tierflow.admin.schemas.settings import EDITS, NEWS, EndSchema, EntryFilter, TieSchema
from tierflow.admin.schemas.shared import last_day
from tierflow.admin.service import logs, office_ties, reference
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show as shown
from tierflow.web.schemas import flat_errors, form_data, load

bp = Blueprint("reference", __name__, url_prefix="/reference", template_folder="../templates")


@bp.get("")
@reads("reference.read")
def index(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The first kind."""
    return redirect(url_for("reference.entries", kind="region"))


@bp.get("/<kind>")
@reads("reference.read")
def entries(*, session: Session, actor: Actor, now: datetime, kind: str) -> str:
    """The entries of a kind."""
    wanted = filters(EntryFilter())
    page = reference.list_entries(session, actor, kind, wanted, now, cursor=wanted["cursor"])
    return render_template(
        "admin/reference/index.html",
        kind=reference.kind_of(kind),
        kinds=reference.REFERENCE.values(),
        page=page,
        states=state_words(),
        schemes=reference.SCHEME_LABELS,
        last_day=last_day,
    )


def _form(session: Session, now: datetime, kind: str, errors: Any, refusals: Any, **more: Any) -> str:
    values = {**more.pop("values", {}), **request.form}
    return render_template(
        "admin/reference/form.html",
        kind=reference.kind_of(kind),
        values=values,
        errors=flat_errors(errors or {}),
        refusals=refusals,
        parents=reference.parents(session, kind, local_day(now)),
        schemes=[(key, shown(label)) for key, label in reference.SCHEME_LABELS.items()],
        today=local_day(now),
        **more,
    )


@bp.get("/<kind>/new")
@reads("reference.read")
def new(*, session: Session, actor: Actor, now: datetime, kind: str) -> str:
    """A new entry."""
    return _form(session, now, kind, None, (), values={"from_on": local_day(now).isoformat()})


def _new_again(*, session: Session, actor: Actor, now: datetime, kind: str, errors: Any, refusals: Any) -> str:
    return _form(session, now, kind, errors, refusals)


@bp.post("/<kind>/new")
@writes("reference.write", on_invalid=_new_again)
def create(*, session: Session, actor: Actor, now: datetime, kind: str) -> Response:
    """Store it."""
    reference.kind_of(kind)
    entry = reference.create(session, actor, kind, load(NEWS[kind](), form_data()), now)
    flash(_("%(name)s is stored.", name=entry.name), "ok")
    return redirect(url_for("reference.entries", kind=kind))


def _page(
    session: Session, actor: Actor, now: datetime, kind: str, entry_id: int, errors: Any = None, refusals: Any = ()
) -> str:
    row = reference.get(session, actor, kind, entry_id, now)
    spec = reference.kind_of(kind)
    values = {field: getattr(row.entry, field) for field in spec.editable} | {"seen": row.stamp}
    history = logs.shown(session, reference.history(session, actor, kind, entry_id))
    return _form(
        session,
        now,
        kind,
        errors,
        refusals,
        values=values,
        row=row,
        history=history,
        states=state_words(),
        last_day=last_day,
        ties=office_ties.of_office(session, actor, entry_id, now) if kind == office_ties.OFFICE else None,
        tie_choices=office_ties.choices(session, now) if kind == office_ties.OFFICE else None,
    )


def _page_again(
    *, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int, errors: Any, refusals: Any
) -> str:
    return _page(session, actor, now, kind, entry_id, errors, refusals)


@bp.get(f"/<kind>/<{ID}:entry_id>")
@reads("reference.read")
def show(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> str:
    """One entry: what may be corrected, its end, its history."""
    return _page(session, actor, now, kind, entry_id)


@bp.post(f"/<kind>/<{ID}:entry_id>")
@writes("reference.write", on_invalid=_page_again)
def save(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Response:
    """Store the correction."""
    reference.kind_of(kind)
    reference.edit(session, actor, kind, entry_id, load(EDITS[kind](), form_data()), now)
    flash(_("Saved."), "ok")
    return redirect(url_for("reference.show", kind=kind, entry_id=entry_id))


@bp.post(f"/<kind>/<{ID}:entry_id>/end")
@writes("reference.write", on_invalid=_page_again)
def end(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Response:
    """Let it end; refused, with reasons, while something relies on it."""
    reference.end(session, actor, kind, entry_id, load(EndSchema(), form_data())["to_on"], now)
    flash(_("Saved."), "ok")
    return redirect(url_for("reference.show", kind=kind, entry_id=entry_id))


@bp.post(f"/<kind>/<{ID}:entry_id>/go-on")
@writes("reference.write", on_invalid=_page_again)
def go_on(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Response:
    """Take the end back."""
    reference.go_on(session, actor, kind, entry_id, now)
    flash(_("Saved."), "ok")
    return redirect(url_for("reference.show", kind=kind, entry_id=entry_id))


def _office_again(*, session: Session, actor: Actor, now: datetime, office_id: int, errors: Any, refusals: Any) -> str:
    return _page(session, actor, now, office_ties.OFFICE, office_id, errors, refusals)


@bp.post(f"/office/<{ID}:office_id>/ties")
@writes("reference.write", on_invalid=_office_again)
def tie(*, session: Session, actor: Actor, now: datetime, office_id: int) -> Response:
    """Tie the office to a product line in a region."""
    office_ties.tie(session, actor, office_id, load(TieSchema(), form_data()), now)
    flash(_("Saved."), "ok")
    return redirect(url_for("reference.show", kind=office_ties.OFFICE, entry_id=office_id))


def _tie_again(*, session: Session, actor: Actor, now: datetime, tie_id: int, errors: Any, refusals: Any) -> str:
    office_id = office_ties.office_of(session, actor, tie_id)
    return _page(session, actor, now, office_ties.OFFICE, office_id, errors, refusals)


@bp.post(f"/ties/<{ID}:tie_id>/end")
@writes("reference.write", on_invalid=_tie_again)
def end_tie(*, session: Session, actor: Actor, now: datetime, tie_id: int) -> Response:
    """Let a tie end."""
    row = office_ties.end(session, actor, tie_id, load(EndSchema(), form_data())["to_on"], now)
    flash(_("Saved."), "ok")
    return redirect(url_for("reference.show", kind=office_ties.OFFICE, entry_id=row.office_id))

"""Screens of an import, for any importer: the list, the upload, the mapping, the preview, the word of who decides.

    imports.register(bp, CUSTOMERS, prefix="/takeover", name="takeover", read="takeover.read")

The work itself is the scheduler's; a page that waits for it looks again by itself and may be closed.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import why_not
from tierflow.common.imports import ImportBatch, Importer, handing_over, outcome, service
from tierflow.common.imports.reading import MOST_BYTES
from tierflow.common.imports.tables import ImportRowError
from tierflow.common.users import User
from tierflow.kernel.errors import Invalid, Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import mark, text
from tierflow.web import exports
from tierflow.web import imports_shown as shown
from tierflow.web.access import reads, tables_opened, writes
from tierflow.web.exports import Column
from tierflow.web.i18n import show, translator
from tierflow.web.imports_schemas import (
    SEVERITIES,
    FindingsSchema,
    HandInSchema,
    MappingSchema,
    SeenSchema,
    SendBackSchema,
    seen_of,
)
from tierflow.web.imports_shown import RESULTS, asked_label, cell, letter
from tierflow.web.inbox import Kind
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

ROW_ID = "int(max=9007199254740991)"
LOOK_AGAIN_SECONDS = 2
WORKING = frozenset({"to_read", "to_check", "to_apply", "to_revert"})

STATES: dict[str, tuple[str, str, str]] = {
    "to_read": ("info", mark("Being opened"), "hourglass-split"),
    "mapping": ("info", mark("Columns to be named"), "layout-three-columns"),
    "to_check": ("info", mark("Rows are checked"), "hourglass-split"),
    "checked": ("info", mark("Checked"), "list-check"),
    "handed_in": ("warn", mark("Waits for the decision"), "hourglass-split"),
    "to_apply": ("info", mark("Being imported"), "hourglass-split"),
    "applied": ("ok", mark("Imported"), "check-circle-fill"),
    "to_revert": ("info", mark("Being reverted"), "hourglass-split"),
    "reverted": ("neutral", mark("Reverted"), "arrow-counterclockwise"),
    "discarded": ("neutral", mark("Given up"), "trash"),
}
RETURNED = mark("Returned for correction")


def state_of(batch: ImportBatch) -> dict[str, str]:
    """The batch's state as a badge."""
    kind, label, icon = STATES[batch.state]
    return {"kind": kind, "text": show(label), "icon": icon}


def told(refusals: tuple[Refusal, ...]) -> list[dict[str, str]]:
    """Refusals for the macro."""
    return [{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals]


def upload_limit(endpoints: frozenset[str]) -> Callable[[str | None, dict[str, Any] | None], None]:
    """A list of customers is larger than a scan: these endpoints take larger bodies."""

    def widen(endpoint: str | None, _values: dict[str, Any] | None) -> None:
        if endpoint in endpoints:
            request.max_content_length = MOST_BYTES + 1024 * 1024

    return widen


After = Callable[[Session, Actor, ImportBatch], Markup]


def register(
    bp: Blueprint, importer: Importer, *, prefix: str, name: str, read: str, after: After | None = None
) -> None:
    """Put an importer's screens on a blueprint, before it is registered on the app.

    `after`: what the domain says below the result of an applied import.
    """
    pages = _Pages(bp.name, importer, name, prefix, read, after)
    one = f"{prefix}/<{ROW_ID}:batch_id>"
    gets: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        (prefix, "", pages.listing),
        (f"{prefix}/form", "_form", pages.form),
        (one, "_batch", pages.batch),
    )
    for rule, suffix, view in gets:
        bp.add_url_rule(rule, f"{name}{suffix}", reads(read)(_named(view)), methods=["GET"])
    posts: tuple[tuple[str, str, str, Callable[..., Any], Any], ...] = (
        (prefix, "_upload", importer.action, pages.upload, pages.listing_again),
        (f"{one}/mapping", "_map", importer.action, pages.map_columns, pages.batch_again),
        (f"{one}/check", "_check", importer.action, pages.check_again, pages.batch_again),
        (f"{one}/hand-in", "_hand_in", importer.action, pages.hand_in, pages.batch_again),
        (f"{one}/discard", "_discard", importer.action, pages.discard, pages.batch_again),
        (f"{one}/take-over", "_take_over", importer.action, pages.take_over, pages.listing_again),
        (f"{one}/revert", "_revert", importer.deciding, pages.revert, pages.batch_again),
    )
    if importer.apply_action:
        posts += (
            (f"{one}/withdraw", "_withdraw", importer.action, pages.withdraw, pages.batch_again),
            (f"{one}/apply", "_apply", importer.deciding, pages.apply, pages.batch_again),
            (f"{one}/send-back", "_send_back", importer.deciding, pages.send_back, pages.batch_again),
        )
    for rule, suffix, action, view, again in posts:
        guarded = writes(action, on_invalid=again)(_named(view))
        if suffix == "_upload":
            guarded = tables_opened(guarded)
        bp.add_url_rule(rule, f"{name}{suffix}", guarded, methods=["POST"])
    faults = reads(read, preview=True)(_named(pages.faults))
    bp.add_url_rule(f"{one}/faults", f"{name}_faults", faults, methods=["POST"])
    bp.url_value_preprocessor(upload_limit(frozenset({f"{bp.name}.{name}_upload"})))


def _named(view: Callable[..., Any]) -> Callable[..., Any]:
    def handler(**kwargs: Any) -> Any:
        return view(**kwargs)

    handler.__doc__ = view.__doc__
    return handler


def inbox_kinds(bp: Blueprint, importer: Importer, name: str) -> dict[str, Kind]:
    """How the inbox and notices speak of an import that waits or came back, and where a click leads."""
    endpoint = f"{bp.name}.{name}_batch"
    found = {importer.subject: Kind(importer.title, "file-earmark-spreadsheet", endpoint, "batch_id")}
    if importer.chain is not None:
        found[f"{importer.subject}.returned"] = Kind(RETURNED, "arrow-return-left", endpoint, "batch_id")
    return found


class _Pages:
    def __init__(
        self, blueprint: str, importer: Importer, name: str, prefix: str, read: str, after: After | None
    ) -> None:
        self.blueprint, self.importer, self.name, self.prefix, self.read = blueprint, importer, name, prefix, read
        self.after = after

    def url(self, suffix: str = "", **values: Any) -> str:
        return url_for(f"{self.blueprint}.{self.name}{suffix}", **values)

    def _back(self, batch_id: int) -> BaseResponse:
        return redirect(self.url("_batch", batch_id=batch_id))

    def listing(self, *, session: Session, actor: Actor, now: datetime) -> str:
        """Every import of this kind, newest first, and the upload."""
        return self._listing(session, actor, {}, ())

    def listing_again(self, *, session: Session, actor: Actor, errors: Any, refusals: Any, **_rest: Any) -> str:
        return self._listing(session, actor, flat_errors(errors), refusals)

    def _listing(self, session: Session, actor: Actor, errors: Any, refusals: tuple[Refusal, ...]) -> str:
        query = service.batches(actor, self.importer)
        found = page_of(session, query, [Sort("id", ImportBatch.id, True)], cursor=request.args.get("cursor"))
        return render_template(
            "imports/list.html",
            pages=self,
            title=show(self.importer.title),
            rows=[(batch, who, state_of(batch), seen) for batch, who, seen in found.rows],
            page=found,
            errors=errors,
            refusals=told(refusals),
            may_upload=is_allowed(actor, self.importer.action),
            needs_second=bool(self.importer.apply_action),
            most_mb=MOST_BYTES // 1024**2,
        )

    def form(self, *, session: Session, actor: Actor, now: datetime) -> Response:
        """An empty table with every head and one row as an example."""
        columns = [
            Column(asked_label(column), operator.itemgetter(column.key), "code" if column.is_code else "text", 20)
            for column in self.importer.columns
        ]
        sample = {column.key: column.sample for column in self.importer.columns}
        response = Response(
            exports.workbook([sample], columns, show(self.importer.title)), content_type=exports.MEDIA["xlsx"]
        )
        response.headers["Content-Disposition"] = f'attachment; filename="{self.name}-form.xlsx"'
        return response

    def upload(self, *, session: Session, actor: Actor, now: datetime) -> BaseResponse:
        """Take the file in."""
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise Invalid({"file": [text("Please choose a file.")]})
        batch = service.receive(
            session, actor, self.importer, sent.filename, sent.stream.read(), now, spoken=translator("zh")
        )
        return self._back(batch.id)

    def batch(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """One import, whatever it waits for."""
        response = make_response(self._batch(session, actor, batch_id, {}, ()))
        if service.get(session, actor, self.importer, batch_id).state in WORKING:
            response.headers["Refresh"] = str(LOOK_AGAIN_SECONDS)
        return response

    def batch_again(
        self, *, session: Session, actor: Actor, batch_id: int, errors: Any, refusals: Any, **_rest: Any
    ) -> str:
        return self._batch(session, actor, batch_id, flat_errors(errors), refusals)

    def _batch(self, session: Session, actor: Actor, batch_id: int, errors: Any, refusals: tuple[Refusal, ...]) -> str:
        batch = service.get(session, actor, self.importer, batch_id)
        wanted = load(
            FindingsSchema(), {key: request.args[key] for key in ("severity", "cursor", "rows") if key in request.args}
        )
        order = [Sort("number", ImportRowError.number), Sort("id", ImportRowError.id)]
        found = page_of(
            session, outcome.findings(batch.id, wanted["severity"]), order, cursor=wanted["cursor"], size=50
        )
        bringing = shown.page_of_rows(session, self.importer, batch, wanted["rows"], shown.ROWS_A_PAGE, "rows")
        names = {user.id: user.name for user in _people(session, batch)}
        failure, case = outcome.failure_of(batch), service.case_of(session, batch)
        is_own = batch.created_by_id == actor.user_id and is_allowed(actor, self.importer.action)
        return render_template(
            "imports/batch.html",
            pages=self,
            title=show(self.importer.title),
            batch=batch,
            state=state_of(batch),
            is_working=batch.state in WORKING,
            groups=self._groups(batch),
            heads=shown.heads(batch),
            columns=[
                (column.key, asked_label(column)) for column in self.importer.columns if column.key in batch.mapping
            ],
            bringing=bringing,
            findings=[self._finding(row) for row in found.rows],
            page=found,
            severities=[(key, show(label)) for key, (_kind, label) in SEVERITIES.items()],
            failure=show(failure) if failure else None,
            names=names,
            errors=errors,
            refusals=told(refusals),
            labels={column.key: asked_label(column) for column in self.importer.columns} | {"file": _("File")},
            is_own=is_own,
            may_decide=is_allowed(actor, self.importer.deciding),
            case=case,
            decides_now=case is not None and not why_not(session, case, actor),
            needs_second=bool(self.importer.apply_action),
            promise=show(self.importer.promise),
            result=[
                (show(RESULTS.get(f"{batch.kind}.{key}", RESULTS.get(key, key))), value)
                for key, value in batch.result.items()
            ],
            after=self.after(session, actor, batch) if self.after and batch.state == "applied" else "",
        )

    def _groups(self, batch: ImportBatch) -> list[tuple[str, list[dict[str, Any]]]]:
        """The columns to be mapped, by group; a form sent back keeps what was chosen."""
        found: dict[str, list[dict[str, Any]]] = {}
        for column in self.importer.columns:
            chosen = request.form.get(f"mapping.{column.key}") if request.form else None
            value = chosen if chosen is not None else str(batch.mapping.get(column.key, ""))
            found.setdefault(show(column.group), []).append(
                {
                    "name": f"mapping.{column.key}",
                    "key": column.key,
                    "label": show(column.label),
                    "hint": show(column.hint) if column.hint else None,
                    "required": column.required,
                    "value": value,
                }
            )
        return list(found.items())

    def _finding(self, row: ImportRowError) -> dict[str, Any]:
        kind, label = SEVERITIES[row.severity]
        return {
            "number": row.number,
            "field": self._label(row.field),
            "badge": {"kind": kind, "text": show(label)},
            "reason": show(outcome.sentence(row)),
        }

    def _label(self, field: str) -> str:
        known = {column.key: column for column in self.importer.columns}
        return asked_label(known[field]) if field in known else field

    def map_columns(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Name the columns and let the rows be checked."""
        prefix = "mapping."
        named = {
            key.removeprefix(prefix): value for key, value in request.form.items() if key.startswith(prefix) and value
        }
        mapping = load(MappingSchema(), {"mapping": named})["mapping"]
        service.set_mapping(session, actor, self.importer, batch_id, mapping, now)
        return self._back(batch_id)

    def check_again(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Check the rows anew."""
        service.check_again(session, actor, self.importer, batch_id, now)
        return self._back(batch_id)

    def hand_in(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Hand it in, or have it imported where one person is enough."""
        service.hand_in(session, actor, self.importer, batch_id, load(HandInSchema(), form_data()), now)
        if self.importer.apply_action:
            flash(_("Handed in. It is imported once it is approved."), "ok")
        return self._back(batch_id)

    def apply(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Approve the import."""
        service.apply(session, actor, self.importer, batch_id, seen_of(load(SeenSchema(), form_data())), now)
        return self._back(batch_id)

    def send_back(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Send it back to who prepared it."""
        given = load(SendBackSchema(), form_data())
        service.send_back(session, actor, self.importer, batch_id, seen_of(given), given["reason"], now)
        return self._back(batch_id)

    def withdraw(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Take it back before it is decided."""
        service.withdraw(session, actor, self.importer, batch_id, now)
        return self._back(batch_id)

    def discard(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Give it up."""
        service.discard(session, actor, self.importer, batch_id, now)
        flash(_("The import is given up; nothing was changed."), "ok")
        return redirect(self.url())

    def take_over(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Go on with a colleague's list."""
        handing_over.take_over(session, actor, self.importer, batch_id, now)
        flash(_("The list is yours now."), "ok")
        return self._back(batch_id)

    def revert(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> BaseResponse:
        """Take everything it brought back again."""
        service.revert(session, actor, self.importer, batch_id, load(ReasonSchema(), form_data())["reason"], now)
        return self._back(batch_id)

    def faults(self, *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Response:
        """The rows in which something was found, as they stand in the file, with reasons; as many as a file takes."""
        batch = service.get(session, actor, self.importer, batch_id)
        columns = [Column(text("Row"), lambda row: row[0], "integer", 8)]
        columns += [Column(text("What was found"), self._reasons, "text", 60)]
        columns += [
            Column(head or letter(at), functools.partial(cell, at), "code", 18) for at, head in enumerate(batch.heads)
        ]
        return exports.download(
            itertools.islice(outcome.faulty_rows(session, batch.id), exports.MOST_ROWS),
            columns,
            form="csv" if request.form.get("form") == "csv" else "xlsx",
            name=f"{self.name}-errors-{batch.id}",
            title=_("Rows to mend")
            if batch.bad + batch.doubtful + batch.duplicate <= exports.MOST_ROWS
            else _("The first %(most)s rows to mend", most=exports.MOST_ROWS),
            actor=actor,
            now=now,
        )

    def _reasons(self, row: Any) -> str:
        return "; ".join(f"{self._label(found.field)}: {show(outcome.sentence(found))}" for found in row[2])


def _people(session: Session, batch: ImportBatch) -> list[User]:
    ids = {batch.created_by_id, batch.handed_in_by_id, batch.applied_by_id, batch.reverted_by_id} - {None}
    return [session.get_one(User, user_id) for user_id in ids]


__all__ = ["HandInSchema", "MappingSchema", "inbox_kinds", "register", "state_of"]

"""From rows to what a page shows: labelled values, validity bars, steps of the chain. No queries, no decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, get_template_attribute, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from tierflow.common.approvals import ApprovalCase
from tierflow.common.decisions import DecisionRecord
from tierflow.common.files import StoredFile
from tierflow.common.reference import ProductLine
from tierflow.kernel.approval import STATE_LABELS, State
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.text import mark
from tierflow.onboarding.rules.admission import ADMISSIBLE, INDICATOR_LABELS
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.rules.duplicates import Match, sentence
from tierflow.onboarding.rules.entry import CLASS_LABELS
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.onboarding.service.reading import CheckRow
from tierflow.web.i18n import language, show
from tierflow.web.links import link
from tierflow.web.shell import day, moment

FIELD_LABELS: Mapping[str, str] = {
    "name": mark("Company name"),
    "credit_code": mark("Unified social credit code"),
    "organisation_code": mark("Organisation code"),
    "legal_representative": mark("Legal representative"),
    "address": mark("Registered address"),
    "contact_name": mark("Contact person"),
    "phone": mark("Telephone"),
    "email": mark("E-mail"),
    "region_id": mark("Sales region"),
    "readmission_reason": mark("Why it should be readmitted"),
    "bank_name": mark("Bank"),
    "bank_account": mark("Bank account"),
    "taxpayer_number": mark("Taxpayer number"),
    "invoice_address": mark("Invoicing address"),
    "invoice_phone": mark("Invoicing telephone"),
    "number": mark("Number"),
    "issuer": mark("Issuer"),
    "valid_from": mark("Valid from"),
    "valid_to": mark("Last valid day"),
    "is_long_term": mark("Long-term"),
    "file": mark("Scan"),
    "answer": mark("Answer"),
    "evidence": mark("Evidence"),
    "class": mark("Class"),
    "lines": mark("Product lines and classes"),
    "checks": mark("Entry conditions"),
    "papers": mark("Papers"),
    "scan": mark("Scan"),
}
COMPANY = (
    "name",
    "credit_code",
    "organisation_code",
    "legal_representative",
    "address",
    "contact_name",
    "phone",
    "email",
    "region_id",
    "readmission_reason",
)
INVOICING = ("taxpayer_number", "bank_name", "bank_account", "invoice_address", "invoice_phone")
WIDE = frozenset({"name", "address", "invoice_address", "readmission_reason"})
MONO = frozenset({"credit_code", "organisation_code", "bank_account", "taxpayer_number"})

STATE_KINDS: Mapping[str, tuple[str, str]] = {
    State.DRAFT: ("neutral", "pencil"),
    State.IN_APPROVAL: ("info", "hourglass-split"),
    State.RETURNED: ("warn", "arrow-return-left"),
    State.WITHDRAWN: ("neutral", "box-arrow-left"),
    State.APPROVED: ("ok", "check-circle-fill"),
    State.REJECTED: ("bad", "x-octagon-fill"),
    State.DISCARDED: ("neutral", "trash"),
}


def label(field: str) -> str:
    """A field's label in the reader's language."""
    return show(FIELD_LABELS.get(field, field))


def facts(row: Any, fields: Iterable[str], *, region: str = "", changed: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Labelled values of an application or customer, for `parts.dl`; empty optional ones are left out."""
    marked = set(changed)
    found = []
    for field in fields:
        value = region if field == "region_id" else getattr(row, field, "") if field in FIELD_LABELS else ""
        if not value and field in ("organisation_code", "email", "readmission_reason", "taxpayer_number"):
            continue
        if field == "organisation_code" and row.credit_code:
            continue  # the credit code carries it
        found.append(
            {
                "label": label(field),
                "value": value,
                "mono": field in MONO,
                "wide": field in WIDE,
                "changed": field in marked,
            }
        )
    return found


def state_badge(case: ApprovalCase, *, short: bool = False) -> dict[str, str]:
    """Where a case stands, as a badge: kind, icon, words; not `short`: with the step it waits for."""
    kind, icon = STATE_KINDS[State(case.state)]
    if case.step is not None and not short:
        words = _("waits for: %(step)s", step=show(ACCOUNT_OPENING.step(case.step).label))
    else:
        words = show(STATE_LABELS[State(case.state)])
    return {"kind": kind, "icon": icon, "text": words}


def badge(parts: Mapping[str, str]) -> Markup:
    """The badge's markup, from the macro every page uses."""
    return macro("badge", **parts)


def validity(valid_from: date | None, valid_to: date | None, is_long_term: bool, today: date) -> dict[str, Any] | None:
    """How long a paper still holds, in calendar days, for `status.validity_bar`; None when it says neither."""
    if is_long_term:
        return LONG_TERM
    if valid_to is None:
        return None
    left = (valid_to - today).days
    begun = valid_from or today
    whole = max((valid_to - begun).days + 1, 1)
    percent = min(max(100 * (left + 1) // whole, 0), 100)
    return {"valid_to": day(valid_to), "days_left": left, "percent_left": percent, "long_term": False}


LONG_TERM = {"valid_to": "", "days_left": None, "percent_left": 100, "long_term": True}


def paper_facts(paper: Any) -> str:
    """A paper's printed words in one line."""
    if paper.is_long_term:
        span = _("from %(day)s, long-term", day=day(paper.valid_from)) if paper.valid_from else _("Long-term")
    elif paper.valid_from or paper.valid_to:
        span = f"{day(paper.valid_from) or '…'} – {day(paper.valid_to) or '…'}"
    else:
        span = ""
    return " · ".join(part for part in (paper.number, paper.issuer, span) if part)


def file_url(application_id: int, file_id: int) -> str:
    """Where a scan is shown."""
    return link("onboarding.show_file", application_id=application_id, file_id=file_id)


def papers(
    rows: Iterable[tuple[Any, StoredFile]], url: Callable[[int], str], today: date, changed: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Papers for lists and the viewer; `url(file_id)` gives a scan's address, `changed` their kinds."""
    marked = set(changed)
    return [
        {
            "id": paper.id,
            "kind": paper.kind,
            "label": show(PAPER_LABELS[paper.kind]),
            "facts": paper_facts(paper),
            "validity": validity(paper.valid_from, paper.valid_to, paper.is_long_term, today),
            "url": file(stored, url)["url"],
            "file": file(stored, url),
            "changed": paper.kind in marked,
        }
        for paper, stored in rows
    ]


def file(stored: StoredFile, url: Callable[[int], str]) -> dict[str, Any]:
    """A stored file as pages name it."""
    is_pdf = stored.kind == "pdf"
    # The browser's own reader opens with its side panel shut, the page as wide as the frame.
    address = f"{url(stored.id)}#navpanes=0&view=FitH" if is_pdf else url(stored.id)
    return {"name": stored.name, "url": address, "size": size(stored.size), "is_pdf": is_pdf}


def size(count: int) -> str:
    """A file's size in words."""
    return f"{-(-count // 1024)} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def viewer_files(shown: Iterable[Mapping[str, Any]], parts: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The scans for `parts.viewer`: papers first, then what proves the entry conditions."""
    named = [(paper["label"], paper["file"], (paper["validity"] or {}).get("valid_to")) for paper in shown]
    named += [(item["label"], item["file"], None) for part in parts for item in part["items"] if item["file"]]
    return [
        {
            "name": name,
            "url": stored["url"],
            "kind": "pdf" if stored["is_pdf"] else "image",
            "meta": " · ".join(filter(None, (stored["size"], until))),
        }
        for name, stored, until in named
    ]


def lines(
    rows: Iterable[tuple[Any, ProductLine]], people: Mapping[int, str], changed: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """The product lines asked for and their classes."""
    marked = set(changed)
    return [
        {
            "id": line.product_line_id,
            "name": line_name(product),
            "scheme": product.scheme,
            "customer_class": line.customer_class,
            "class_label": show(CLASS_LABELS[line.customer_class]),
            "struck": line.struck_at is not None,
            "struck_reason": line.struck_reason,
            "struck_by": people.get(line.struck_by_id or 0, ""),
            "changed": str(line.product_line_id) in marked,
        }
        for line, product in rows
    ]


def lines_in_words(rows: Iterable[tuple[Any, ProductLine]]) -> str:
    """Lines and classes in one line."""
    comma: str = _(", ")
    return comma.join(f"{line_name(product)} {class_label(line)}" for line, product in rows)


def line_name(line: Any) -> str:
    """A product line's name in the reader's language."""
    return str(line.name if language() == "zh" or not line.name_en else line.name_en)


def checks(rows: Iterable[CheckRow], url: Callable[[int], str]) -> list[dict[str, Any]]:
    """Entry conditions by class, with their answers; `index` counts through all of them."""
    found: dict[str, dict[str, Any]] = {}
    for index, row in enumerate(rows):
        name = show(CLASS_LABELS[row.customer_class])
        part = found.setdefault(row.customer_class, {"customer_class": row.customer_class, "label": name, "items": []})
        part["items"].append(
            {
                "index": index,
                "customer_class": row.customer_class,
                "class_label": name,
                "item": row.condition.item,
                "label": show(row.condition.label),
                "clause": row.condition.clause,
                "needs_file": row.condition.needs_file,
                "answer": row.check.answer if row.check else "",
                "evidence": row.check.evidence if row.check else "",
                "file": file(row.file, url) if row.file else None,
            }
        )
    return list(found.values())


def due(case: ApprovalCase, calendar: WorkingCalendar, now: datetime) -> dict[str, Any] | None:
    """The waiting step's deadline, for `status.deadline`."""
    if case.state != State.IN_APPROVAL.value:
        return None
    return {
        "days_left": calendar.working_days_left(now, case.due_at),
        "at": moment(case.due_at),
        "iso": case.due_at.isoformat(),
        "provisional": not calendar.is_published(case.due_at.year),
    }


def deadline(shown: Mapping[str, Any] | None) -> Markup | str:
    """The deadline's markup, from the macro every page uses."""
    return macro("deadline", **shown) if shown is not None else ""


def macro(name: str, **values: Any) -> Markup:
    """A status macro's markup; the template escapes what it is given."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    made: Markup = _macro(app, language(), name)(**values)
    return made


@lru_cache(maxsize=32)
def _macro(_app: Flask, _lang: str, name: str) -> Any:
    return get_template_attribute("macros/status.html", name)


def class_label(line: Any) -> str:
    """A line's class in words."""
    return show(CLASS_LABELS[line.customer_class])


def known_of_paper(paper: Any, today: date) -> dict[str, str] | None:
    """What a paper's dates say about it today."""
    held = validity(paper.valid_from, paper.valid_to, paper.is_long_term, today)
    if held is None:
        return None
    if held["long_term"]:
        return {"kind": "ok", "text": _("Long-term")}
    if held["days_left"] < 0:
        return {"kind": "bad", "text": _("Expired on %(day)s", day=held["valid_to"])}
    kind = "warn" if held["days_left"] <= SOON else "ok"
    return {"kind": kind, "text": _("Valid until %(day)s", day=held["valid_to"])}


SOON = 60  # days; colours a word, decides nothing

INDICATOR_KINDS = {"pass": "ok", "fail": "bad", "info": "warn", "no data": "neutral"}
INDICATOR_WORDS = {
    "pass": mark("in order"),
    "fail": mark("not in order"),
    "info": mark("look twice"),
    "no data": mark("no data"),
}


def measured(row: Mapping[str, Any]) -> dict[str, str]:
    """An indicator of the admission rule as a badge."""
    words = f"{show(INDICATOR_LABELS[row['name']])}: {show(INDICATOR_WORDS[row['verdict']])}"
    return {"kind": INDICATOR_KINDS[row["verdict"]], "text": words[:1].upper() + words[1:]}


def reckoned(row: DecisionRecord) -> dict[str, Any]:
    """A stored decision in one line."""
    good = row.outcome == ADMISSIBLE
    return {
        "id": row.id,
        "kind": "ok" if good else "bad",
        "outcome": _("admissible") if good else _("not admissible"),
        "label": _("Admission"),
        "at": moment(row.decided_at),
        "policy_version": row.policy_version,
    }


def told(match: Match) -> dict[str, str]:
    """Something on file that agrees, in words; with a link for whoever may follow it."""
    shown = {"kind": "bad" if match.is_blocking else "warn", "text": show(sentence(match))}
    # The label names the company only to whoever may see it; to others a link would lead nowhere.
    if " " in match.label and match.source == "customer":
        shown["url"] = url_for("onboarding.customer", customer_id=match.subject_id)
    elif " " in match.label and match.source == "application":
        shown["url"] = url_for("onboarding.application", application_id=match.subject_id)
    return shown

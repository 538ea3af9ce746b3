"""A content in words: for the colleague whose opinion is asked, for print, and for what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.reference import ProductLine, Region
from tierflow.kernel.text import Text, text
from tierflow.onboarding.rules.chain import GROUP_LABELS
from tierflow.onboarding.rules.changes import Change
from tierflow.onboarding.rules.entry import CLASS_LABELS
from tierflow.onboarding.rules.labels import ANSWER_LABELS, field_label

Shown = Text | str


@dataclass(frozen=True)
class Section:
    """One group: its title and its rows of (label, value)."""

    title: Text
    rows: Sequence[tuple[Text, Shown]]


@dataclass(frozen=True)
class ShownChange:
    """One change in words."""

    group: Text
    field: Text
    old: Shown
    new: Shown


def summary(session: Session, content: Mapping[str, Mapping[str, Any]]) -> list[Section]:
    """What was handed in, by group, in words."""
    names = line_names(session, content["lines"])
    regions = _region_names(session, [content["particulars"].get("region_id")])
    found = []
    for group, label in GROUP_LABELS.items():
        rows = [
            (field_label(group, key, names), _value(key, value, regions))
            for key, value in (content.get(group) or {}).items()
            if value not in (None, "")
        ]
        if rows:
            found.append(Section(Text(label), rows))
    return found


def show_changes(session: Session, found: Iterable[Change]) -> list[ShownChange]:
    """Changes in words."""
    rows = list(found)
    names = line_names(session, [row.field.partition(".")[0] for row in rows if row.group == "lines"])
    ids = [value for row in rows if row.field == "region_id" for value in (row.old, row.new)]
    regions = _region_names(session, ids)
    return [
        ShownChange(
            Text(GROUP_LABELS[row.group]),
            field_label(row.group, row.field, names),
            _value(row.field, row.old, regions),
            _value(row.field, row.new, regions),
        )
        for row in rows
    ]


def line_names(session: Session, ids: Iterable[str]) -> dict[int, str]:
    """Product lines' names, by id."""
    wanted = [int(line_id) for line_id in ids]
    if not wanted:
        return {}
    rows = session.execute(select(ProductLine.id, ProductLine.name).where(ProductLine.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def _region_names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {region_id for region_id in ids if region_id}
    if not wanted:
        return {}
    rows = session.execute(select(Region.id, Region.name).where(Region.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def _value(field: str, value: Any, regions: Mapping[int, str]) -> Shown:
    if value is None or value == "":
        return "—"
    if isinstance(value, dict):
        return _whole(value)
    if isinstance(value, bool):
        return text("yes") if value else text("no")
    labels = _WORDS.get(field.rpartition(".")[2], {})
    if value in labels:
        return Text(labels[value])
    return regions.get(value, str(value)) if field == "region_id" else str(value)


_WORDS: Mapping[str, Mapping[str, str]] = {"class": CLASS_LABELS, "answer": ANSWER_LABELS}


def _whole(value: Mapping[str, Any]) -> Shown:
    """A line, an answer, a paper or a file, as one value."""
    if "sha256" in value:
        return str(value["name"])
    if customer_class := value.get("class"):
        return Text(CLASS_LABELS[customer_class])
    if "answer" in value:
        file = value["file"]["name"] if value["file"] else ""
        said = " · ".join(part for part in (value["evidence"], file) if part)
        given = value["answer"]
        return text("%(answer)s: %(evidence)s", answer=Text(ANSWER_LABELS[given]), evidence=said or "—")
    return printed(value)


def printed(value: Mapping[str, Any]) -> Text:
    """A paper in one line: number, issuer, first and last valid day (ISO)."""
    end: Shown = text("long-term") if value["is_long_term"] else value["valid_to"] or "—"
    return text(
        "No. %(number)s, %(issuer)s, %(start)s to %(end)s",
        number=value["number"] or "—",
        issuer=value["issuer"] or "—",
        start=value["valid_from"] or "—",
        end=end,
    )

"""Fields and parts that several schemas use."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.kernel.text import Text
from tierflow.web.i18n import show
from tierflow.web.schemas import Line, RowId, Schema

# Days a form may name; the ends leave room to reckon with.
EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)


class Day(fields.Date):
    """A day such as 2026-11-22, from 2000 to 2199."""

    default_error_messages = {"range": _l("A day from 2000 to 2199 is wanted here.")}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or len(value) != 10:
            raise self.make_error("invalid", input=value, obj_type="date")
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not EARLIEST <= day <= LATEST:
            raise self.make_error("range")
        return day


class PeriodSchema(Schema):
    """`from_on` to `last_on`, both included; the command holds the half-open `to_on`."""

    from_on = Day(required=True, metadata={"description": "first day"})
    last_on = Day(load_default=None, allow_none=True, metadata={"description": "last day, included; none: no end"})

    @ma.post_load
    def _half_open(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        last_on = data.pop("last_on")
        return {**data, "to_on": None if last_on is None else last_on + timedelta(days=1)}


class NothingSchema(Schema):
    """An act without further words."""


class Moment(fields.AwareDateTime):
    """An instant with its zone, such as 2026-11-23T10:00:00+08:00."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **_kwargs: Any) -> Any:
        return None if value is None else value.isoformat()


class Sentence(fields.Field[Any]):
    """A sentence in the reader's language; only goes out."""

    def _serialize(self, value: Text | str | None, attr: str | None, obj: Any, **_kwargs: Any) -> Any:
        return None if value is None else show(value)


class PagedSchema(Schema):
    """The page wanted. An address may carry more than we know."""

    class Meta(Schema.Meta):
        """Unknown arguments are left alone."""

        unknown = ma.EXCLUDE

    cursor = fields.String(load_default=None, metadata={"description": "where the page begins, from the last answer"})


def last_day(to_on: date | None) -> date | None:
    """The last day of a half-open period."""
    return None if to_on is None else to_on - timedelta(days=1)


class PersonRef(Schema):
    """An account, as others mention it."""

    id = RowId()
    name = Line()
    login = Line()


class RefusalOut(Schema):
    """Why something cannot be done."""

    clause = fields.String()
    reason = Sentence()
    field = fields.String(allow_none=True)

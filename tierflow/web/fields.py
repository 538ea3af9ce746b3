"""Fields several domains share: exact amounts, moments and months, the same for forms and JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.kernel.money import format_yuan, parse_yuan
from tierflow.kernel.months import SHANGHAI, Month
from tierflow.kernel.numerals import NotANumber
from tierflow.kernel.tonnage import format_tonnes, parse_tonnes
from tierflow.web.i18n import show


class Tonnes(fields.String):
    """Tonnes as text with at most six decimals; grams as an integer in the command. Never rounded."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_tonnes(super()._deserialize(value, attr, data, **kwargs))
        except NotANumber as error:
            raise ma.ValidationError(show(error.reason)) from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format_tonnes(value).replace(",", "")


class Yuan(fields.String):
    """Yuan as text with at most two decimals; fen as an integer in the command. Never rounded."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_yuan(super()._deserialize(value, attr, data, **kwargs))
        except NotANumber as error:
            raise ma.ValidationError(show(error.reason)) from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format_yuan(value).replace(",", "")


class Moment(fields.DateTime):
    """A date and time. Without a zone, as forms send it, it is Shanghai's; told back in Shanghai's."""

    EARLIEST, LATEST = 1970, 2100

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        found: datetime = super()._deserialize(value, attr, data, **kwargs)
        if not self.EARLIEST <= found.year <= self.LATEST:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return found.replace(tzinfo=SHANGHAI) if found.tzinfo is None else found

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | float | None:
        return None if value is None else value.astimezone(SHANGHAI).isoformat()


class MonthField(fields.String):
    """A calendar month as 2026-10."""

    default_error_messages = {"month": _l("A month is wanted here, as 2026-10.")}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        written = super()._deserialize(value, attr, data, **kwargs)
        try:
            return Month.parse(written)
        except ValueError as error:
            raise self.make_error("month") from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)

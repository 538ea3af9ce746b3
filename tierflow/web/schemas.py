"""Base of every schema: one set of rules for forms, JSON and imported rows.

Blank means absent, text is trimmed, unknown fields are refused, numbers are never rounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

import marshmallow as ma
from flask import request
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import Text
from tierflow.web.i18n import show

DEEPEST = 8  # dots in a form field's name, at most
# Carried by every form of ours, never part of a command.
FORM_EXTRAS = frozenset({"csrf_token", "idempotency_key", "next"})

fields.Field.default_error_messages = {
    "required": _l("Please fill this in."),
    "null": _l("Please fill this in."),
    "validator_failed": _l("This is not valid."),
}


def _messages(field: type[fields.Field[Any]], **messages: Any) -> None:
    field.default_error_messages = {**field.default_error_messages, **messages}


_messages(fields.String, invalid=_l("Text is wanted here."), invalid_utf8=_l("Text is wanted here."))
_messages(fields.Number, invalid=_l("A number is wanted here."), too_large=_l("This number is too large."))
_messages(fields.Integer, invalid=_l("A whole number is wanted here."))
_messages(fields.Boolean, invalid=_l("Yes or no is wanted here."))
_messages(
    fields.Date, invalid=_l("A date is wanted here, as 2026-11-22."), format=_l("A date is wanted here, as 2026-11-22.")
)
_messages(
    fields.DateTime,
    invalid=_l("A date and time is wanted here."),
    format=_l("A date and time is wanted here."),
    invalid_awareness=_l("A date and time is wanted here."),
)
_messages(fields.List, invalid=_l("A list is wanted here."))
_messages(fields.Nested, type=_l("This part is not understood."))
_messages(fields.Mapping, invalid=_l("This part is not understood."))
_messages(fields.Enum, unknown=_l("Choose one of the list."))


def one_of(choices: Any) -> ma.validate.OneOf:
    """One of these values."""
    return ma.validate.OneOf(tuple(choices), error=_l("Choose one of the list."))


def length(minimum: int | None = None, maximum: int | None = None) -> ma.validate.Length:
    """Length of a text or list, in characters or items."""
    if minimum is None:
        sentence = _l("At most %(most)s characters.", most=maximum)
    elif maximum is None:
        sentence = _l("At least %(least)s characters.", least=minimum)
    else:
        sentence = _l("Between %(least)s and %(most)s characters.", least=minimum, most=maximum)
    return ma.validate.Length(min=minimum, max=maximum, error=sentence)


def between(minimum: int | None, maximum: int | None) -> ma.validate.Range:
    """A number within bounds, both included."""
    sentence = _l(
        "Between %(least)s and %(most)s.",
        least=minimum if minimum is not None else "…",
        most=maximum if maximum is not None else "…",
    )
    return ma.validate.Range(min=minimum, max=maximum, error=sentence)


_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")  # not 1_000, which Python would take


class Integer(fields.Integer):
    """A whole number; 5, "5" and 5.0 are, 1.7 and true are not (marshmallow's own would cut 1.7 to 1)."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise self.make_error("invalid", input=value)
        if isinstance(value, str):
            value = unicodedata.normalize("NFKC", value).strip()
            if not _WHOLE.fullmatch(value):
                raise self.make_error("invalid", input=value)
        found: int | None = super()._validated(value)
        if found is not None and abs(found) >= 2**63:  # more than a column holds
            raise self.make_error("too_large", input=value)
        return found


# Characters that turn the direction of writing: a name could be shown as another than it is.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Line(fields.String):
    """One line of text: width folded where it is a code, no control characters, no line breaks."""

    default_error_messages = {"control": _l("This contains characters that cannot be shown.")}  # noqa: RUF012

    def __init__(self, *, most: int = 200, least: int | None = None, **kwargs: Any) -> None:
        validate = [length(least, most), *_as_list(kwargs.pop("validate", None))]
        super().__init__(validate=validate, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        line: str = super()._deserialize(value, attr, data, **kwargs)
        if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") or c in _TURNING for c in line):
            raise self.make_error("control")
        return line


class Paragraph(fields.String):
    """Several lines of text."""

    default_error_messages = {"control": _l("This contains characters that cannot be shown.")}  # noqa: RUF012

    def __init__(self, *, most: int = 4000, least: int | None = None, **kwargs: Any) -> None:
        super().__init__(validate=[length(least, most), *_as_list(kwargs.pop("validate", None))], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        lines: str = super()._deserialize(value, attr, data, **kwargs)
        if any((unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r\t") or c in _TURNING for c in lines):
            raise self.make_error("control")
        return lines.replace("\r\n", "\n")


def _as_list(validate: Any) -> list[Any]:
    if validate is None:
        return []
    return list(validate) if isinstance(validate, (list, tuple)) else [validate]


class RowId(Integer):
    """The id of a row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=between(1, 2**53), **kwargs)


class Schema(ma.Schema):
    """Base schema. `unknown` fields are an error; blanks count as absent."""

    class Meta:
        """Unknown fields are refused, not dropped."""

        unknown = ma.RAISE

    error_messages = {  # noqa: RUF012 - read from the class by marshmallow
        "unknown": _l("This field is not known."),
        "type": _l("This part is not understood."),
    }

    @ma.pre_load
    def _trim(self, data: Any, **_kwargs: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {key: _trimmed(value) for key, value in data.items()}


class ReasonSchema(Schema):
    """Why."""

    reason = Paragraph(required=True, most=500)


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return value


SchemaType = TypeVar("SchemaType", bound=Schema)


def load(schema: Schema, data: Any) -> Any:
    """A command from raw data. Raises `Invalid` with messages by field."""
    try:
        return schema.load(data)
    except ma.ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {"_schema": error.messages}
        raise Invalid(messages) from error


def form_data(*, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """The posted form as nested data: `lines.0.class=dealer` becomes {"lines": [{"class": "dealer"}]}.

    `lists` names fields that may be posted several times.
    """
    nested: dict[str, Any] = {}
    for name in request.form:
        if name in FORM_EXTRAS:
            continue
        value: Any = request.form.getlist(name) if name in lists else request.form[name]
        _put(nested, name.split("."), value)
    return {key: _lists(value) for key, value in nested.items()}


def _put(target: dict[str, Any], path: list[str], value: Any) -> None:
    if len(path) > DEEPEST:
        path = [".".join(path)]  # a name of nobody's form: refused by the schema as unknown
    for part in path[:-1]:
        step = target.setdefault(part, {})
        if not isinstance(step, dict):
            return
        target = step
    target[path[-1]] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    if inner and all(key.isascii() and key.isdigit() and len(key) < 6 for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def flat_errors(errors: Mapping[str, Any], prefix: str = "") -> dict[str, list[str]]:
    """Messages by dotted field name, as the form macros want them: already in the reader's language, since a template
    that joins them would write a `Text` as it is in the source."""
    flat: dict[str, list[str]] = {}
    for key, value in errors.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flat_errors(value, f"{name}."))
        else:
            messages = value if isinstance(value, (list, tuple)) else [value]
            flat[name] = [show(one) if isinstance(one, Text) else str(one) for one in messages]
    return flat

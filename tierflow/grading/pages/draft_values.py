"""Policy values as people read and type them: tonnes for grams, a field for each entry of a list, else words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from tierflow.common.policies import catalogue
from tierflow.grading.terms import (
    BY_SCORE,
    COUNTED,
    COUNTED_AGAINST,
    INDICATOR_LABELS,
    INDICATORS,
    RECOMMENDATION_LABELS,
    REVIEWED,
    parse_band,
    parse_condition,
    parse_weight,
    percent,
)
from tierflow.kernel.policy import Term
from tierflow.kernel.tonnage import format_tonnes, parse_tonnes
from tierflow.web.i18n import show


def unit_of(term: Term) -> str:
    """The unit people type a value in."""
    return _("t") if term.unit == "grams" else show(term.unit) if term.unit else ""


def said(term: Term | None, value: Any) -> str:
    """A value in words with its unit; a dash for none, and for an empty list."""
    if value is None:
        return "—"
    if term is not None and term.says is not None:
        return str(_("; ").join(show(each) for each in term.says(tuple(value)))) or "—"
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    number = f"{value:,}" if isinstance(value, int) and not (term and term.unit == "grams") else written(term, value)
    unit = unit_of(term) if term is not None and not isinstance(value, list | tuple) else ""
    return f"{number or '—'} {unit}".strip()


def written(term: Term | None, value: Any) -> str:
    """A policy value as people type it: tonnes for grams, commas between the parts of a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)
    if term is not None and term.unit == "grams":
        return format_tonnes(int(value))
    return str(value)


@dataclass(frozen=True)
class Part:
    """One entry of a list as a field of its own: key, label, unit, what is typed in it."""

    name: str
    label: str
    unit: str
    value: str


def parts(key: str, value: Any, typed: Mapping[str, str] | None) -> list[Part] | None:
    """The fields of a list, with what was typed or what is stored; None for what is typed as one line."""
    if key not in _PARTS:
        return None
    entries, labels, _read = _PARTS[key]
    stored = entries([str(each) for each in value or ()])
    if stored is None:
        return None
    shown = stored if not typed else {name: typed.get(f"v-{key}.{name}", "") for name, _label, _unit in labels()}
    return [Part(f"v-{key}.{name}", label, unit, shown.get(name, "")) for name, label, unit in labels()]


def read_values(form: Mapping[str, str]) -> dict[str, Any]:
    """The typed values by key; what cannot be read is handed on as typed, and refused by its term with a reason."""
    found: dict[str, Any] = {}
    for key, term in catalogue().items():
        if f"v-{key}" in form:
            found[key] = _read(term, form[f"v-{key}"].strip())
        elif key in _PARTS and any(name.startswith(f"v-{key}.") for name in form):
            _entries, labels, read = _PARTS[key]
            typed = {name: form.get(f"v-{key}.{name}", "").strip() for name, _label, _unit in labels()}
            found[key] = read({name: each for name, each in typed.items() if each})
    return found


def _read(term: Term, typed: str) -> Any:
    listed = [part.strip() for part in typed.replace("，", ",").replace("、", ",").split(",") if part.strip()]
    read: dict[str, Callable[[], Any]] = {
        "flag": lambda: typed == "1",
        "words": lambda: listed,
        "integer": lambda: parse_tonnes(typed) if term.unit == "grams" else int(typed.replace(",", "")),
        "integers": lambda: [int(part) for part in listed],
    }
    try:
        return read.get(term.kind, lambda: typed)()
    except ValueError:  # a NotANumber is one too
        return typed


# Conditions: a limit for each indicator, in per cent where it is a share.


def _limits(entries: list[str]) -> dict[str, str] | None:
    found = dict(parse_condition(entry) for entry in entries)
    return {name: str(limit) if name in COUNTED else percent(limit).removesuffix(" %") for name, limit in found.items()}


def _limit_labels() -> list[tuple[str, str, str]]:
    return [
        (
            name,
            _("%(indicator)s above", indicator=show(INDICATOR_LABELS[name]))
            if name in COUNTED_AGAINST
            else _("%(indicator)s below", indicator=show(INDICATOR_LABELS[name])),
            "" if name in COUNTED else "%",
        )
        for name in INDICATORS
    ]


def _read_limits(typed: Mapping[str, str]) -> list[str]:
    return [f"{name}:{each if name in COUNTED else _basis_points(each)}" for name, each in typed.items()]


def _basis_points(typed: str) -> str:
    """Per cent as basis points; what is no such number as it was typed, for its term to refuse."""
    whole, _point, rest = typed.removesuffix("%").strip().partition(".")
    if whole.isascii() and whole.isdigit() and len(rest) <= 2 and (not rest or (rest.isascii() and rest.isdigit())):
        return str(int(whole) * 100 + int(rest.ljust(2, "0")))
    return typed


# Weights: per cent for each indicator.


def _weights(entries: list[str]) -> dict[str, str] | None:
    return {name: str(weight) for name, weight in map(parse_weight, entries)}


def _weight_labels() -> list[tuple[str, str, str]]:
    return [(name, show(INDICATOR_LABELS[name]), "%") for name in REVIEWED]


def _read_weights(typed: Mapping[str, str]) -> list[str]:
    return [f"{name}:{each.removesuffix('%').strip()}" for name, each in typed.items()]


# Bands: from which score on each recommendation is made; a band ends where the next one begins, so that none gapes.


def _bands(entries: list[str]) -> dict[str, str] | None:
    found = [parse_band(entry) for entry in entries]
    if len({word for _low, _high, word in found}) < len(found):
        return None  # one recommendation in two bands: typed as one line
    return {word: str(low // 100) for low, _high, word in found}


def _band_labels() -> list[tuple[str, str, str]]:
    return [(word, _("%(advice)s from", advice=show(RECOMMENDATION_LABELS[word])), _("points")) for word in BY_SCORE]


def _read_bands(typed: Mapping[str, str]) -> list[str]:
    lows = sorted((int(each) if each.isascii() and each.isdigit() else -1, word) for word, each in typed.items())
    ends = [*(low for low, _word in lows[1:]), 100]
    return [f"{low if low >= 0 else typed[word]}-{high}:{word}" for (low, word), high in zip(lows, ends, strict=True)]


_Editor = tuple[
    Callable[[list[str]], dict[str, str] | None],
    Callable[[], list[tuple[str, str, str]]],
    Callable[[Mapping[str, str]], list[str]],
]
_PARTS: dict[str, _Editor] = {
    "grading.gates": (_limits, _limit_labels, _read_limits),
    "grading.forces": (_limits, _limit_labels, _read_limits),
    "review.weights": (_weights, _weight_labels, _read_weights),
    "review.bands": (_bands, _band_labels, _read_bands),
}

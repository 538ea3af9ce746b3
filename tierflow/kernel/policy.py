"""Policy versions as values (CHEM-18, CMTE-2.1): every number a rule depends on, with its version and first day.

A `Term` says what a policy value is and what it may be; `Terms` is a catalogue of them; a `Policy` is one version
with a value for every term. A value that is not there is an error, never a default: defaults only seed the first
version.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, cast

from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.text import Text, mark, text

PolicyValue = int | bool | str | tuple[int, ...] | tuple[str, ...]
Kind = Literal["integer", "flag", "word", "time", "integers", "words"]
TermCheck = Callable[[PolicyValue], Text | None]
"""A term's own further test: the reason why a value of the right kind and range is refused, or None."""
TermWords = Callable[[PolicyValue], tuple[Text, ...]]
"""What a list says, a sentence for each entry."""
CatalogueCheck = Callable[["Policy"], tuple[Refusal, ...]]
"""A test across several values of a draft; called only when each of them is sound by itself."""

CLAUSE = "CHEM-18"

KINDS: Mapping[Kind, str] = {
    "integer": mark("a whole number"),
    "flag": mark("yes or no"),
    "word": mark("a text that is not blank"),
    "time": mark("a time of day such as 17:30"),
    "integers": mark("a list of whole numbers"),
    "words": mark("a list of words"),
}
"""The kinds of policy value and what people call them."""

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class MissingPolicyValue(Refused):
    """A policy version has no value for a key that a rule asked for."""

    def __init__(self, key: str, version: int) -> None:
        self.key = key
        reason = text("Policy version %(version)s has no value for %(key)s.", version=version, key=key)
        super().__init__(Refusal(CLAUSE, reason, key))


class NoPolicyInForce(Refused):
    """No policy version is in force on the day asked for."""

    def __init__(self, on: dt.date) -> None:
        self.on = on
        super().__init__(Refusal(CLAUSE, text("No policy version is in force on %(day)s.", day=on.isoformat())))


class Change(NamedTuple):
    """One value that differs between two versions; None where a version has no such key."""

    key: str
    old: PolicyValue | None
    new: PolicyValue | None


def is_kind(kind: Kind, value: object) -> bool:
    """Whether a value, as stored or as JSON has it, is of the kind. `True` is no whole number, 3.0 neither."""
    match kind:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "flag":
            return isinstance(value, bool)
        case "word":
            return isinstance(value, str) and bool(value.strip())
        case "time":
            return isinstance(value, str) and _CLOCK.fullmatch(value) is not None
        case "integers":
            return isinstance(value, list | tuple) and all(is_kind("integer", item) for item in value)
        case "words":
            return isinstance(value, list | tuple) and all(is_kind("word", item) for item in value)


def _settled(value: object) -> PolicyValue:
    """The immutable form of a value whose kind is known to be right."""
    return cast(PolicyValue, tuple(value) if isinstance(value, list) else value)


@dataclass(frozen=True)
class Term:
    """One policy value: its kind, its first value, the clause it comes from ("house" for our own).

    Kinds: `integer`, `flag`, `word` (text that is not blank), `time` ("HH:MM", Asia/Shanghai), `integers`, `words`.
    `minimum` and `maximum`, inclusive, bound an integer or each of a list of integers. `label` and `unit` are English
    sentences marked for translation; `says` puts a list into words. Raises `ValueError` when the default itself would
    be refused.
    """

    key: str
    kind: Kind
    default: PolicyValue
    clause: str
    label: str
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    check: TermCheck | None = None
    says: TermWords | None = None

    def __post_init__(self) -> None:
        reason = self.refuses(self.default)
        if reason is not None:
            raise ValueError(f"the default of {self.key}: {reason}")

    def refuses(self, value: object) -> Text | None:
        """Why the value cannot be this term's, or None when it can. Lists may be lists or tuples."""
        if not is_kind(self.kind, value):
            return text("%(label)s: this must be %(kind)s.", label=Text(self.label), kind=Text(KINDS[self.kind]))
        settled = _settled(value)
        return self._out_of_range(settled) or (self.check(settled) if self.check else None)

    def _out_of_range(self, value: PolicyValue) -> Text | None:
        if self.kind not in ("integer", "integers"):
            return None
        numbers = cast("tuple[int, ...]", value if isinstance(value, tuple) else (value,))
        if self.minimum is not None and any(number < self.minimum for number in numbers):
            return text("%(label)s: at least %(minimum)s.", label=Text(self.label), minimum=self.minimum)
        if self.maximum is not None and any(number > self.maximum for number in numbers):
            return text("%(label)s: at most %(maximum)s.", label=Text(self.label), maximum=self.maximum)
        return None


class Terms(Mapping[str, Term]):
    """An immutable catalogue of terms by key; `|` joins two. Raises `ValueError` for a key given twice."""

    def __init__(self, terms: Iterable[Term], checks: Iterable[CatalogueCheck] = ()) -> None:
        self._terms: dict[str, Term] = {}
        self.checks = tuple(checks)
        for term in terms:
            if term.key in self._terms:
                raise ValueError(f"the policy term {term.key} is defined twice")
            self._terms[term.key] = term

    def __getitem__(self, key: str) -> Term:
        return self._terms[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def __or__(self, other: Terms) -> Terms:
        return Terms([*self.values(), *other.values()], [*self.checks, *other.checks])

    def defaults(self) -> dict[str, PolicyValue]:
        """The values the first version is seeded with."""
        return {term.key: term.default for term in self.values()}


@dataclass(frozen=True)
class Policy:
    """One version of the policy, immutable. Lists given as lists (as JSON has them) become tuples.

    The getters raise `MissingPolicyValue` for a key without value and `TypeError` for one of another kind.
    """

    version: int
    in_force_from: dt.date
    values: Mapping[str, PolicyValue] = field(hash=False)
    drafter: str
    source: str

    def __post_init__(self) -> None:
        settled = {key: _settled(value) for key, value in self.values.items()}
        object.__setattr__(self, "values", MappingProxyType(settled))

    def value(self, key: str) -> PolicyValue:
        """The value, whatever its kind."""
        try:
            return self.values[key]
        except KeyError:
            raise MissingPolicyValue(key, self.version) from None

    def integer(self, key: str) -> int:
        """A whole number in the term's unit."""
        return cast(int, self._of_kind("integer", key))

    def flag(self, key: str) -> bool:
        """Yes or no."""
        return cast(bool, self._of_kind("flag", key))

    def word(self, key: str) -> str:
        """A text that is not blank."""
        return cast(str, self._of_kind("word", key))

    def time(self, key: str) -> dt.time:
        """A time of day, naive, by Asia/Shanghai clocks."""
        return dt.time.fromisoformat(cast(str, self._of_kind("time", key)))

    def integers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers, in the order given."""
        return cast("tuple[int, ...]", self._of_kind("integers", key))

    def words(self, key: str) -> tuple[str, ...]:
        """A list of words, in the order given."""
        return cast("tuple[str, ...]", self._of_kind("words", key))

    def _of_kind(self, kind: Kind, key: str) -> PolicyValue:
        value = self.value(key)
        if not is_kind(kind, value):
            raise TypeError(f"the policy value {key} is no {kind}: {value!r}")
        return value


def in_force(policies: Iterable[Policy], on: dt.date) -> Policy:
    """The version in force on a day: the latest to have begun, ties to the higher version number (CHEM-18).

    A monthly run asks for its month's last day. Raises `NoPolicyInForce` when none has begun.
    """
    begun = [policy for policy in policies if policy.in_force_from <= on]
    if not begun:
        raise NoPolicyInForce(on)
    return max(begun, key=lambda policy: (policy.in_force_from, policy.version))


def check(values: Mapping[str, object], terms: Terms) -> tuple[Refusal, ...]:
    """Everything that is wrong with a draft's values, collected (CHEM-18); `field` is the key. Empty = sound.

    Unknown keys, missing keys, wrong kinds, values out of range; and, once every value is sound by itself, whatever
    the catalogue's own checks find between them.
    """
    found = [
        Refusal(CLAUSE, text("There is no policy value of this name: %(key)s.", key=key), key)
        for key in values
        if key not in terms
    ]
    for key, term in terms.items():
        if key in values:
            reason = term.refuses(values[key])
        else:
            reason = text("%(label)s: a value is missing.", label=Text(term.label))
        if reason is not None:
            found.append(Refusal(CLAUSE, reason, key))
    if found:
        return tuple(found)
    # Version 0 was never in force: a draft has no number before it is voted.
    draft = Policy(0, dt.date.max, cast("Mapping[str, PolicyValue]", values), drafter="", source="")
    return tuple(refusal for examine in terms.checks for refusal in examine(draft))


def difference(a: Policy, b: Policy) -> tuple[Change, ...]:
    """What changes from version `a` to version `b`, by key in alphabetical order; the order of a list matters."""
    return tuple(
        Change(key, a.values.get(key), b.values.get(key))
        for key in sorted({*a.values, *b.values})
        if a.values.get(key) != b.values.get(key)
    )


def not_empty(value: PolicyValue) -> Text | None:
    """A term's check: the list has at least one entry."""
    return None if value else text("The list must not be empty.")


def distinct(value: PolicyValue) -> Text | None:
    """A term's check: nothing is listed twice."""
    repeated = isinstance(value, tuple) and len(set(value)) != len(value)
    return text("The list names something twice.") if repeated else None


def one_of(*allowed: str) -> TermCheck:
    """A term's check: the word, or every word of the list, is among those allowed."""

    def examine(value: PolicyValue) -> Text | None:
        words = value if isinstance(value, tuple) else (value,)
        strange = [str(word) for word in words if word not in allowed]
        return text("Not allowed: %(words)s.", words=", ".join(strange)) if strange else None

    return examine


def every(*checks: TermCheck) -> TermCheck:
    """A term's check: all of these, the first reason found."""

    def examine(value: PolicyValue) -> Text | None:
        return next((reason for each in checks if (reason := each(value)) is not None), None)

    return examine

"""What is refused, and under which clause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tierflow.kernel.text import Text


@dataclass(frozen=True)
class Refusal:
    """One reason why something cannot be done.

    `clause` is a rule id (`CHEM-7.2`) or a house rule (`conflict`, `access`); `field` names the
    form field the reason belongs to, dotted for nested ones (`papers.0.valid_to`).
    """

    clause: str
    reason: Text
    field: str | None = None


class TierflowError(Exception):
    """Base of everything the product raises on purpose; each maps to one HTTP status."""


class Refused(TierflowError):
    """The rules refuse the act (409). Carries every refusal, collected, never just the first."""

    def __init__(self, refusals: Iterable[Refusal] | Refusal) -> None:
        self.refusals = (refusals,) if isinstance(refusals, Refusal) else tuple(refusals)
        super().__init__("; ".join(f"{r.clause}: {r.reason}" for r in self.refusals))


class Invalid(TierflowError):
    """The input is not well formed (422): messages by field, as marshmallow gives them."""

    def __init__(self, errors: Mapping[str, object]) -> None:
        self.errors = dict(errors)
        super().__init__(repr(self.errors))


class WrongSecret(Invalid):
    """A password or a code that should show who asks was wrong: counted, so that it cannot be guessed."""


class Conflict(Refused):
    """Somebody else was faster, or the page is stale (409); says what changed."""


class Forbidden(TierflowError):
    """The actor may see this but not do that (403)."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(action)


class NotFound(TierflowError):
    """Does not exist, or may not be seen: the same answer (404)."""


class Throttled(TierflowError):
    """Too many attempts (429)."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"retry after {retry_after_seconds} s")


def refuse_if_any(refusals: Iterable[Refusal]) -> None:
    """Raise `Refused` with all refusals when there is at least one."""
    found = tuple(refusals)
    if found:
        raise Refused(found)

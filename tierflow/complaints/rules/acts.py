"""What may be done with a complaint when, and why not (CHEM-12.1-12.3). Every reason is collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tierflow.complaints.rules.clock import ClockTerms
from tierflow.complaints.rules.words import UNANSWERED, Severity, State
from tierflow.kernel.errors import Refusal
from tierflow.kernel.text import text

TIME = "CHEM-12.3"
MEETING = "CHEM-12.2"
RECORD = "CHEM-12.1"


@dataclass(frozen=True)
class Standing:
    """Where a complaint stands, as far as the rules ask."""

    state: State
    severity: Severity
    received_at: datetime
    base_due_at: datetime  # the plain limit, without extension or pause
    is_extended: bool = False
    extension_waits: bool = False
    is_paused: bool = False
    has_meeting: bool = False
    opinion_decided_at: datetime | None = None


def needs_meeting(standing: Standing, terms: ClockTerms) -> bool:
    """Whether the general manager's special meeting is still to be held (CHEM-12.2)."""
    return standing.severity in terms.meeting_for and not standing.has_meeting


def why_not_extend(standing: Standing, to_day: int, terms: ClockTerms, now: datetime) -> tuple[Refusal, ...]:
    """Why no extension to working day `to_day` can be asked for."""
    return tuple(_why_not_extend(standing, to_day, terms, now))


def _why_not_extend(standing: Standing, to_day: int, terms: ClockTerms, now: datetime) -> Iterator[Refusal]:
    limit = terms.limits[standing.severity]
    yield from _answered(standing)
    if standing.severity not in terms.extendable:
        yield Refusal(TIME, text("The time of a general complaint is not extended."), "to_day")
    elif not limit < to_day <= terms.longest:
        reason = text(
            "An extension goes from working day %(first)s to working day %(last)s after receipt.",
            first=limit + 1,
            last=terms.longest,
        )
        yield Refusal(TIME, reason, "to_day")
    if standing.is_extended:
        yield Refusal(TIME, text("The time was extended already; it is extended once."))
    if standing.extension_waits:
        yield Refusal(TIME, text("An extension waits for a decision already."))
    yield from why_extension_is_void(standing, now)


def why_extension_is_void(standing: Standing, now: datetime) -> tuple[Refusal, ...]:
    """Why a decision on an extension no longer counts: the limit it would extend has passed."""
    if now <= standing.base_due_at:
        return ()
    reason = text("The limit has passed: an extension is approved before it passes, a later one is void.")
    return (Refusal(TIME, reason),)


def why_not_submit_opinion(standing: Standing, terms: ClockTerms) -> tuple[Refusal, ...]:
    """Why no opinion can be handed in or approved now."""
    refusals = list(_answered(standing))
    if needs_meeting(standing, terms):
        reason = text("The general manager's special meeting comes first; nothing can be approved without its record.")
        refusals.append(Refusal(MEETING, reason))
    return tuple(refusals)


def why_not_meet(standing: Standing) -> tuple[Refusal, ...]:
    """Why no meeting can be recorded."""
    return tuple(_answered(standing))


def why_not_tell(standing: Standing, told_at: datetime, now: datetime) -> tuple[Refusal, ...]:
    """Why the customer cannot be recorded as told at that time (CHEM-12.2: the opinion is approved first)."""
    if standing.state is not State.APPROVED or standing.opinion_decided_at is None:
        done = tuple(_answered(standing))
        return done or (Refusal(MEETING, text("The handling opinion is approved before the customer is told.")),)
    if told_at < standing.opinion_decided_at:
        return (Refusal(MEETING, text("The opinion was not approved yet at that time."), "told_at"),)
    if told_at > now:
        return (Refusal(RECORD, text("This time is still to come."), "told_at"),)
    return ()


def why_not_classify(standing: Standing, severity: Severity) -> tuple[Refusal, ...]:
    """Why the severity cannot be changed."""
    refusals = list(_answered(standing))
    if severity is standing.severity:
        refusals.append(Refusal(TIME, text("The complaint has this severity already."), "severity"))
    return tuple(refusals)


def why_not_pause(standing: Standing, terms: ClockTerms) -> tuple[Refusal, ...]:
    """Why the clock cannot be paused."""
    refusals = list(_answered(standing))
    if not terms.may_pause:
        refusals.append(Refusal(TIME, text("The policy in force does not allow the clock to be paused.")))
    if standing.is_paused:
        refusals.append(Refusal(TIME, text("The clock is paused already.")))
    return tuple(refusals)


def why_not_resume(standing: Standing) -> tuple[Refusal, ...]:
    """Why the clock cannot be resumed."""
    return () if standing.is_paused else (Refusal(TIME, text("The clock is not paused.")),)


def why_not_consult(standing: Standing) -> tuple[Refusal, ...]:
    """Why no department can be asked."""
    return tuple(_answered(standing))


def why_not_respond(standing: Standing) -> tuple[Refusal, ...]:
    """Why no answer of the customer can be recorded: it was not told anything yet."""
    if standing.state in UNANSWERED:
        return (Refusal(RECORD, text("The customer has not been told yet.")),)
    return ()


def why_not_close(standing: Standing, unchecked_measures: int) -> tuple[Refusal, ...]:
    """Why the complaint cannot be closed (CHEM-12.1)."""
    if standing.state is State.CLOSED:
        return (Refusal(RECORD, text("The complaint is closed already.")),)
    refusals = []
    if standing.state in UNANSWERED:
        refusals.append(Refusal(RECORD, text("The customer has not been told yet.")))
    if unchecked_measures:
        reason = text("Measures are still to be done or checked: %(number)s.", number=unchecked_measures)
        refusals.append(Refusal(RECORD, reason))
    return tuple(refusals)


def why_not_reopen(standing: Standing) -> tuple[Refusal, ...]:
    """Why the complaint cannot be reopened."""
    if standing.state in UNANSWERED:
        return (Refusal(TIME, text("The complaint is still open: add to it instead.")),)
    return ()


def _answered(standing: Standing) -> Iterator[Refusal]:
    if standing.state not in UNANSWERED:
        yield Refusal("conflict", text("The customer has been told already; reopen the complaint if it recurs."))

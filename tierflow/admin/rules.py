"""Who may hand out rights, who may stand in for whom, and what makes a year's calendar sound; all house rules.

Periods are half-open days of Asia/Shanghai. Every function returns its refusals, collected; empty means allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import NEVER_DELEGATED, SCOPE_OF_ROLE, Grant, Role
from tierflow.kernel.text import Text, mark, text

HOUSE = "house"

GRANT_GROUPS = ("user", "role", "scope", "period")
ROLE_GRANT = Chain(
    "role_grant",
    HOUSE,
    mark("Role grant"),
    (Step("second", mark("second administrator"), Role.ADMINISTRATOR, frozenset(GRANT_GROUPS), always=True),),
)

FACTOR_RESET = Chain(
    "factor_reset",
    HOUSE,
    mark("Reset of a second factor"),
    (Step("second", mark("second administrator"), Role.ADMINISTRATOR, frozenset({"factor"}), always=True),),
)

# The seat of whom a grant is for: who has a seat in a case never decides it, the database sees to that.
BENEFICIARY_SEAT = "beneficiary"


@dataclass(frozen=True)
class Span:
    """A half-open run of days; no end: open."""

    from_on: date
    to_on: date | None

    def meets(self, other: Span) -> bool:
        """Whether the two share a day."""
        return (other.to_on is None or self.from_on < other.to_on) and (
            self.to_on is None or other.from_on < self.to_on
        )


# --- role grants ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A grant that stands or waits for approval: role, scope and period."""

    role: Role
    scope_id: int | None
    span: Span


@dataclass(frozen=True)
class Proposal:
    """A grant somebody wants: for whom, what, where, when."""

    person_id: int
    is_enabled: bool
    role: Role
    scope_id: int | None
    span: Span


def scope_errors(role: Role, given: Mapping[str, int | None]) -> dict[str, list[Text]]:
    """Field errors when a role is without its region, office or warehouse, or has one it does not take.

    `given` maps "region", "office" and "warehouse" to an id or None.
    """
    wanted = SCOPE_OF_ROLE.get(role)
    errors = {}
    for kind, scope_id in given.items():
        if kind == wanted and scope_id is None:
            errors[f"{kind}_id"] = [text("This role is held for one of these; choose it.")]
        elif kind != wanted and scope_id is not None:
            errors[f"{kind}_id"] = [text("This role is not held for one of these.")]
    return errors


def why_not_propose(
    proposal: Proposal, held: Iterable[Held], administrators: frozenset[int], proposer_person_id: int, today: date
) -> tuple[Refusal, ...]:
    """Why a grant cannot be proposed.

    `administrators`: the persons who hold that role themselves today. A lone one can grant nothing but a second
    administrator, to another person, from today on.
    """
    refusals = []
    if not proposal.is_enabled:
        refusals.append(Refusal(HOUSE, text("This account is disabled."), "user_id"))
    refusals += _period_refusals(proposal.span, today)
    wanted = proposal.span
    if any(one.role is proposal.role and one.scope_id == proposal.scope_id and one.span.meets(wanted) for one in held):
        refusals.append(
            Refusal(HOUSE, text("This account holds the role in that period already, or a proposal waits."), "role")
        )
    if is_lone(administrators, proposer_person_id):
        if proposal.role is not Role.ADMINISTRATOR:
            reason = text("A lone administrator can grant nothing but a second administrator.")
            refusals.append(Refusal(HOUSE, reason, "role"))
        elif proposal.person_id == proposer_person_id:
            reason = text("The second administrator must be another person.")
            refusals.append(Refusal(HOUSE, reason, "user_id"))
        elif proposal.span != Span(today, None):
            reason = text("The second administrator begins today, without an end.")
            refusals.append(Refusal(HOUSE, reason, "from_on"))
    return tuple(refusals)


def is_lone(administrators: frozenset[int], person_id: int) -> bool:
    """Whether this person is the only administrator there is; persons count, not accounts."""
    return administrators <= {person_id}


def why_not_approve(
    approver_person_id: int,
    beneficiary_person_id: int,
    proposer_person_ids: frozenset[int],
    resets: Iterable[tuple[int, datetime]],
    now: datetime,
    bar_days: int,
) -> tuple[Refusal, ...]:
    """Why this person cannot approve a grant; persons count, not accounts.

    `resets`: (person who did it, when) for every reset of the approver's password or second factor by somebody
    else. Whoever can reset a colleague's password could approve their own proposal in the colleague's name, so a
    proposer's reset bars the colleague for `bar_days` days.
    """
    refusals = []
    if approver_person_id == beneficiary_person_id:
        refusals.append(Refusal(HOUSE, text("Nobody approves a role for themselves.")))
    if approver_person_id in proposer_person_ids:
        refusals.append(Refusal(HOUSE, text("Nobody approves what they proposed.")))
    return (*refusals, *_reset_bars(proposer_person_ids, resets, now, bar_days))


def _reset_bars(
    proposer_person_ids: frozenset[int], resets: Iterable[tuple[int, datetime]], now: datetime, bar_days: int
) -> list[Refusal]:
    since = now - timedelta(days=bar_days)
    if not any(person_id in proposer_person_ids and at > since for person_id, at in resets):
        return []
    reason = text(
        "The proposer reset your password or second factor less than %(days)s days ago: another administrator "
        "must decide.",
        days=bar_days,
    )
    return [Refusal(HOUSE, reason)]


# --- taking a second factor away -----------------------------------------------------------------


def why_not_reset(
    owner_person_id: int,
    factor_at: datetime | None,
    asker_person_id: int,
    administrators: frozenset[int],
    login: str,
) -> tuple[Refusal, ...]:
    """Why a second factor cannot be asked away. `administrators`: the persons who hold that role today.

    Where nobody but the asker and the owner is left, nobody could approve: that is done on the server.
    """
    if owner_person_id == asker_person_id:
        return (Refusal(HOUSE, text("Another administrator must reset your second factor.")),)
    if factor_at is None:
        return (Refusal(HOUSE, text("This account has no second factor.")),)
    if administrators <= {asker_person_id, owner_person_id}:
        reason = text(
            "No other administrator is left to approve this. On the server: tierflow recover %(login)s", login=login
        )
        return (Refusal(HOUSE, reason),)
    return ()


def why_not_approve_reset(
    approver_person_id: int,
    owner_person_id: int,
    asker_person_id: int,
    resets: Iterable[tuple[int, datetime]],
    now: datetime,
    bar_days: int,
) -> tuple[Refusal, ...]:
    """Why this person cannot approve it; `resets` and `bar_days` as with role grants."""
    refusals = []
    if approver_person_id == owner_person_id:
        refusals.append(Refusal(HOUSE, text("Another administrator must reset your second factor.")))
    if approver_person_id == asker_person_id:
        refusals.append(Refusal(HOUSE, text("Nobody approves what they proposed.")))
    return (*refusals, *_reset_bars(frozenset({asker_person_id}), resets, now, bar_days))


def why_not_without(administrators: frozenset[int], person_id: int) -> tuple[Refusal, ...]:
    """Why this person cannot stop being an administrator: there must be one."""
    if administrators <= {person_id}:
        return (Refusal(HOUSE, text("This is the last administrator: grant another one first.")),)
    return ()


def _period_refusals(span: Span, today: date) -> list[Refusal]:
    refusals = []
    if span.from_on < today:
        refusals.append(Refusal(HOUSE, text("It begins today or later, not in the past."), "from_on"))
    if span.to_on is not None and span.to_on <= span.from_on:
        refusals.append(Refusal(HOUSE, text("The last day lies before the first."), "last_on"))
    return refusals


# --- delegation ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """An account as delegation sees it. `is_administrator`: the person is one, by whichever account."""

    user_id: int
    person_id: int
    is_enabled: bool
    grants: frozenset[Grant] = frozenset()
    is_administrator: bool = False


@dataclass(frozen=True)
class Setter:
    """Who sets a delegation. `may_be_stand_in`: could sign in as the stand-in, having reset that account lately."""

    person_id: int
    may_be_stand_in: bool = False


@dataclass(frozen=True)
class Standing:
    """A delegation that was set and not revoked, by person and account."""

    absent_user_id: int
    absent_person_id: int
    stand_in_person_id: int
    span: Span


def why_not_delegate(
    absent: Account,
    stand_in: Account,
    span: Span,
    standing: Iterable[Standing],
    by: Setter,
    today: date,
    max_days: int,
) -> tuple[Refusal, ...]:
    """Why `absent` cannot be stood in for by `stand_in` in that period.

    No chains (A to B to C), no circles (A to B to A), never to oneself; persons count, not accounts. One stand-in
    at a time for an account. An administrator's rights are never lent: who has no others has nothing to lend.
    Nor does an administrator borrow: no single one gives themselves an office, neither openly nor through an
    account they made (it has no office of its own, which takes two) or reset.
    """
    refusals = _pair_refusals(absent, stand_in)
    if absent.person_id != by.person_id:
        refusals += _borrower_refusals(stand_in, by)
    refusals += _period_refusals(span, today)
    if span.to_on is None or (span.to_on - span.from_on).days > max_days:
        reason = text("A delegation lasts %(days)s days at most.", days=max_days)
        refusals.append(Refusal(HOUSE, reason, "last_on"))
    meeting = [one for one in standing if one.span.meets(span)]
    if any(one.absent_user_id == absent.user_id for one in meeting):
        reason = text("Somebody stands in for this account in that period already.")
        refusals.append(Refusal(HOUSE, reason, "from_on"))
    if any(one.stand_in_person_id == absent.person_id for one in meeting):
        reason = text("Who stands in for somebody cannot pass it on: no chains of delegation.")
        refusals.append(Refusal(HOUSE, reason, "from_on"))
    if any(one.absent_person_id == stand_in.person_id for one in meeting):
        reason = text("The stand-in is away and stood in for in that period: no chains of delegation.")
        refusals.append(Refusal(HOUSE, reason, "to_user_id"))
    return tuple(refusals)


def _pair_refusals(absent: Account, stand_in: Account) -> list[Refusal]:
    refusals = []
    if absent.person_id == stand_in.person_id:
        refusals.append(Refusal(HOUSE, text("Nobody stands in for themselves."), "to_user_id"))
    if not absent.is_enabled:
        refusals.append(Refusal(HOUSE, text("This account is disabled."), "from_user_id"))
    if not stand_in.is_enabled:
        refusals.append(Refusal(HOUSE, text("This account is disabled."), "to_user_id"))
    if not any(grant.role not in NEVER_DELEGATED for grant in absent.grants):
        reason = text("There is no role to lend: an administrator's rights are never delegated.")
        refusals.append(Refusal(HOUSE, reason, "from_user_id"))
    if stand_in.is_administrator:
        reason = text("An administrator keeps settings and logs, and stands in for nobody.")
        refusals.append(Refusal(HOUSE, reason, "to_user_id"))
    elif not stand_in.grants:
        reason = text("Only somebody who holds a role stands in for another.")
        refusals.append(Refusal(HOUSE, reason, "to_user_id"))
    return refusals


def _borrower_refusals(stand_in: Account, by: Setter) -> list[Refusal]:
    """Somebody else sets it: not in their own favour."""
    if stand_in.person_id == by.person_id:
        return [Refusal(HOUSE, text("Nobody makes themselves somebody else's stand-in."), "to_user_id")]
    if by.may_be_stand_in:
        reason = text("You reset this account's password or second factor lately: another administrator must set it.")
        return [Refusal(HOUSE, reason, "to_user_id")]
    return []


# --- reference data ------------------------------------------------------------------------------


def why_not_end(span: Span, to_on: date, uses: Iterable[Text], today: date) -> tuple[Refusal, ...]:
    """Why a region, office, warehouse, line or product cannot end at a day (the first without it).

    `uses`: what still relies on it on that day or later, in sentences.
    """
    refusals = []
    if to_on <= span.from_on:
        refusals.append(Refusal(HOUSE, text("It must have been in use for a day at least."), "last_on"))
    if to_on < today:
        reason = text("It cannot end in the past; yesterday is the earliest last day.")
        refusals.append(Refusal(HOUSE, reason, "last_on"))
    return (*refusals, *(Refusal(HOUSE, reason) for reason in uses))


# --- the working calendar (CHEM-12.3) ------------------------------------------------------------

Days = Mapping[date, bool]


def why_not_load(year: int, days: Days, published: Mapping[int, Days], *, is_empty: bool) -> tuple[Refusal, ...]:
    """Why a year's exceptions cannot be loaded over what is published (CHEM-12.3).

    `is_empty`: it was said that the notice names no exceptions; an empty list without that is a mistake, and so are
    entries with it. A notice may name days of the December before its year, as that of 2019 did.
    """
    refusals = []
    if not days and not is_empty:
        refusals.append(Refusal("CHEM-12.3", text("There are no days: say so if the notice has none."), "days"))
    if days and is_empty:
        refusals.append(Refusal("CHEM-12.3", text("There are days, yet the notice is said to have none."), "is_empty"))
    for day in sorted(days):
        if day.year != year and (day.year, day.month) != (year - 1, 12):
            reason = text("%(day)s is not a day of %(year)s.", day=day.isoformat(), year=year)
            refusals.append(Refusal("CHEM-12.3", reason, "days"))
    others = {day: works for other, theirs in published.items() if other != year for day, works in theirs.items()}
    for day in sorted(set(days) & set(others)):
        if days[day] != others[day]:
            reason = text("The notice of another year says otherwise about %(day)s.", day=day.isoformat())
            refusals.append(Refusal("CHEM-12.3", reason, "days"))
    if year in published and dict(published[year]) == dict(days):
        refusals.append(Refusal("CHEM-12.3", text("This is in force already: nothing would change."), "days"))
    return tuple(refusals)


@dataclass(frozen=True)
class DayChange:
    """A day on which two calendars differ: whether it counted before, and whether it counts now."""

    on: date
    before: bool
    after: bool


def calendar_changes(before: Iterable[tuple[date, bool]], after: Mapping[date, bool]) -> tuple[DayChange, ...]:
    """The days on which the new calendar differs from the one in force."""
    return tuple(DayChange(on, was, after[on]) for on, was in before if on in after and after[on] != was)

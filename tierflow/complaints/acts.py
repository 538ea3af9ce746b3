"""The acts on a complaint as data: one row gives the form's page, the form's door and the API's door.

Each verb has the shape (session, actor, complaint id, command, now); the words are for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.complaints.schemas import given
from tierflow.complaints.service import answering, extensions, handling, intake, opinions, redating
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.web.schemas import ReasonSchema, Schema

Verb = Callable[[Session, Actor, int, Mapping[str, Any], datetime], Any]


@dataclass(frozen=True)
class Act:
    """One act: its address, the action of the permission table, what it is given, the verb, and its words."""

    key: str
    action: str
    schema: type[Schema]
    verb: Verb
    title: str
    done: str
    hint: str = ""
    clause: str = "CHEM-12.3"


ACTS: tuple[Act, ...] = (
    Act(
        "consult",
        "complaint.write",
        given.ConsultSchema,
        handling.consult,
        mark("Ask a department"),
        mark("The department finds it in its inbox."),
        mark("It answers before the complaint itself is due."),
        "CHEM-12.2",
    ),
    Act(
        "propose",
        "complaint.write",
        given.HandlingOpinionSchema,
        opinions.save,
        mark("Handling opinion"),
        mark("Saved."),
        mark("Cause, what we propose, and the measures with owner and day."),
        "CHEM-12.2",
    ),
    Act(
        "withdraw",
        "complaint.write",
        given.MaybeReasonSchema,
        opinions.withdraw,
        mark("Take the opinion back"),
        mark("Taken back. You can change it and hand it in again."),
        "",
        "CHEM-12.2",
    ),
    Act(
        "meeting",
        "complaint.meeting",
        given.MeetingSchema,
        handling.record_meeting,
        mark("Special meeting"),
        mark("The meeting is on record; the opinion can be drafted and approved."),
        mark("Without its record nothing on a serious complaint can be approved."),
        "CHEM-12.2",
    ),
    Act(
        "extend",
        "complaint.write",
        given.ExtensionSchema,
        extensions.ask,
        mark("Ask for more time"),
        mark("Handed in: sales manager, then general manager, before the limit passes."),
        mark("Once only. Both leaders approve before the limit passes; a later decision is void."),
    ),
    Act(
        "tell",
        "complaint.write",
        given.TellSchema,
        answering.tell,
        mark("Record that the customer was told"),
        mark("Recorded; the clock has stopped."),
        mark("The clock stops at the time the customer was told."),
    ),
    Act(
        "classify",
        "complaint.direct",
        given.ClassifySchema,
        handling.classify,
        mark("Change the severity"),
        mark("The severity is changed and the time recomputed."),
        mark("The due time is recomputed from the original receipt; a breach stays on record."),
    ),
    Act(
        "pause",
        "complaint.direct",
        ReasonSchema,
        handling.pause,
        mark("Pause the clock"),
        mark("The clock is paused."),
        mark("While the customer's sample is awaited; never past the longest time."),
    ),
    Act(
        "resume",
        "complaint.direct",
        given.MaybeReasonSchema,
        handling.resume,
        mark("Let the clock run on"),
        mark("The clock runs on."),
    ),
    Act(
        "identify",
        "complaint.write",
        given.IdentifySchema,
        intake.identify,
        mark("Say which customer it is"),
        mark("The complaint is the customer's now, and its account manager's."),
        "",
        "CHEM-12.1",
    ),
    Act(
        "response",
        "complaint.write",
        given.ResponseSchema,
        answering.respond,
        mark("Record the customer's answer"),
        mark("The customer's answer is on record."),
        mark("What the customer answered after it was told; every answer is kept."),
        "CHEM-12.1",
    ),
    Act(
        "close",
        "complaint.write",
        given.CloseSchema,
        answering.close,
        mark("Close the complaint"),
        mark("Closed."),
        mark("Every measure is done and checked; how satisfied is the customer?"),
        "CHEM-12.1",
    ),
    Act(
        "reopen",
        "complaint.write",
        given.ReopenSchema,
        answering.reopen,
        mark("Reopen the complaint"),
        mark("Reopened: a new clock runs."),
        mark("It recurs: a new clock runs from the new receipt, linked to the old one."),
    ),
    Act(
        "breach",
        "complaint.direct",
        given.BreachSchema,
        answering.uphold_breach,
        mark("Uphold a breach by the customer"),
        mark("On record as an indicator for grading."),
        mark("What the customer itself did against the agreement; the complaint as such never counts against it."),
        "CHEM-9.6",
    ),
    Act(
        "redate",
        "complaint.direct",
        given.SettleSchema,
        redating.settle,
        mark("A due time under the amended calendar"),
        mark("Settled; both values stay on record."),
        mark("A published year was changed after this due time was set."),
    ),
)

BY_KEY = {act.key: act for act in ACTS}

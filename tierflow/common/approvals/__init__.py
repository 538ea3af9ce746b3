"""Approval cases: the chain of `kernel.approval` kept in tables, for every approval in the product.

A decision is one conditional UPDATE of the case followed by the decision's row; whoever finds the
case moved on gets a `Conflict` that says where it is now. Seats (one per person and case) hold the
four-eyes rule in the database itself.
"""

from tierflow.common.approvals.deciding import Seen, Turn, decide, give, take_turn
from tierflow.common.approvals.moves import (
    discard,
    lapse,
    open_case,
    submit,
    take_pen,
    void,
    withdraw,
)
from tierflow.common.approvals.opinions import (
    answer,
    ask,
    askable,
    asked_of,
    opinion,
    opinions_of,
    voices,
    waiting_opinions,
)
from tierflow.common.approvals.reading import (
    CHAINS,
    ESCALATIONS,
    capacity,
    current_content,
    decided_for,
    deciders,
    decisions_of,
    escalation_due,
    facts_from,
    facts_of,
    register,
    returned_condition,
    waiting_conditions,
    why_not,
)
from tierflow.common.approvals.tables import (
    ApprovalCase,
    ApprovalDecision,
    ApprovalNudge,
    ApprovalRound,
    ApprovalSeat,
    AskedOpinion,
)

__all__ = [
    "CHAINS",
    "ESCALATIONS",
    "ApprovalCase",
    "ApprovalDecision",
    "ApprovalNudge",
    "ApprovalRound",
    "ApprovalSeat",
    "AskedOpinion",
    "Seen",
    "Turn",
    "answer",
    "ask",
    "askable",
    "asked_of",
    "capacity",
    "current_content",
    "decide",
    "decided_for",
    "deciders",
    "decisions_of",
    "discard",
    "escalation_due",
    "facts_from",
    "facts_of",
    "give",
    "lapse",
    "open_case",
    "opinion",
    "opinions_of",
    "register",
    "returned_condition",
    "submit",
    "take_pen",
    "take_turn",
    "voices",
    "void",
    "waiting_conditions",
    "waiting_opinions",
    "why_not",
    "withdraw",
]

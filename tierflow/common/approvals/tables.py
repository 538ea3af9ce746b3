"""Tables of approvals: the case, what was handed in, who sits where, what was decided and asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only


class ApprovalCase(Model):
    """Where an approval stands. `version` counts every move; `waiting_*` serve the inbox."""

    __tablename__ = "approval_case"
    __table_args__ = (
        UniqueConstraint("subject_type", "subject_id"),
        CheckConstraint("(state = 'in_approval') = (step IS NOT NULL)", name="step_while_in_approval"),
        Index(
            "ix_approval_case_waiting",
            "waiting_role",
            "due_at",
            "subject_id",
            sqlite_where=sql("state = 'in_approval'"),
            postgresql_where=sql("state = 'in_approval'"),
        ),
        Index(
            "ix_approval_case_region",
            "waiting_role",
            "region_id",
            "due_at",
            "subject_id",
            sqlite_where=sql("state = 'in_approval'"),
            postgresql_where=sql("state = 'in_approval'"),
        ),
        Index("ix_approval_case_submitter", "submitter_id", "state", "due_at", "subject_id"),
        Index("ix_approval_case_state", "subject_type", "state", "subject_id"),
    )

    id: Mapped[int] = pk()
    chain: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    title: Mapped[str]
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    submitter_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    state: Mapped[str]
    round: Mapped[int] = mapped_column(default=0)
    step: Mapped[str | None]
    waiting_role: Mapped[str | None]
    waiting_since: Mapped[datetime]
    due_at: Mapped[datetime]  # when a waiting step is escalated; sorts the inbox
    version: Mapped[int] = mapped_column(default=0)
    content_hash: Mapped[str] = mapped_column(default="")
    all_green: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ApprovalRound(Model):
    """What was handed in, whole: the ground for "what changed since last time" and for replay."""

    __tablename__ = append_only("approval_round")
    __table_args__ = (UniqueConstraint("case_id", "round"),)

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    round: Mapped[int]
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    first_step: Mapped[str | None]
    submitted_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    submitted_at: Mapped[datetime]


class ApprovalSeat(Model):
    """One human being, one seat in a case: submitter or decider of one step (CHEM-7.2)."""

    __tablename__ = append_only("approval_seat")
    __table_args__ = (UniqueConstraint("case_id", "person_id", "step"),)

    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    step: Mapped[str]


class ApprovalDecision(Model):
    """A step's verdict. One per case, round and step; both people when somebody stood in."""

    __tablename__ = append_only("approval_decision")
    __table_args__ = (
        UniqueConstraint("case_id", "round", "step"),
        UniqueConstraint("case_id", "round", "person_id"),
        ForeignKeyConstraint(
            ["case_id", "person_id", "step"], ["approval_seat.case_id", "approval_seat.person_id", "approval_seat.step"]
        ),
        CheckConstraint("verdict IN ('approve', 'return', 'reject')", name="verdict"),
        CheckConstraint("verdict = 'approve' OR reason <> ''", name="reason_given"),
        Index("ix_approval_decision_user_id", "user_id", "decided_at"),
    )

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    round: Mapped[int]
    step: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str]
    items: Mapped[list[Any]]  # the step's checklist: [{key, verdict, remark}]
    details: Mapped[dict[str, Any]]  # what the domain adds (struck lines …)
    content_hash: Mapped[str]  # of the groups this step examined
    moved_to: Mapped[str]
    next_step: Mapped[str | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    on_behalf_of_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    policy_version: Mapped[int]
    decided_at: Mapped[datetime]


class AskedOpinion(Model):
    """征询/加签: a colleague asked for an opinion, or (kind `copy`) shown the case. Moves nothing."""

    __tablename__ = "asked_opinion"
    __table_args__ = (
        CheckConstraint("kind IN ('ask', 'copy')", name="kind"),
        Index("ix_asked_opinion_case_id", "case_id"),
        Index(
            "ix_asked_opinion_waiting",
            "asked_id",
            "asked_at",
            sqlite_where=sql("answered_at IS NULL"),
            postgresql_where=sql("answered_at IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    round: Mapped[int]
    kind: Mapped[str]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    question: Mapped[str]
    asked_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]  # for a copy: when it was read
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # unknown of the oldest answers


class ApprovalNudge(Model):
    """A reminder or escalation sent for a waiting step; unique, so that none is sent twice."""

    __tablename__ = append_only("approval_nudge")
    __table_args__ = (UniqueConstraint("case_id", "version", "kind"),)

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    version: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]

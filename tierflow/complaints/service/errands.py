"""What a consulted department and a measure's owner see: the errand, and as much of the complaint as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, aliased

from tierflow.common.files import StoredFile
from tierflow.common.reference import Department, Product
from tierflow.common.users import User
from tierflow.complaints.models import Complaint, Consultation, Measure
from tierflow.complaints.service import answering, handling, papers, scope
from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor, require

_Asker, _Answerer = aliased(User), aliased(User)


@dataclass(frozen=True)
class Asked:
    """A consultation of the actor's department."""

    row: Consultation
    complaint: Complaint
    department: str
    product: Product
    asked_by: str
    answered_by: str | None
    files: Sequence[StoredFile]


@dataclass(frozen=True)
class Errand:
    """A measure the actor owns or looks after."""

    row: Measure
    complaint: Complaint
    product: Product
    owner: str
    may_check: bool
    files: Sequence[StoredFile]


def consultation(session: Session, actor: Actor, consultation_id: int) -> Asked:
    """What a department is asked: for its people, and for whoever may see the complaint. Else `NotFound`."""
    require(actor, "consultation.read")
    row = session.execute(
        select(Consultation, Complaint, Department.name, Product, _Asker.name, _Answerer.name)
        .join(Complaint, Complaint.id == Consultation.complaint_id)
        .join(Department, Department.id == Consultation.department_id)
        .join(Product, Product.id == Complaint.product_id)
        .join(_Asker, _Asker.id == Consultation.asked_by_id)
        .outerjoin(_Answerer, _Answerer.id == Consultation.answered_by_id)
        .where(Consultation.id == consultation_id, or_(handling.consultation_visible(actor), _seen(actor)))
    ).one_or_none()
    if row is None:
        raise NotFound
    asked, complaint, department, product, asked_by, answered_by = row
    kept = papers.files_of(session, complaint.id)
    return Asked(asked, complaint, department, product, asked_by, answered_by, kept)


def measure(session: Session, actor: Actor, measure_id: int) -> Errand:
    """A measure for its owner, and for whoever may see the complaint. Else `NotFound`."""
    require(actor, "measure.read")
    row = session.execute(
        select(Measure, Complaint, Product, User.name.label("owner"))
        .join(Complaint, Complaint.id == Measure.complaint_id)
        .join(Product, Product.id == Complaint.product_id)
        .join(User, User.id == Measure.owner_id)
        .where(Measure.id == measure_id, or_(answering.may_do_measure(actor), _seen(actor)))
    ).one_or_none()
    if row is None:
        raise NotFound
    found, complaint, product, owner = row
    kept = papers.files_of(session, complaint.id)
    return Errand(found, complaint, product, owner, scope.directs(actor, complaint), kept)


def _seen(actor: Actor) -> ColumnElement[bool]:
    seen = scope.visible(actor)
    visible = select(Complaint.id) if seen is None else select(Complaint.id).where(seen)
    return Complaint.id.in_(visible)

"""What approvals bind to: the application's content by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.files import StoredFile
from tierflow.onboarding.models import Application, EntryCheck, Paper
from tierflow.onboarding.rules.admission import INVOICING
from tierflow.onboarding.rules.papers import TAX_PAPERS
from tierflow.onboarding.service.drafts import checks_of, lines_of, papers_of


def content_of(session: Session, application: Application) -> dict[str, dict[str, Any]]:
    """What approvers examine, by group, as JSON: equal content, equal hash.

    A line's being struck is not content: it is the approvers' doing, and asks nobody again.
    """
    papers = papers_of(session, application.id)
    lines = lines_of(session, application.id)
    checks = checks_of(session, application.id)
    files = _files(session, papers, checks)
    asked = {line.customer_class for line in lines}
    return {
        "particulars": {
            field: getattr(application, field)
            for field in (
                "name",
                "credit_code",
                "organisation_code",
                "legal_representative",
                "address",
                "contact_name",
                "phone",
                "email",
                "region_id",
                "readmission_reason",
            )
        },
        "lines": {str(line.product_line_id): {"class": line.customer_class} for line in lines},
        "checklist": {
            f"{row.customer_class}/{row.item}": {
                "answer": row.answer,
                "evidence": row.evidence,
                "file": files.get(row.file_id or 0),
            }
            for row in checks
            if row.customer_class in asked
        },
        "papers": {paper.kind: _paper(paper, files) for paper in papers if paper.kind not in TAX_PAPERS},
        "tax_papers": {paper.kind: _paper(paper, files) for paper in papers if paper.kind in TAX_PAPERS},
        "invoicing": {
            "name": application.name,
            "taxpayer_number": application.taxpayer_number,
            **{field: getattr(application, field) for field in INVOICING},
        },
    }


def _files(session: Session, papers: Sequence[Paper], checks: Sequence[EntryCheck]) -> dict[int, dict[str, Any]]:
    ids = {paper.file_id for paper in papers} | {check.file_id for check in checks if check.file_id}
    rows = session.scalars(select(StoredFile).where(StoredFile.id.in_(ids)))
    return {row.id: {"id": row.id, "name": row.name, "sha256": row.sha256} for row in rows}


def _paper(paper: Paper, files: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        "number": paper.number,
        "issuer": paper.issuer,
        "valid_from": paper.valid_from.isoformat() if paper.valid_from else None,
        "valid_to": paper.valid_to.isoformat() if paper.valid_to else None,
        "is_long_term": paper.is_long_term,
        "file": files[paper.file_id],
    }

"""What the ERP says of our own gate: it confirms a line of the ledger and adds nothing (CHEM-2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model


class GateConfirmation(Model):
    """A gate line that an imported row bore out; gone again when the import is reverted."""

    __tablename__ = "gate_confirmation"
    __table_args__ = (Index("ix_gate_confirmation_import_id", "import_id"),)

    offtake_id: Mapped[int] = mapped_column(ForeignKey("offtake.id"), primary_key=True, autoincrement=False)
    import_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"))
    confirmed_at: Mapped[datetime]

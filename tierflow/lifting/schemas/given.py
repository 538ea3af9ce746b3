"""What people and programs may say about orders, slips and receipts."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from flask_smorest.fields import Upload as FileField
from marshmallow import fields

from tierflow.common.offtake import FORMS
from tierflow.kernel.money import parse_yuan
from tierflow.kernel.numerals import NotANumber
from tierflow.lifting.rules.orders import MOST_FEN, MOST_GRAMS, State
from tierflow.web.exports import FormSchema
from tierflow.web.fields import Moment, MonthField, Tonnes, Yuan
from tierflow.web.i18n import show
from tierflow.web.schemas import Integer, Line, Paragraph, ReasonSchema, RowId, Schema, between, length, one_of


def _above_zero(value: int) -> None:
    if value <= 0:
        raise ma.ValidationError(_l("This must be above 0."))


def _within(most: int) -> Any:
    def check(value: int) -> None:
        if abs(value) > most:
            raise ma.ValidationError(_l("This number is too large."))

    return check


def _tonnes(**kwargs: Any) -> Tonnes:
    return Tonnes(data_key="tonnes", validate=[_above_zero, _within(MOST_GRAMS)], **kwargs)


def _amount(**kwargs: Any) -> Yuan:
    return Yuan(data_key="amount", validate=[_above_zero, _within(MOST_FEN)], **kwargs)


class SignedYuan(Yuan):
    """Yuan that may be negative: a red invoice."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_yuan(fields.String._deserialize(self, value, attr, data, **kwargs), allow_negative=True)
        except NotANumber as error:
            raise ma.ValidationError(show(error.reason)) from error


def _not_zero(value: int) -> None:
    if value == 0:
        raise ma.ValidationError(_l("This must not be 0."))


class PlaceSchema(Schema):
    """An order."""

    customer_id = RowId(required=True)
    product_id = RowId(required=True)
    warehouse_id = RowId(required=True)
    form_of_sale = Line(required=True, validate=one_of(FORMS))
    quantity_grams = _tonnes(required=True)
    price_fen = Yuan(data_key="price", required=True, validate=[_above_zero, _within(MOST_FEN)])
    remark = Paragraph(most=500, load_default=None, allow_none=True)


class ReceiveSchema(Schema):
    """A receipt, confirmed by hand."""

    fen = _amount(required=True)
    value_on = fields.Date(required=True)
    payer_name = Line(required=True, most=120)
    payer_account = Line(most=40, load_default=None, allow_none=True)
    reference = Line(most=80, load_default=None, allow_none=True)
    note = Paragraph(most=500, load_default=None, allow_none=True)


class ReleaseSchema(Schema):
    """Goods to let out: a gate slip."""

    grams = _tonnes(required=True)
    vehicle = Line(most=20, load_default=None, allow_none=True)
    driver = Line(most=40, load_default=None, allow_none=True)


class WithdrawReleaseSchema(ReasonSchema):
    """A slip to take back, and why."""

    slip_id = RowId(required=True)


class RefundSchema(Schema):
    """Money back to the customer."""

    fen = _amount(required=True)
    value_on = fields.Date(required=True)
    reference = Line(most=80, load_default=None, allow_none=True)
    note = Paragraph(most=500, load_default=None, allow_none=True)


class CarrySchema(Schema):
    """Money that goes on to another order of the customer."""

    fen = _amount(required=True)
    to_order = Line(required=True, most=40)


class SettleOrderSchema(Schema):
    """The settlement."""

    note = Paragraph(most=500, load_default=None, allow_none=True)


class InvoiceSchema(Schema):
    """An invoice as issued."""

    number = Line(required=True, most=40)
    invoiced_on = fields.Date(required=True)
    fen = SignedYuan(data_key="amount", required=True, validate=[_not_zero, _within(MOST_FEN)])


class WeighSchema(Schema):
    """What the gate weighed. Without a time: now."""

    grams = _tonnes(required=True)
    vehicle = Line(most=20, load_default=None, allow_none=True)
    weighed_at = Moment(load_default=None, allow_none=True)


class TakeBackSchema(ReasonSchema):
    """Goods that came back: of which lifting, how much, why."""

    pass_number = Line(required=True, most=60)
    grams = _tonnes(required=True)


class PageSchema(Schema):
    """Which page of a list."""

    cursor = Line(most=500, load_default=None)
    size = Integer(validate=between(1, 200), load_default=30)


class ListSchema(PageSchema):
    """How the list of orders is narrowed. `owes`: money goes back to the customer."""

    state = Line(validate=one_of([each.value for each in State] + ["open", "owes"]), load_default=None)
    customer_id = RowId(load_default=None)
    product_line_id = RowId(load_default=None)
    warehouse_id = RowId(load_default=None)
    q = Line(most=100, load_default=None)


class StatementSchema(Schema):
    """A bank statement, multipart."""

    file = FileField(required=True)


class LinesSchema(PageSchema):
    """Which receipts: waiting, matched or put aside."""

    state = Line(validate=one_of(("waiting", "matched", "aside")), load_default="waiting")


class MatchReceiptSchema(Schema):
    """The order a receipt belongs to, and how much of it."""

    order = Line(required=True, most=40)
    fen = _amount(required=True)


class InvoicesSchema(PageSchema):
    """How invoice records are narrowed: days, colour, customer, invoice or order number."""

    first = fields.Date(load_default=None)
    last = fields.Date(load_default=None)
    kind = Line(validate=one_of(("blue", "red")), load_default=None)
    customer_id = RowId(load_default=None)
    q = Line(most=100, load_default=None)


SOURCES = ("erp", "gate")


class LedgerSchema(PageSchema):
    """How the ledger's lines are narrowed."""

    month = MonthField(load_default=None)
    source = Line(validate=one_of(SOURCES), load_default=None)
    customer_id = RowId(load_default=None)
    number = Line(most=80, load_default=None)
    q = Line(most=100, load_default=None)


class OfftakeLineSchema(Schema):
    """A line as the ERP tells it; read by the same rules as a row of a file, which name what is wrong."""

    number = Line(required=True, most=80)
    customer = Line(required=True, most=120)
    product = Line(required=True, most=80)
    lifted_on = Line(required=True, most=40)
    tonnes = Line(required=True, most=40)
    form_of_sale = Line(most=40, load_default=None, allow_none=True)


class OfftakeLinesSchema(Schema):
    """Lines of one batch."""

    lines = fields.List(fields.Nested(OfftakeLineSchema), required=True, validate=length(1, 5000))


class OrderExportSchema(FormSchema, ListSchema):
    """Which orders, as which kind of file."""

    class Meta(Schema.Meta):
        """Every row, not a page of them."""

        exclude = ("cursor", "size")

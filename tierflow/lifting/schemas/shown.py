"""What the API tells about orders. Tonnes and yuan are exact text, times are Shanghai's."""

from __future__ import annotations

from marshmallow import fields

from tierflow.web.fields import Moment, Tonnes, Yuan
from tierflow.web.schemas import Schema


class OrderHeldOut(Schema):
    """Why an order is held."""

    clause = fields.String()
    reason = fields.String()


class OrderCardOut(Schema):
    """An order in a list."""

    id = fields.Integer()
    number = fields.String()
    customer_id = fields.Integer()
    customer = fields.String()
    product_id = fields.Integer()
    product = fields.String()
    warehouse_id = fields.Integer()
    warehouse = fields.String()
    form_of_sale = fields.String()
    state = fields.String()
    quantity_grams = Tonnes(data_key="tonnes")
    price_fen = Yuan(data_key="price")
    money_fen = Yuan(data_key="confirmed")
    missing_fen = Yuan(data_key="missing")
    released_grams = Tonnes(data_key="released")
    lifted_grams = Tonnes(data_key="lifted")
    owes_fen = Yuan(data_key="owes")
    pay_by_on = fields.Date()
    paid_on = fields.Date(allow_none=True)
    placed_at = Moment()
    held = fields.List(fields.Nested(OrderHeldOut))


class OrderPageOut(Schema):
    """A page of orders."""

    rows = fields.List(fields.Nested(OrderCardOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class MoneyOut(Schema):
    """A movement of money: receipt, refund, carry_in or carry_out."""

    kind = fields.String()
    fen = Yuan(data_key="amount")
    value_on = fields.Date()
    payer_name = fields.String()
    payer_account = fields.String()
    is_other_payer = fields.Boolean()
    reference = fields.String()
    note = fields.String()
    by = fields.String()
    recorded_at = Moment()


class WeighingOut(Schema):
    """A weighing at the gate; `returned` came back of it."""

    number = fields.String(data_key="pass_number")
    grams = Tonnes(data_key="tonnes")
    returned = Tonnes()
    vehicle = fields.String()
    weighed_at = Moment()


class SlipOut(Schema):
    """A gate slip. The code is for whoever may see the order or keeps the warehouse."""

    id = fields.Integer()
    number = fields.String()
    code = fields.String()
    grams = Tonnes(data_key="tonnes")
    lifted_grams = Tonnes(data_key="lifted")
    withdrawn_grams = Tonnes(data_key="withdrawn")
    vehicle = fields.String()
    driver = fields.String()
    released_at = Moment()
    weighings = fields.List(fields.Nested(WeighingOut))


class SettlementOut(Schema):
    """A settlement; the last one counts."""

    number = fields.Integer()
    lifted_grams = Tonnes(data_key="tonnes")
    price_fen = Yuan(data_key="price")
    value_fen = Yuan(data_key="value")
    money_fen = Yuan(data_key="received")
    note = fields.String()
    settled_at = Moment()


class InvoiceOut(Schema):
    """An invoice on record, with the particulars in force when it was issued."""

    number = fields.String()
    invoiced_on = fields.Date()
    fen = Yuan(data_key="amount")
    particulars = fields.Dict(keys=fields.String())


class InvoiceRecordOut(InvoiceOut):
    """An invoice with its order and customer."""

    id = fields.Integer()
    order_id = fields.Integer()
    order = fields.String()
    customer_id = fields.Integer()
    customer = fields.String()
    by = fields.String()
    recorded_at = Moment()


class InvoicePageOut(Schema):
    """A page of invoices."""

    rows = fields.List(fields.Nested(InvoiceRecordOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class OfftakeLineOut(Schema):
    """A line of the ledger; `left` still counts. A reversal is negative and names its line."""

    id = fields.Integer()
    number = fields.String()
    source = fields.String()
    customer_id = fields.Integer()
    customer = fields.String()
    product = fields.String()
    lifted_on = fields.Date()
    grams = Tonnes(data_key="tonnes")
    left_grams = Tonnes(data_key="left")
    form_of_sale = fields.String()
    reverses_id = fields.Integer(allow_none=True)
    recorded_at = Moment()


class OfftakeLinePageOut(Schema):
    """A page of the ledger."""

    rows = fields.List(fields.Nested(OfftakeLineOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class OrderOut(OrderCardOut):
    """An order whole."""

    remark = fields.String()
    releasable_grams = Tonnes(data_key="releasable")
    liftable_grams = Tonnes(data_key="liftable")
    free_fen = Yuan(data_key="free")
    settled_fen = Yuan(data_key="settled", allow_none=True)
    let_out_on = fields.Date(allow_none=True)
    let_out_reason = fields.String(allow_none=True)
    money = fields.List(fields.Nested(MoneyOut))
    slips = fields.List(fields.Nested(SlipOut))
    settlements = fields.List(fields.Nested(SettlementOut))
    invoices = fields.List(fields.Nested(InvoiceOut))


class GateOut(Schema):
    """A slip as the gate sees it: no money."""

    number = fields.String()
    order = fields.String()
    customer = fields.String()
    product = fields.String()
    warehouse = fields.String()
    vehicle = fields.String()
    driver = fields.String()
    grams = Tonnes(data_key="tonnes")
    left_grams = Tonnes(data_key="left")
    may_pass = fields.Boolean()
    held = fields.List(fields.Nested(OrderHeldOut))
    weighings = fields.List(fields.Nested(WeighingOut))


class GateSlipOut(Schema):
    """A slip that waits at the gate. Its code is on the driver's paper only."""

    number = fields.String()
    customer = fields.String()
    product = fields.String()
    vehicle = fields.String()
    left_grams = Tonnes(data_key="left")
    released_at = Moment()


class GatePageOut(Schema):
    """A page of waiting slips."""

    rows = fields.List(fields.Nested(GateSlipOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ProposalOut(Schema):
    """The order a receipt seems to belong to, and on what grounds: number, account, amount, name."""

    order = fields.String()
    customer = fields.String()
    fen = Yuan(data_key="amount")
    grounds = fields.List(fields.String())
    is_other_payer = fields.Boolean()


class LineOut(Schema):
    """A receipt of a statement."""

    id = fields.Integer()
    booked_on = fields.Date()
    payer_name = fields.String()
    payer_account = fields.String()
    fen = Yuan(data_key="amount")
    matched_fen = Yuan(data_key="matched")
    memo = fields.String()
    put_aside_reason = fields.String(allow_none=True)
    proposal = fields.Nested(ProposalOut, allow_none=True)


class LinePageOut(Schema):
    """A page of receipts."""

    rows = fields.List(fields.Nested(LineOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class StatementOut(Schema):
    """What an imported statement brought."""

    id = fields.Integer()
    name = fields.String()
    new_lines = fields.Integer()
    known_lines = fields.Integer()
    imported_at = Moment()


class SellingReasonOut(OrderHeldOut):
    """Why not, and who must do what."""

    remedy = fields.String()


class SellingLineOut(Schema):
    """One product line's answer."""

    product_line_id = fields.Integer()
    product_line = fields.String()
    customer_class = fields.String(allow_none=True)
    may_sell = fields.Boolean()
    by_auction_only = fields.Boolean(metadata={"description": "at auction level no planned order is taken"})
    reasons = fields.List(fields.Nested(SellingReasonOut))


class SellingOut(Schema):
    """May I sell today?"""

    held_orders = fields.Integer()
    lines = fields.List(fields.Nested(SellingLineOut))

"""A row of a list of existing customers, read by the rules of account opening (CHEM-7.1) without a form.

The same readers serve the form, the API and this: codes, telephones and accounts by `common.identifiers`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import identifiers
from tierflow.common.customers import name_key
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.imports import Cells, Column, Finding, Row
from tierflow.common.imports.importer import Told
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import User
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.rules.entry import CLASS_LABELS
from tierflow.onboarding.rules.labels import FIELD_LABELS
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.onboarding.rules.takeover import NO_PAPER, BadCell, Cell, folded, read_day, read_lines, read_validity

PARTICULARS = mark("Company and responsibility")
INVOICING = mark("Invoicing particulars")
PLAIN = {"legal_representative": 60, "address": 200, "contact_name": 60, "bank_name": 120, "invoice_address": 200}
NAME_MOST = 120

# The merged licence's number is the credit code, the certificate's the organisation code.
_PAPERS_WITH_NUMBER = (
    "business_licence",
    "tax_registration_national",
    "tax_registration_local",
    "tax_registration_joint",
)
PAPERS = ("merged_licence", "business_licence", "organisation_code_certificate", *_PAPERS_WITH_NUMBER[1:])
_PART_LABELS = {
    "number": mark("number"),
    "issuer": mark("issuer"),
    "valid_from": mark("valid from"),
    "valid_to": mark("valid to"),
}


def _column(key: str, *aliases: str, required: bool = False, group: str = PARTICULARS, **more: Any) -> Column:
    return Column(key, FIELD_LABELS.get(key, more.pop("label", "")), aliases, required, group, **more)


def _paper_columns() -> Iterable[Column]:
    words = {
        "merged_licence": ("营业执照", "三证合一营业执照"),
        "business_licence": ("旧营业执照",),
        "organisation_code_certificate": ("组织机构代码证",),
        "tax_registration_national": ("国税登记证",),
        "tax_registration_local": ("地税登记证",),
        "tax_registration_joint": ("税务登记证",),
    }
    parts = {
        "number": ("编号", "号码"),
        "issuer": ("发证机关", "登记机关"),
        "valid_from": ("有效期自", "有效期起", "起始日期", "成立日期"),
        "valid_to": ("有效期至", "有效期止", "到期日", "到期日期"),
    }
    samples = {"issuer": "市场监督管理局", "valid_from": "2016-03-01", "valid_to": "长期"}
    for kind in PAPERS:
        for part, tails in parts.items():
            if part == "number" and kind not in _PAPERS_WITH_NUMBER:
                continue
            yield Column(
                f"{kind}.{part}",
                _PART_LABELS[part],
                tuple(f"{word}{tail}" for word in words[kind] for tail in tails),
                group=PAPER_LABELS[kind],
                sample=samples.get(part, "") if kind == "merged_licence" else "",
                is_code=part == "number",
            )


COLUMNS: tuple[Column, ...] = (
    _column("name", "客户名称", "企业名称", "单位名称", "公司名称", required=True, sample="宁波甬海塑料有限公司"),
    _column(
        "credit_code", "统一社会信用代码", "信用代码", "税号", "纳税人识别号", sample="91330200MA2AB12C35", is_code=True
    ),
    _column("organisation_code", "组织机构代码", is_code=True),
    _column("legal_representative", "法人", "法人代表", "法定代表人", required=True, sample="陈建国"),
    _column("address", "地址", "注册地址", "住所", required=True, sample="浙江省宁波市北仑区新碶街道 8 号"),
    _column("contact_name", "联系人", "业务联系人", required=True, sample="李敏"),
    _column("phone", "电话", "联系电话", "手机", required=True, sample="13800138000", is_code=True),
    _column("region", "区域", "销售区域", "大区", required=True, label=mark("sales region"), sample="华东"),
    _column(
        "account_manager",
        "客户经理",
        "业务员",
        "负责人",
        required=True,
        label=mark("account manager"),
        hint=mark("User name or name; holds the role today and is never who imports."),
        sample="wangqiang",
    ),
    _column(
        "lines",
        "产品线与类别",
        "产品线",
        "客户类别",
        "类别",
        required=True,
        label=mark("product lines with class"),
        hint=mark("As “PO=dealer; EP=direct”."),
        sample="PO=经销商；EP=直供",
    ),
    _column("since", "开户日期", "建档日期", "合作起始日期", label=mark("customer since"), sample="2019-05-20"),
    _column("bank_name", "开户银行", "开户行", group=INVOICING, sample="中国工商银行宁波北仑支行"),
    _column(
        "bank_account", "银行账号", "账号", "银行帐号", group=INVOICING, sample="3901180009200012345", is_code=True
    ),
    _column("invoice_address", "开票地址", group=INVOICING),
    _column("invoice_phone", "开票电话", group=INVOICING, is_code=True),
    *_paper_columns(),
)


_PAPER_KEYS = tuple((kind, tuple(f"{kind}.{part}" for part in _PART_LABELS)) for kind in PAPERS)
_BLANK = [None] * len(_PART_LABELS)


@dataclass
class Context:
    """What rows refer to, read once. `managers`: by folded name or login, (user, person); None for two of a name."""

    on: date
    makers: frozenset[int]  # the persons who had the list in hand
    regions: Mapping[str, int]
    own_regions: frozenset[int] | None  # None: all
    managers: Mapping[str, tuple[int, int] | None]
    lines: Mapping[str, tuple[int, str, str]]
    phones: dict[Cell, identifiers.Phone] = field(default_factory=dict)


def parse(number: int, cells: Cells, context: Context) -> Row:
    """One row as columns of a customer, its lines and its papers, with everything that is wrong or strange in it."""
    row = Row(number, {})
    _Reader(row, cells, context).read()
    return row


class _Reader:
    def __init__(self, row: Row, cells: Cells, context: Context) -> None:
        self.row, self.cells, self.context = row, cells, context
        self.data = row.data

    def read(self) -> None:
        for column, most in PLAIN.items():
            self.data[column] = self._line(column, most, required=column not in ("bank_name", "invoice_address"))
        self._name()
        self._codes()
        self._numbers()
        self._places()
        self._papers()
        if self.data["organisation_code"]:  # a credit code carries one
            self.row.unique = {"credit_code": self.data["organisation_code"]}
        likely = {"name": self.data.get("name_key"), "phone": self.data.get("phone_key")}
        likely["bank_account"] = self.data.get("account_key")
        self.row.likely = {name: key for name, key in likely.items() if key}

    def _find(self, column: str, reason: Text, severity: Any = "bad") -> None:
        self.row.findings.append(Finding(column, reason, severity))

    def _line(self, column: str, most: int, *, required: bool) -> str:
        cell = self.cells.get(column)
        if cell is None:
            if required:
                self._find(column, text("Please fill this in."))
            return ""
        written = str(cell)
        if len(written) > most:
            self._find(column, text("At most %(most)s characters.", most=most))
        if not written.isprintable() and any(unicodedata.category(c) in _UNSHOWN or c in _TURNING for c in written):
            self._find(column, text("This contains characters that cannot be shown."))
        return written

    def _name(self) -> None:
        name = self._line("name", NAME_MOST, required=True)
        key = name_key(name)
        if name and not key:
            self._find("name", text("A company's name has letters or characters."))
        self.data["name"], self.data["name_key"] = name, key

    def _codes(self) -> None:
        credit = self._identifier("credit_code", identifiers.credit_code)
        organisation = self._identifier("organisation_code", identifiers.organisation_code)
        if credit:
            within = identifiers.organisation_code_within(credit)
            if organisation not in (None, within):
                self._find("organisation_code", text("This is not the organisation code within the credit code."))
            organisation = within
        elif organisation is None and not self._was_bad("credit_code", "organisation_code"):
            self._find("credit_code", text("A customer has a credit code or an organisation code."))
        self.data["credit_code"], self.data["organisation_code"] = credit, organisation

    def _was_bad(self, *columns: str) -> bool:
        return any(finding.field in columns for finding in self.row.findings)

    def _identifier(self, column: str, reader: Callable[[Any], Any]) -> Any:
        cell = self.cells.get(column)
        if cell is None:
            return None
        try:
            return reader(cell)
        except BadIdentifier as bad:
            self._find(column, bad.reason)
            return None

    def _numbers(self) -> None:
        phone = self._identifier("phone", self._phone)
        if phone is None and self.cells.get("phone") is None:
            self._find("phone", text("Please fill this in."))
        self.data["phone"], self.data["phone_key"] = (phone.shown, phone.key) if phone else ("", "")
        invoice = self._identifier("invoice_phone", self._phone)
        self.data["invoice_phone"] = invoice.shown if invoice else ""
        account = self._identifier("bank_account", identifiers.bank_account)
        self.data["bank_account"] = self.data["account_key"] = account.number if account else ""
        if account and not account.is_plausible:
            self._find("bank_account", text("This account looks like a number a spreadsheet has rounded."), "doubtful")

    def _phone(self, cell: Cell) -> identifiers.Phone:
        known = self.context.phones.get(cell)
        if known is None:
            known = self.context.phones[cell] = identifiers.phone(cell)
        return known

    def _places(self) -> None:
        context = self.context
        region = self._known("region", context.regions, text("There is no such region in force."))
        if region is not None and context.own_regions is not None and region not in context.own_regions:
            self._find("region", text("This is not one of your regions."))
        self.data["region_id"] = region
        manager = self._manager()
        self.data["account_manager_id"] = manager[0] if manager else None
        if manager and manager[1] in context.makers:
            self._find("account_manager", text("Customers are not taken over to who imports them."))
        try:
            self.data["lines"] = read_lines(self.cells.get("lines"), context.lines)
        except BadCell as bad:
            self._find("lines", bad.reason)
        try:
            since = read_day(self.cells.get("since"))
            if since is not None and since > context.on:
                raise BadCell(text("This day lies in the future."))
            self.data["since"] = since.isoformat() if since else None
        except BadCell as bad:
            self._find("since", bad.reason)

    def _manager(self) -> tuple[int, int] | None:
        cell = self.cells.get("account_manager")
        if cell is not None and (key := folded(str(cell))) in self.context.managers:
            if (found := self.context.managers[key]) is None:
                self._find("account_manager", text("Two account managers are called so; write the user name."))
            return found
        self._find(
            "account_manager",
            text("Please fill this in.") if cell is None else text("Nobody of this name is an account manager today."),
        )
        return None

    def _known(self, column: str, known: Mapping[str, int], reason: Text) -> int | None:
        cell = self.cells.get(column)
        found = known.get(folded(str(cell))) if cell is not None else None
        if found is None:
            self._find(column, reason if cell is not None else text("Please fill this in."))
        return found

    def _papers(self) -> None:
        cells, found = self.cells, []
        for kind, keys in _PAPER_KEYS:
            given = [cells.get(key) for key in keys]
            if given == _BLANK:
                continue
            number = {
                "merged_licence": self.data["credit_code"],
                "organisation_code_certificate": self.data["organisation_code"],
            }.get(kind, self._line(f"{kind}.number", 60, required=False))
            if kind == "merged_licence" and not number and not self._was_bad("credit_code"):
                self._find("credit_code", text("A merged licence bears a unified social credit code."))
            issuer = self._line(f"{kind}.issuer", 120, required=False)
            try:
                first, last, for_good, strange = read_validity(kind, given[2], given[3], self.context.on)
            except BadCell as bad:
                self._find(f"{kind}.valid_to", bad.reason)
                continue
            if strange is not None:
                self._find(f"{kind}.valid_to", strange, "doubtful")
            dates = [day.isoformat() if day else None for day in (first, last)]
            found.append([kind, number or "", issuer, *dates, for_good])
        if not found and not any("." in finding.field for finding in self.row.findings):
            self._find("merged_licence.valid_to", text(NO_PAPER), "doubtful")
        self.data["papers"] = found


def tell(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Rows in words: what each customer will be, whose, and with which papers."""
    regions = _named(session, Region.id, Region.name, {row["region_id"] for row in rows})
    managers = _named(session, User.id, User.name, {row["account_manager_id"] for row in rows})
    lines = _named(session, ProductLine.id, ProductLine.code, {line for row in rows for line, _class in row["lines"]})
    found = []
    for row in rows:
        told: Told = {column.key: str(row[column.key]) for column in COLUMNS if isinstance(row.get(column.key), str)}
        told |= {"region": regions[row["region_id"]], "account_manager": managers[row["account_manager_id"]]}
        told["lines"] = [
            word
            for at, (line, customer_class) in enumerate(row["lines"])
            for word in ("; " if at else "", lines[line], "=", Text(CLASS_LABELS[customer_class]))
        ]
        for kind, number, issuer, first, last, for_good in row["papers"]:
            values = {"number": number, "issuer": issuer, "valid_from": first, "valid_to": last}
            told |= {f"{kind}.{part}": value for part, value in values.items() if value}
            if for_good:
                told[f"{kind}.valid_to"] = text("long-term")
        found.append(told)
    return found


def _named(session: Session, key: Any, name: Any, ids: Collection[int]) -> dict[int, str]:
    return {row[0]: row[1] for row in session.execute(select(key, name).where(key.in_(ids)))}


# As `web.schemas.Line`: no controls, surrogates, private or unassigned characters, and none that turn the writing.
_UNSHOWN = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

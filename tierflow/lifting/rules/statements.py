"""Reading a bank statement: whatever the bank calls its columns, a receipt has a day, a payer and an amount."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tierflow.kernel.money import parse_yuan
from tierflow.kernel.numerals import NotANumber
from tierflow.kernel.text import Text, text
from tierflow.lifting.rules.orders import MOST_FEN

Cell = str | int | float | bool | None

# What banks call them, folded as `folded` does; the first that is there is meant.
HEADS: Mapping[str, tuple[str, ...]] = {
    "day": ("交易日期", "记账日期", "入账日期", "交易时间", "日期", "date", "bookingdate", "transactiondate"),
    "amount": (
        "贷方金额",
        "贷方发生额",
        "收入金额",
        "收入",
        "贷方",
        "转入金额",
        "金额",
        "交易金额",
        "credit",
        "amount",
    ),
    "payer": (
        "对方户名",
        "对方账户名称",
        "付款人名称",
        "付款人",
        "对方名称",
        "户名",
        "payer",
        "payername",
        "counterparty",
    ),
    "account": (
        "对方账号",
        "付款人账号",
        "付款账号",
        "对方账户",
        "账号",
        "payeraccount",
        "counterpartyaccount",
        "account",
    ),
    "memo": ("附言", "摘要", "用途", "备注", "memo", "remark", "purpose", "note"),
    "serial": ("交易流水号", "流水号", "凭证号", "serial", "serialnumber", "reference", "transactionid"),
}
NEEDED = ("day", "amount", "payer")
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y年%m月%d日")


@dataclass(frozen=True)
class Entry:
    """A receipt as read."""

    row: int
    booked_on: date
    payer_name: str
    payer_account: str
    fen: int
    memo: str
    line_key: str


def folded(head: str) -> str:
    """A head as compared: width and case folded, letters and digits only, what stands in brackets left out."""
    plain = unicodedata.normalize("NFKC", head).partition("(")[0]
    return "".join(c for c in plain.casefold() if c.isalnum())


def columns_of(heads: Sequence[str]) -> dict[str, int]:
    """Where each part of a receipt stands, as far as the heads tell."""
    at: dict[str, int] = {}
    for index, head in enumerate(heads):
        at.setdefault(folded(head), index)
    found: dict[str, int] = {}
    for part, words in HEADS.items():
        place = next((at[word] for word in words if word in at), None)
        if place is not None:
            found[part] = place
    return found


def read(
    rows: Sequence[tuple[int, Sequence[Cell]]], columns: Mapping[str, int]
) -> tuple[list[Entry], list[tuple[int, Text]]]:
    """The receipts, and what is wrong by row. Payments out and lines without an amount are passed over."""
    entries: list[Entry] = []
    wrong: list[tuple[int, Text]] = []
    seen: dict[str, int] = {}
    for number, cells in rows:
        given = {part: cells[index] if index < len(cells) else None for part, index in columns.items()}
        try:
            entry = _entry(number, given, seen)
        except ValueError as error:
            reason = (
                error.args[0] if error.args and isinstance(error.args[0], Text) else text("This is not understood.")
            )
            wrong.append((number, reason))
            continue
        if entry is not None:
            entries.append(entry)
    return entries, wrong


def _entry(number: int, given: Mapping[str, Cell], seen: dict[str, int]) -> Entry | None:
    fen = _amount(given.get("amount"))
    if fen is None or fen <= 0:
        return None
    day = _day(given.get("day"))
    payer, account = _words(given.get("payer"), 120), _account(given.get("account"))
    memo, serial = _words(given.get("memo"), 300), _words(given.get("serial"), 80)
    same = serial or "\x1f".join((day.isoformat(), account, payer, str(fen), memo))
    # Two receipts of one day may be alike in everything: the second is the second, in every file that holds both.
    seen[same] = seen.get(same, 0) + 1
    if serial:
        if seen[same] > 1:
            raise ValueError(text("The bank's serial number %(serial)s stands in this file twice.", serial=serial))
        key = f"serial:{serial}"
    else:
        key = hashlib.sha256(f"{same}\x1f{seen[same]}".encode()).hexdigest()
    return Entry(number, day, payer, account, fen, memo, key)


def _amount(cell: Cell) -> int | None:
    if cell is None or isinstance(cell, bool) or cell == "":
        return None
    written = format(Decimal(repr(cell)), "f") if isinstance(cell, int | float) else cell.lstrip("¥￥+")
    try:
        fen = parse_yuan(written, allow_negative=True)
    except NotANumber as error:
        raise ValueError(error.reason) from error
    if fen > MOST_FEN:
        raise ValueError(text("“%(written)s” is too large.", written=written[:40]))
    return fen


def _day(cell: Cell) -> date:
    written = unicodedata.normalize("NFKC", str(cell or "")).strip()
    for words in (written, written.partition(" ")[0], written.partition("T")[0]):
        for form in _DAYS:
            try:
                found = datetime.strptime(words, form).date()  # noqa: DTZ007 - a day has no zone
            except ValueError:
                continue
            if 2000 <= found.year < 2100:
                return found
    raise ValueError(text("“%(written)s” is not a day.", written=written[:40]))


def _account(cell: Cell) -> str:
    if isinstance(cell, float) or (isinstance(cell, int) and abs(cell) >= 10**15):
        # A spreadsheet keeps fifteen digits of a number: the rest of the account is gone.
        raise ValueError(text("The payer's account is stored as a number and has lost digits: format it as text."))
    return _words(cell, 40)


def _words(cell: Cell, most: int) -> str:
    words = unicodedata.normalize("NFC", "" if cell is None else str(cell))
    return "".join(c for c in words if unicodedata.category(c)[0] != "C").strip()[:most]

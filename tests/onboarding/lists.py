"""Lists of existing customers, as a company's own spreadsheets have them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import xlsxwriter

from tests.onboarding.scenes import credit_code

HEADS = {
    "name": "客户名称",
    "credit_code": "统一社会信用代码",
    "legal_representative": "法定代表人",
    "address": "注册地址",
    "contact_name": "联系人",
    "phone": "联系电话",
    "region": "销售区域",
    "account_manager": "客户经理",
    "lines": "产品线与类别",
    "since": "开户日期",
    "bank_name": "开户银行",
    "bank_account": "银行账号",
    "merged_licence.issuer": "营业执照发证机关",
    "merged_licence.valid_from": "营业执照有效期起",
    "merged_licence.valid_to": "营业执照有效期至",
}


def customer(number: int, **changed: Any) -> dict[str, Any]:
    """A sound row; another company for each number."""
    return {
        "name": f"老客户第{number}有限公司",
        "credit_code": credit_code(10_000_000 + number),
        "legal_representative": f"孙{number}",
        "address": "上海市浦东新区世纪大道2号",
        "contact_name": "周三",
        "phone": f"139{number:08d}",
        "region": "华东",
        "account_manager": "li",
        "lines": "PO=经销商",
        "since": "2019-05-20",
        "bank_name": "中国银行上海分行",
        "bank_account": f"2002{number:012d}",
        "merged_licence.issuer": "市场监督管理局",
        "merged_licence.valid_from": "2016/3/1",
        "merged_licence.valid_to": "长期",
        **changed,
    }


def as_csv(rows: Iterable[Mapping[str, Any]], encoding: str = "utf-8-sig") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADS.values())
    writer.writerows([row.get(key) for key in HEADS] for row in rows)
    return out.getvalue().encode(encoding)


def as_xlsx(rows: Iterable[Mapping[str, Any]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("客户")
        sheet.write_row(0, 0, HEADS.values())
        for at, row in enumerate(rows, start=1):
            sheet.write_row(at, 0, [row.get(key) for key in HEADS])
    return out.getvalue()

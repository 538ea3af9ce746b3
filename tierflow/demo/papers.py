"""What each demo applicant brings: the merged licence or the old papers, and annex 1 signed and sealed (CHEM-7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from tierflow.demo import scans
from tierflow.demo.applicants import Applicant

CAPITAL = ("壹仟万元整", "伍佰万元整", "叁仟万元整", "捌佰万元整", "伍仟万元整")
CLASS_WORDS = {"direct": "直销客户", "exclusive_agent": "独家代理商", "dealer": "经销商"}
LINE_WORDS = {"PO": "聚烯烃", "AR": "芳烃", "ME": "甲醇"}


@dataclass(frozen=True)
class Scan:
    """A paper: its kind, the file, and what is printed on it as the form takes it."""

    kind: str
    file_name: str
    scan: bytes
    printed: dict[str, object]


def of(applicant: Applicant, today: date) -> list[Scan]:
    """Every paper of an applicant; those said to expire do so a number of days after `today`."""
    papers = _old_papers(applicant, today) if applicant.has_old_papers else [_merged_licence(applicant, today)]
    return [*papers, Scan("annex1_signed", "客户开户审批表（盖章）.pdf", annex(applicant), {})]


def _validity(applicant: Applicant, today: date) -> tuple[date, date | None]:
    """First and last day; no last day means long-term."""
    first = applicant.founded_on
    if applicant.note == "long":
        return first, None
    if applicant.note == "expired":
        return first, today - timedelta(days=12)
    if applicant.note.startswith("expires "):
        return first, today + timedelta(days=int(applicant.note.removeprefix("expires ")))
    return first, date(today.year + 2 + applicant.serial % 9, first.month, first.day) - timedelta(days=1)


def _printed(number: str, issuer: str, first: date, last: date | None) -> dict[str, object]:
    return {
        "number": number,
        "issuer": issuer,
        "valid_from": first,
        "valid_to": last,
        "is_long_term": last is None,
    }


def _written(day: date) -> str:
    return f"{day.year}年{day.month:02d}月{day.day:02d}日"


def _rows(applicant: Applicant, first: date, last: date | None) -> list[scans.Row]:
    trades = "贸易" in applicant.name or "销售" in applicant.name
    return [
        ("类型", "股份有限公司" if "股份" in applicant.name else "有限责任公司"),
        ("住所", applicant.address),
        ("法定代表人", applicant.legal_representative),
        ("注册资本", CAPITAL[applicant.serial % len(CAPITAL)]),
        ("成立日期", _written(applicant.founded_on)),
        ("营业期限", f"{_written(first)}至{_written(last) if last else '长期'}"),
        ("经营范围", "化工原料及产品的批发、零售与仓储服务" if trades else "塑料制品、合成材料的研发、制造与销售"),
    ]


def _merged_licence(applicant: Applicant, today: date) -> Scan:
    first, last = _validity(applicant, today)
    issuer = f"{applicant.city.name}市市场监督管理局"
    rows = _rows(applicant, first, last)
    code = applicant.credit_code
    scan = scans.licence("营业执照", applicant.name, f"统一社会信用代码 {code}", rows, issuer, _written(first))
    return Scan("merged_licence", "营业执照.png", scan, _printed(code, issuer, first, last))


def _old_papers(applicant: Applicant, today: date) -> list[Scan]:
    """Business licence, organisation code certificate, and one tax registration of both authorities."""
    first, last = _validity(applicant, today)
    city, code = applicant.city, applicant.organisation_code
    registration = f"{city.division}{applicant.serial:09d}"
    tax_number = f"{city.division}{code}"
    issuers = (f"{city.name}市工商行政管理局", f"{city.name}市质量技术监督局", f"{city.name}市税务局")
    return [
        Scan(
            "business_licence",
            "营业执照.png",
            scans.licence(
                "企业法人营业执照",
                applicant.name,
                f"注册号 {registration}",
                _rows(applicant, first, last),
                issuers[0],
                _written(first),
            ),
            _printed(registration, issuers[0], first, last),
        ),
        Scan(
            "organisation_code_certificate",
            "组织机构代码证.png",
            scans.licence(
                "组织机构代码证",
                applicant.name,
                f"代码 {code[:8]}-{code[8]}",
                [("机构类型", "企业法人"), ("地址", applicant.address)],
                issuers[1],
                _written(first),
            ),
            _printed(code, issuers[1], first, last),
        ),
        Scan(
            "tax_registration_joint",
            "税务登记证.png",
            scans.licence(
                "税务登记证",
                applicant.name,
                f"税字 {tax_number} 号",
                [("法定代表人", applicant.legal_representative), ("地址", applicant.address)],
                issuers[2],
                _written(first),
            ),
            _printed(tax_number, issuers[2], first, None),
        ),
    ]


def annex(applicant: Applicant) -> bytes:
    """客户开户审批表, filled in, signed and sealed."""
    typed = applicant.particulars()
    wanted = "；".join(f"{LINE_WORDS[line]}（{CLASS_WORDS[name]}）" for line, name in applicant.lines.items())
    rows = [
        ("信用代码", applicant.credit_code or applicant.organisation_code),
        ("法定代表人", applicant.legal_representative),
        ("注册地址", applicant.address),
        ("联系人", typed["contact_name"]),
        ("联系电话", typed["phone"]),
        ("开户行", typed["bank_name"]),
        ("账号", typed["bank_account"]),
        ("申请产品", wanted),
    ]
    return scans.form("客户开户审批表", applicant.name, rows, applicant.legal_representative)


def declaration(applicant: Applicant) -> bytes:
    """An exclusive agent's declaration (CHEM-10.3)."""
    kinds = "、".join(LINE_WORDS[line] for line, name in applicant.lines.items() if name == "exclusive_agent")
    words = f"本公司承诺在代理区域内只经营贵公司的{kinds}产品，不销售其他品牌的同类产品。"
    return scans.form("独家经营声明", applicant.name, [("声明", words)], applicant.legal_representative)

"""A company with people, and applications as an account manager would write them; files as scanners make them."""

from __future__ import annotations

import io
import itertools
import zlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from PIL import Image
from pypdf import PdfWriter
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW
from tierflow.common.identifiers import organisation_check_character
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.kernel.roles import Actor, Role
from tierflow.onboarding.models import Application
from tierflow.onboarding.rules.chain import Given
from tierflow.onboarding.rules.entry import conditions_for
from tierflow.onboarding.service import deciding, drafts, papers
from tierflow.onboarding.service.access import case_of

_colours = itertools.count()


def credit_code(number: int = 1, region: str = "310000") -> str:
    """A sound unified social credit code, another for each number."""
    from stdnum.cn import uscc

    body = f"{number:08d}"
    code = f"91{region}{body}{organisation_check_character(body)}"
    return code + uscc.calc_check_digit(code)


def with_wrong_organisation_code() -> str:
    """A code whose own check character fits, while that of the organisation code inside does not."""
    from stdnum.cn import uscc

    sound = credit_code(9)
    wrong = "0" if sound[16] != "0" else "1"
    return sound[:16] + wrong + uscc.calc_check_digit(sound[:16] + wrong)


def png(size: tuple[int, int] = (60, 40), colour: int | None = None) -> bytes:
    """A small scan, another colour every time."""
    shade = next(_colours) if colour is None else colour
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade % 256, shade // 256 % 256, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def jpg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (next(_colours) % 256, 20, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


def pdf(pages: int = 1) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.add_metadata({"/Title": str(next(_colours))})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def pdf_with_objects_packed(catalog: bytes = b"") -> bytes:
    """A PDF whose catalog stands in a compressed object stream, where no plain search finds it."""
    objects = [
        (1, b"<< /Type /Catalog /Pages 2 0 R " + catalog + b" >>"),
        (2, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"),
        (3, b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"),
    ]
    head, body = b"", b""
    for number, content in objects:
        head += b"%d %d " % (number, len(body))
        body += content + b" "
    packed = zlib.compress(head + body)
    out = b"%PDF-1.5\n"
    first = len(out)
    out += b"4 0 obj\n<< /Type /ObjStm /N 3 /First %d /Filter /FlateDecode /Length %d >>\nstream\n" % (
        len(head),
        len(packed),
    )
    out += packed + b"\nendstream\nendobj\n"
    second = len(out)
    rows = bytes(6) + b"".join(b"\2\0\0\0\4" + bytes([i]) for i in range(3))
    rows += b"".join(b"\1" + place.to_bytes(4, "big") + b"\0" for place in (first, second))
    table = zlib.compress(rows)
    out += b"5 0 obj\n<< /Type /XRef /Size 6 /W [1 4 1] /Root 1 0 R /Filter /FlateDecode /Length %d >>\nstream\n" % len(
        table
    )
    return out + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % second


@dataclass
class Company:
    """The people and lines of a test; actors by name."""

    region: int
    other_region: int
    polyolefin: int
    other_line: int
    users: dict[str, User] = field(default_factory=dict)

    def actor(self, session: Session, name: str, now: datetime = NOW) -> Actor:
        return builders.actor(session, session.get_one(User, self.users[name].id), now)

    def id_of(self, name: str) -> int:
        return self.users[name].id


def company(session: Session) -> Company:
    """One region with its sales manager, two account managers, finance, general manager, and onlookers."""
    east, west = builders.region(session), builders.region(session, "WEST", "华西")
    po = builders.line(session)
    chem = builders.line(session, "CH", "苯乙烯", "other")
    people = {
        "li": (Role.ACCOUNT_MANAGER,),
        "wang": (Role.ACCOUNT_MANAGER,),
        "sales": ((Role.SALES_MANAGER, east.id),),
        "sales_west": ((Role.SALES_MANAGER, west.id),),
        "finance": (Role.FINANCE_REVIEWER,),
        "finance2": (Role.FINANCE_REVIEWER,),
        "gm": (Role.GENERAL_MANAGER,),
        "committee": (Role.COMMITTEE_MEMBER,),
        "admin": (Role.ADMINISTRATOR,),
    }
    users = {login: builders.user(session, login, *roles, name=f"人{login}") for login, roles in people.items()}
    session.flush()
    for row in users.values():
        session.refresh(row)
        session.expunge(row)
    return Company(east.id, west.id, po.id, chem.id, users)


def particulars(place: Company, number: int = 1, **changed: Any) -> dict[str, Any]:
    """What is typed into a complete application."""
    return {
        "name": f"华东塑料第{number}有限公司",
        "credit_code": credit_code(number),
        "legal_representative": f"赵{number}",
        "address": "上海市浦东新区世纪大道1号",
        "contact_name": "钱二",
        "phone": f"138{number:08d}",
        "email": "a@example.com",
        "region_id": place.region,
        "bank_name": "中国工商银行上海分行",
        "bank_account": f"1001{number:012d}",
        "invoice_address": "上海市浦东新区世纪大道1号",
        "invoice_phone": "021-61234567",
        **changed,
    }


def lines(*asked: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"product_line_id": line_id, "customer_class": name} for line_id, name in asked]


def answers(*classes: str) -> list[dict[str, Any]]:
    """Every entry condition met, with evidence in words."""
    return [
        {"customer_class": name, "item": condition.item, "answer": "yes", "evidence": "见现场考察记录"}
        for name, condition in conditions_for(classes)
    ]


def printed(number: str, **changed: Any) -> dict[str, Any]:
    return {
        "number": number,
        "issuer": "市场监督管理局",
        "valid_from": date(2020, 1, 1),
        "valid_to": None,
        "is_long_term": True,
        **changed,
    }


def drafted(
    session: Session, place: Company, number: int = 1, *, who: str = "li", now: datetime = NOW, **changed: Any
) -> Application:
    """A complete application in draft: one polyolefin dealer line unless `lines` says otherwise."""
    actor = place.actor(session, who, now)
    data = particulars(place, number, **changed)
    data.setdefault("lines", lines((place.polyolefin, "dealer")))
    data.setdefault("checks", answers(*{row["customer_class"] for row in data["lines"]}))
    application = drafts.create_draft(session, actor, now, data)
    licence = Upload("营业执照.png", png())
    papers.add_paper(session, actor, application.id, "merged_licence", licence, printed(data["credit_code"]), now)
    papers.add_paper(session, actor, application.id, "annex1_signed", Upload("开户审批表.pdf", pdf()), {}, now)
    return application


def submitted(session: Session, place: Company, number: int = 1, *, who: str = "li", **changed: Any) -> Application:
    application = drafted(session, place, number, who=who, **changed)
    hand_in(session, place, application, who)
    return application


def hand_in(session: Session, place: Company, application: Application, who: str = "li", now: datetime = NOW) -> None:
    deciding.submit(session, place.actor(session, who, now), application.id, now, seen_version=application.version)


def seen(session: Session, application: Application) -> Any:
    from tierflow.common.approvals import Seen

    case = case_of(session, application.id)
    return Seen(case.version, case.step or "")


def passes(session: Session, application: Application) -> list[Given]:
    """Every item of the waiting step passed."""
    case = case_of(session, application.id)
    return [Given(item.key, "pass") for item in deciding.items_for(session, case, case.step or "")]


def approve(
    session: Session, place: Company, application: Application, who: str, now: datetime = NOW, **more: Any
) -> Any:
    from tierflow.kernel.approval import Verdict

    return deciding.decide(
        session,
        place.actor(session, who, now),
        application.id,
        seen(session, application),
        Verdict.APPROVE,
        now,
        items=more.pop("items", None) or passes(session, application),
        **more,
    )


def send_back(
    session: Session, place: Company, application: Application, who: str, item: str, remark: str, now: datetime = NOW
) -> Any:
    from tierflow.kernel.approval import Verdict

    return deciding.decide(
        session,
        place.actor(session, who, now),
        application.id,
        seen(session, application),
        Verdict.RETURN,
        now,
        items=[Given(item, "fail", remark)],
    )

"""The demo company's applications, each taken as far as its table says, through the services people use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from tierflow.common import approvals
from tierflow.common.approvals import Seen
from tierflow.common.uploads import Upload
from tierflow.common.users import User, actor_of
from tierflow.demo import company, papers
from tierflow.demo.applicants import Applicant
from tierflow.demo.diary import Diary, Story
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.onboarding.models import Application
from tierflow.onboarding.rules.chain import FINANCE, MANAGEMENT, SALES, Given
from tierflow.onboarding.rules.entry import conditions_for
from tierflow.onboarding.service import deciding, drafts
from tierflow.onboarding.service import papers as scanned
from tierflow.onboarding.service.access import case_of

STEPS = (SALES, FINANCE, MANAGEMENT)

EVIDENCE = {
    "producer_of_scale": "年产能证明及厂区照片，现场走访核实，自有厂房，员工一百五十余人。",
    "sound_funds": "近两年审计报告，资产负债率低于六成，无逾期贷款。",
    "direct_use": "生产工艺说明及原料采购台账，产品全部自用。",
    "steady_and_honest": "企业信用信息公示系统无异常记录，合作单位评价良好。",
    "strong_funds": "开户行资信证明，注册资本已实缴，流动资金充足。",
    "good_repute": "两家上下游企业出具的合作评价。",
    "able_to_sell": "下游客户名单及近一年销售合同，自有仓储与车队。",
    "only_our_products": "近一年采购合同清单，本区域同类产品均采自本公司。",
    "exclusivity_declaration": "加盖公章的独家经营声明。",
}


@dataclass(frozen=True)
class Cast:
    """Everybody and everything the stories need: accounts by login, ids by code."""

    session: Session
    diary: Diary
    users: Mapping[str, User]
    region_ids: Mapping[str, int]
    line_ids: Mapping[str, int]
    delegated_from: datetime  # from then on somebody stands in for the sales manager of the south

    def actor(self, login: str, at: datetime) -> Actor:
        """The person as they could act that day."""
        return actor_of(self.session, self.users[login], local_day(at))

    def decider(self, step: str, applicant: Applicant, at: datetime) -> Actor:
        """Who gives a step's verdict."""
        region = applicant.city.region
        if step == SALES:
            away = region == "SOUTH" and at >= self.delegated_from
            return self.actor(company.SALES_MANAGER_OF["EAST" if away else region], at)
        if step == FINANCE:
            return self.actor(company.FINANCE[applicant.serial % 2], at)
        return self.actor(company.GENERAL_MANAGER, at)


@dataclass
class _Opening:
    """One application as its story goes on."""

    cast: Cast
    applicant: Applicant
    started: int  # working days ago
    manager: str
    application: Application | None = None

    @property
    def id(self) -> int:
        assert self.application is not None  # noqa: S101 - every story begins with a draft
        return self.application.id

    def begin(self, at: datetime, fields: Sequence[str] | None = None) -> None:
        """A draft with the particulars, or only some of them."""
        typed: dict[str, object] = {**self.applicant.particulars(), "region_id": self.region_id}
        kept = typed if fields is None else {key: value for key, value in typed.items() if key in fields}
        self.application = drafts.create_draft(self.cast.session, self.actor(at), at, kept)

    @property
    def region_id(self) -> int:
        return self.cast.region_ids[self.applicant.city.region]

    def actor(self, at: datetime) -> Actor:
        """The account manager."""
        return self.cast.actor(self.manager, at)

    def save(self, at: datetime, **data: object) -> None:
        """Save some fields."""
        assert self.application is not None  # noqa: S101
        drafts.save_draft(self.cast.session, self.actor(at), self.id, data, at, seen_version=self.application.version)

    def ask_for_lines(self, at: datetime) -> None:
        """Product lines with their classes, and the entry conditions answered."""
        lines = [
            {"product_line_id": self.cast.line_ids[code], "customer_class": name}
            for code, name in self.applicant.lines.items()
        ]
        checks = [
            {"customer_class": name, "item": row.item, "answer": "yes", "evidence": EVIDENCE[row.item]}
            for name, row in conditions_for(self.applicant.lines.values())
        ]
        self.save(at, lines=lines, checks=checks)
        for name, row in conditions_for(self.applicant.lines.values()):
            if row.needs_file:
                upload = Upload("独家经营声明.pdf", papers.declaration(self.applicant))
                scanned.attach_evidence(self.cast.session, self.actor(at), self.id, name, row.item, upload, at)

    def add_papers(self, at: datetime, *, annex: bool = True) -> None:
        """Every paper the applicant has, with its scan."""
        for paper in papers.of(self.applicant, self.cast.diary.today):
            if paper.kind == "annex1_signed" and not annex:
                continue
            upload = Upload(paper.file_name, paper.scan)
            scanned.add_paper(self.cast.session, self.actor(at), self.id, paper.kind, upload, paper.printed, at)

    def submit(self, at: datetime) -> None:
        """Hand in."""
        assert self.application is not None  # noqa: S101
        version = self.application.version
        deciding.submit(self.cast.session, self.actor(at), self.id, at, seen_version=version)

    def decide(
        self,
        at: datetime,
        verdict: Verdict = Verdict.APPROVE,
        *,
        reason: str = "",
        failed: Mapping[str, str] | None = None,
        struck: Mapping[int, str] | None = None,
    ) -> None:
        """The waiting step gives its verdict; `failed` maps items to what is wrong with them."""
        session = self.cast.session
        case = case_of(session, self.id)
        assert case.step is not None  # noqa: S101
        failed = dict(failed or {})
        given = [
            Given(item.key, "fail", failed[item.key]) if item.key in failed else Given(item.key, "pass")
            for item in deciding.items_for(session, case, case.step)
            if item.key not in {f"line.{line_id}" for line_id in struck or {}}
        ]
        actor = self.cast.decider(case.step, self.applicant, at)
        seen = Seen(case.version, case.step)
        deciding.decide(session, actor, self.id, seen, verdict, at, reason=reason, items=given, struck=struck)

    def ask(self, at: datetime, login: str, question: str, kind: str = "ask") -> int:
        """The waiting step asks a colleague."""
        case = case_of(self.cast.session, self.id)
        assert case.step is not None  # noqa: S101
        asker = self.cast.decider(case.step, self.applicant, at)
        asked = self.cast.users[login].id
        return deciding.ask(self.cast.session, asker, self.id, asked, question, kind, at).id


def story(cast: Cast, applicant: Applicant, started: int) -> Story:
    """An application from its first draft, `started` working days ago, to where it stands now."""
    manager = company.MANAGERS_OF[applicant.city.region][applicant.serial % 2]
    opening = _Opening(cast, applicant, started, manager)
    if applicant.stands == "draft":
        return _draft(opening)
    if applicant.stands == "discarded":
        return _discarded(opening)
    return _handed_in(opening)


def _moment(opening: _Opening, days_after: int, hour: int) -> datetime:
    minute = opening.applicant.serial * 7 % 60
    return opening.cast.diary.at(max(opening.started - days_after, 1), hour, minute)


def _draft(opening: _Opening) -> Story:
    """Four drafts, each a little further: a name, particulars, lines, all but annex 1."""
    progress = opening.applicant.serial % 4
    fields = ("name", "credit_code", "region_id") if progress == 0 else None
    at = _moment(opening, 0, 10)
    yield at
    opening.begin(at, fields)
    if progress >= 2:
        at = _moment(opening, 0, 11)
        yield at
        opening.ask_for_lines(at)
    if progress == 3:
        at = _moment(opening, 0, 15)
        yield at
        opening.add_papers(at, annex=False)


def _discarded(opening: _Opening) -> Story:
    at = _moment(opening, 0, 10)
    yield at
    opening.begin(at)
    at = _moment(opening, 3, 16)
    yield at
    drafts.discard(opening.cast.session, opening.actor(at), opening.id, at, reason="对方已转向其他供应商。")


def _handed_in(opening: _Opening) -> Story:
    applicant = opening.applicant
    at = _moment(opening, 0, 9)
    yield at
    opening.begin(at)
    at += timedelta(minutes=35)
    yield at
    opening.ask_for_lines(at)
    at += timedelta(minutes=50)
    yield at
    opening.add_papers(at)
    at = _moment(opening, 0, 14)
    yield at
    opening.submit(at)
    if applicant.stands == "withdrawn":
        at = _moment(opening, 1, 11)
        yield at
        reason = "开户行信息有变，更正后重新提交。"
        deciding.withdraw(opening.cast.session, opening.actor(at), opening.id, at, reason=reason)
        return
    yield from _chain(opening)


def _chain(opening: _Opening) -> Story:
    """Sales, finance, general manager, a working day each, as far as the application has come."""
    applicant = opening.applicant
    for number, step in enumerate(STEPS, start=1):
        if applicant.stands == step:
            if applicant.note == "opinion asked":
                yield from _asked(opening)
            return
        at = _moment(opening, number, 9 + 2 * number)
        yield at
        ended = _bad_end(applicant, step)
        if ended is not None:
            verdict, reason, failed = ended
            opening.decide(at, verdict, reason=reason, failed=failed)
            return
        if step == FINANCE and applicant.note in _INTERLUDES:
            yield from _INTERLUDES[applicant.note](opening, at)
            at += timedelta(hours=4)
            yield at
        opening.decide(at, reason=_remark(applicant, step), struck=_struck(opening, step))


def _remark(applicant: Applicant, step: str) -> str:
    if step == MANAGEMENT:
        return ("同意开户。", "同意。", "同意，按制度执行。")[applicant.serial % 3]
    return "" if applicant.serial % 3 else "资料齐全，核对无误。"


def _struck(opening: _Opening, step: str) -> dict[int, str] | None:
    if opening.applicant.note != "struck" or step != SALES:
        return None
    return {opening.cast.line_ids["ME"]: "本区域甲醇经销商已满，先办理芳烃。"}


def _bad_end(applicant: Applicant, step: str) -> tuple[Verdict, str, dict[str, str]] | None:
    """The verdict that ends the story here: sent back or refused."""
    if applicant.stands == "returned" and applicant.note == f"by {step}":
        failed = (
            {"bank_account": "开户行名称与开户许可证不一致，请更正并核对账号。"}
            if step == FINANCE
            else {"address": "注册地址与营业执照不一致。", "contact": "联系电话无人接听，请核实。"}
        )
        return Verdict.RETURN, "请更正后重新提交。", failed
    if applicant.stands == "rejected" and applicant.note == f"by {step}":
        if step == SALES:
            return Verdict.REJECT, "现场走访发现无经营场所，与申报情况不符。", {}
        return Verdict.REJECT, "该企业存在未结诉讼，暂不予开户。", {}
    return None


def _asked(opening: _Opening) -> Story:
    """The waiting step asks one colleague and copies another in; neither has looked yet."""
    at = _moment(opening, 9, 16)
    yield at
    opening.ask(at, "dengchao", "该客户拟作为佛山区域薄膜经销商，是否符合经销商布点安排？")
    opening.ask(at, "fanghui", "知会：华南新增经销商申请，资料齐备。", "copy")


def _asked_and_answered(opening: _Opening, at: datetime) -> Iterator[datetime]:
    """Finance asks the distribution company, which answers; the chain waits for nobody."""
    opinion = opening.ask(at, "fanghui", "请协助查询该企业在集团内是否有欠款或违约记录。")
    at += timedelta(hours=2)
    yield at
    words = "经查，集团内无欠款、无违约记录。"
    approvals.answer(opening.cast.session, opinion, words, opening.cast.actor("fanghui", at), at)


def _returned_once(opening: _Opening, at: datetime) -> Iterator[datetime]:
    """Finance sends it back for the bank account; it is corrected and handed in again."""
    words = "开户行名称与账号不匹配，请更正。"
    opening.decide(at, Verdict.RETURN, reason="请更正开票资料。", failed={"bank_account": words})
    at += timedelta(hours=1)
    yield at
    branch = f"{opening.applicant.particulars()['bank_name'].removesuffix('营业部')}高新支行"
    opening.save(at, bank_name=branch)
    at += timedelta(minutes=20)
    yield at
    opening.submit(at)


_INTERLUDES = {"opinion": _asked_and_answered, "returned once": _returned_once}


def days_since(applicants: Sequence[Applicant], today: date) -> dict[int, int]:
    """For each applicant, how many working days ago the story began: customers over the past year and a half."""
    approved = [row for row in applicants if row.stands == "approved"]
    # Shuffled by a fixed stride, so that regions and cities mix.
    order = sorted(approved, key=lambda row: row.serial * 29 % 97)
    began = {row.serial: 330 - place * 23 // 3 for place, row in enumerate(order)}
    recent = {"sales": 2, "finance": 3, "management": 4, "withdrawn": 5, "returned": 4, "rejected": 30, "discarded": 20}
    for row in applicants:
        if row.stands != "approved":
            late = 8 if row.note == "overdue" else 0
            began[row.serial] = recent.get(row.stands, 1) + row.serial % 2 + late
    return began

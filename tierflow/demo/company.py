"""Who works at the demo company, and where: regions, offices, warehouses, product lines, people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tierflow.demo import codes
from tierflow.kernel.roles import ROLE_LABELS, Role
from tierflow.web.i18n import translator

# Long enough for policy, short enough to type. It opens demo companies only: no other database is ever given it.
PASSWORD = "demo-petrol-2026"  # noqa: S105


@dataclass(frozen=True)
class Place:
    """A region, department, office or warehouse."""

    code: str
    name: str
    address: str = ""
    office: str = ""


REGIONS = (Place("EAST", "华东"), Place("SOUTH", "华南"), Place("NORTH", "华北"))

DEPARTMENTS = (
    Place("SALES", "销售部"),
    Place("FINANCE", "财务部"),
    Place("MANAGEMENT", "总经理办公室"),
    Place("FACTORY", "驻厂管理部"),
    Place("LOGISTICS", "储运部"),
    Place("PARENT", "产品经销公司化工品销售部"),
    Place("IT", "信息部"),
)

OFFICES = (Place("ZHENHAI", "镇海驻厂办"), Place("MAOMING", "茂名驻厂办"))

# What each office is concerned with: (line or "" for every one, region or "" for every one).
TIES = {"ZHENHAI": (("", "EAST"), ("AR", "NORTH")), "MAOMING": (("", "SOUTH"), ("ME", ""))}

WAREHOUSES = (
    Place("ZH-01", "镇海一号库", "浙江省宁波市镇海区滨海路8号", "ZHENHAI"),
    Place("ZH-02", "镇海芳烃罐区", "浙江省宁波市镇海区滨海路26号", "ZHENHAI"),
    Place("MM-01", "茂名成品库", "广东省茂名市茂南区环市西路35号", "MAOMING"),
    Place("TJ-01", "天津港中转库", "天津市滨海新区临港经济区渤海十路9号"),
)


@dataclass(frozen=True)
class Line:
    """A product line, its scheme (CHEM-9.1) and its products as (code, name, English name)."""

    code: str
    name: str
    name_en: str
    scheme: str
    products: tuple[tuple[str, str, str], ...]


LINES = (
    Line(
        "PO",
        "聚烯烃",
        "Polyolefin",
        "polyolefin",
        (
            ("PE-LLD", "聚乙烯 LLDPE 7042", "LLDPE 7042"),
            ("PE-HD", "聚乙烯 HDPE 5000S", "HDPE 5000S"),
            ("PP-RAF", "聚丙烯 T30S", "PP T30S"),
            ("PP-INJ", "聚丙烯 K8003", "PP K8003"),
        ),
    ),
    Line(
        "AR",
        "芳烃",
        "Aromatics",
        "other",
        (("BZ", "纯苯", "Benzene"), ("TOL", "甲苯", "Toluene"), ("PX", "对二甲苯", "Paraxylene")),
    ),
    Line("ME", "甲醇", "Methanol", "other", (("MEOH", "精甲醇", "Refined methanol"),)),
)


@dataclass(frozen=True)
class Employee:
    """Somebody with an account. `scope` is the code of the region, office or warehouse the role is held for."""

    login: str
    name: str
    department: str
    role: Role
    scope: str = ""


PEOPLE = (
    Employee("chenjing", "陈静", "SALES", Role.ACCOUNT_MANAGER),
    Employee("zhaolei", "赵磊", "SALES", Role.ACCOUNT_MANAGER),
    Employee("liyan", "李艳", "SALES", Role.ACCOUNT_MANAGER),
    Employee("huangwei", "黄伟", "SALES", Role.ACCOUNT_MANAGER),
    Employee("zhangqiang", "张强", "SALES", Role.ACCOUNT_MANAGER),
    Employee("wangli", "王丽", "SALES", Role.ACCOUNT_MANAGER),
    Employee("zhoujianguo", "周建国", "SALES", Role.SALES_MANAGER, "EAST"),
    Employee("linxiaofeng", "林晓峰", "SALES", Role.SALES_MANAGER, "SOUTH"),
    Employee("sunhaiyan", "孙海燕", "SALES", Role.SALES_MANAGER, "NORTH"),
    Employee("wumin", "吴敏", "FINANCE", Role.FINANCE_REVIEWER),
    Employee("zhenghao", "郑浩", "FINANCE", Role.FINANCE_REVIEWER),
    Employee("gaojun", "高军", "MANAGEMENT", Role.GENERAL_MANAGER),
    Employee("luogang", "罗刚", "FACTORY", Role.RESIDENT_OFFICE, "ZHENHAI"),
    Employee("hexue", "何雪", "FACTORY", Role.RESIDENT_OFFICE, "MAOMING"),
    Employee("tangbo", "唐波", "LOGISTICS", Role.WAREHOUSE_KEEPER, "ZH-01"),
    Employee("caoning", "曹宁", "LOGISTICS", Role.WAREHOUSE_KEEPER, "MM-01"),
    Employee("fanghui", "方慧", "PARENT", Role.DISTRIBUTION_COMPANY),
    Employee("dengchao", "邓超", "MANAGEMENT", Role.COMMITTEE_MEMBER),
    Employee("yaoling", "姚玲", "FINANCE", Role.COMMITTEE_MEMBER),
)

# The two every company begins with; they approve each other's grants.
ADMINISTRATORS = (
    Employee("qinfeng", "秦峰", "IT", Role.ADMINISTRATOR),
    Employee("shaoyun", "邵芸", "IT", Role.ADMINISTRATOR),
)

# Whose customers: two account managers a region, in turn.
MANAGERS_OF = {"EAST": ("chenjing", "zhaolei"), "SOUTH": ("liyan", "huangwei"), "NORTH": ("zhangqiang", "wangli")}
SALES_MANAGER_OF = {"EAST": "zhoujianguo", "SOUTH": "linxiaofeng", "NORTH": "sunhaiyan"}
FINANCE = ("wumin", "zhenghao")
GENERAL_MANAGER = "gaojun"
GIVER, TAKER = "huangwei", "zhangqiang"  # of a handover

# Saved under a name: whose, on which list, and what the address says.
FILTERS = (
    ("chenjing", "customers", "证照 60 天内到期", "expiring=60"),
    ("zhoujianguo", "customers", "经销商", "class=dealer"),
    ("wumin", "customers", "证照将到期", "expiring=60"),
    ("gaojun", "customers", "独家代理商", "class=exclusive_agent"),
)


@dataclass(frozen=True)
class OldSinner:
    """A company on the list that opening an account checks (CHEM-17), with every name it went by."""

    names: tuple[str, ...]
    credit_code: str
    legal_representative: str
    ground: str
    reason: str
    since: date


DISQUALIFIED = (
    OldSinner(
        ("宁波鼎盛源化工有限公司", "宁波鼎源化工贸易有限公司"),
        codes.credit_code("330203", codes.organisation_code("MA", 900_137)),
        "邬世昌",
        "fraud",
        "提供伪造的纳税证明，骗取直销价格。",
        date(2024, 6, 18),
    ),
    OldSinner(
        ("东莞宏昌达塑胶原料有限公司",),
        codes.credit_code("441900", codes.organisation_code("MA", 900_274)),
        "麦国荣",
        "loss",
        "拒付仓储与质量赔偿款，造成较大经济损失。",
        date(2023, 11, 2),
    ),
    OldSinner(
        ("临沂沂蒙金达化工有限公司",),
        codes.credit_code("371302", codes.organisation_code("MA", 900_411)),
        "公茂森",
        "law",
        "因非法经营危险化学品被立案查处。",
        date(2025, 3, 27),
    ),
)


def logins() -> tuple[dict[str, str], ...]:
    """Every demo login: role in both languages with place and person, login name, password."""
    chinese = translator("zh")
    places = {place.code: place.name for place in (*REGIONS, *OFFICES, *WAREHOUSES)}
    return tuple(
        {
            "role": " · ".join(
                filter(None, (chinese(ROLE_LABELS[who.role]), ROLE_LABELS[who.role], places.get(who.scope), who.name))
            ),
            "name": who.login,
            "password": PASSWORD,
        }
        for who in (*PEOPLE, *ADMINISTRATORS)
    )

"""What the demo's customers complain about, ask, and how far each matter has come: a table, no chance in it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grievance:
    """A complaint. `ago`: working days before today on which the customer spoke, at `hour` o'clock.

    `stands`: handling, consulting, meeting, in_approval, extending, extended, approved, answered, closed, reopened.
    `took`: after how many working days the customer was told, for those that were. `nth`: which of the region's
    customers; None: a company nobody knows yet.
    """

    region: str
    nth: int | None
    product: str
    severity: str
    ago: int
    stands: str
    facts: str
    demand: str = ""
    tonnes: str = ""
    batch: str = ""
    channel: str = "phone"
    hour: int = 10
    took: int = 1
    measure: tuple[str, str] = ("replacement", "同牌号合格品调换")
    cause: str = "同批次留样复检，与客户反映一致，系装置切换牌号时过渡料混入。"
    satisfaction: int = 4
    breach: str = ""
    customer_name: str = ""


OPEN = (
    Grievance(
        "EAST",
        0,
        "PE-LLD",
        "general",
        1,
        "handling",
        "到货 7042 有 6 包破损受潮，影响投料。",
        "调换破损包",
        "0.15",
        "7042-2611-18",
        hour=15,
    ),
    Grievance(
        "EAST",
        3,
        "PP-RAF",
        "general",
        1,
        "consulting",
        "T30S 拉丝断头率偏高，同配方前一批正常。",
        "派人到厂",
        "24",
        "T30S-2611-09",
        "wechat",
        9,
    ),
    Grievance(
        "SOUTH",
        1,
        "BZ",
        "general",
        2,
        "handling",
        "纯苯到岸水含量 0.06%，高于质检单。",
        "复检并说明",
        "60",
        "BZ-2611-04",
    ),
    Grievance(
        "NORTH",
        0,
        "MEOH",
        "general",
        4,
        "handling",
        "卸车计量少 0.42 吨，流量计与地磅不符。",
        "按地磅结算",
        "32.5",
        "MEOH-2611-02",
        hour=16,
    ),
    Grievance(
        "EAST",
        5,
        "PE-HD",
        "major",
        1,
        "handling",
        "5000S 挤出制品表面有黑点，已停一条线。",
        "更换整批并到厂分析",
        "48",
        "5000S-2611-07",
        "visit",
        11,
    ),
    Grievance(
        "SOUTH",
        4,
        "PP-INJ",
        "major",
        2,
        "in_approval",
        "K8003 抗冲强度低于标准值，汽车件试模不合格。",
        "换货",
        "32",
        "K8003-2611-05",
        hour=9,
    ),
    Grievance(
        "NORTH",
        2,
        "PE-LLD",
        "major",
        2,
        "extending",
        "薄膜开口性差，客户要求送第三方检测。",
        "检测后退换",
        "96",
        "7042-2611-11",
        hour=10,
    ),
    Grievance(
        "EAST",
        8,
        "TOL",
        "major",
        3,
        "extended",
        "甲苯色度超标，客户涂料批次返工。",
        "检测后赔偿返工费",
        "28",
        "TOL-2611-03",
        hour=9,
    ),
    Grievance(
        "EAST",
        2,
        "PP-RAF",
        "serious",
        1,
        "meeting",
        "整车 T30S 混入回料，客户出口订单被拒收。",
        "退货并赔偿出口损失",
        "120",
        "T30S-2611-12",
        "visit",
        14,
    ),
    Grievance(
        "SOUTH",
        6,
        "PX",
        "serious",
        2,
        "in_approval",
        "对二甲苯纯度 99.2%，低于合同 99.7%，客户装置降负荷。",
        "退货、补偿降负荷损失",
        "480",
        "PX-2611-01",
        hour=8,
    ),
    Grievance(
        "NORTH",
        4,
        "PE-HD",
        "general",
        1,
        "approved",
        "随车质检单与实物批号不符。",
        "补发质检单",
        "30",
        "5000S-2611-10",
        hour=9,
    ),
    Grievance(
        "SOUTH",
        None,
        "PP-RAF",
        "general",
        1,
        "handling",
        "自称经销商转卖的 T30S，包装袋印字模糊，怀疑非原厂。",
        "核实真伪",
        "5",
        channel="email",
        hour=16,
        customer_name="揭阳市普宁兴业塑料制品厂",
    ),
    Grievance(
        "EAST",
        1,
        "PE-LLD",
        "general",
        5,
        "answered",
        "两托盘缠绕膜松散，装卸时散包。",
        "以后加固",
        "2",
        "7042-2611-03",
        measure=("improvement", "包装线加装缠绕张力检测"),
    ),
    Grievance(
        "NORTH",
        1,
        "BZ",
        "major",
        9,
        "answered",
        "纯苯总硫偏高，客户催化剂有中毒迹象。",
        "降价并承担检测费",
        "90",
        "BZ-2611-01",
        took=3,
        measure=("reduction", "本批每吨降价 120 元"),
    ),
    Grievance(
        "EAST",
        6,
        "PE-HD",
        "general",
        24,
        "reopened",
        "包装袋封口开线，上次换货后再次出现。",
        "彻底整改",
        "12",
        "5000S-2610-08",
        measure=("replacement", "换货 12 吨"),
    ),
)

_TOLD = (
    ("EAST", 4, "PE-LLD", "general", 16, 1, "7042 包装袋印刷批号不清。", "service", 5),
    ("SOUTH", 0, "PP-INJ", "general", 22, 1, "K8003 颗粒中有长条料。", "replacement", 4),
    ("NORTH", 3, "MEOH", "major", 31, 3, "甲醇乙醇含量偏高，影响甲醛装置。", "reduction", 3),
    ("EAST", 7, "PP-RAF", "general", 38, 2, "T30S 熔指偏低，拉丝机跳闸。", "replacement", 2),
    ("SOUTH", 2, "TOL", "general", 47, 1, "甲苯提单与罐号不符，等待四小时。", "compensation", 4),
    ("EAST", 0, "PE-HD", "major", 55, 2, "5000S 制品开裂，疑环境应力不足。", "return", 4),
    ("NORTH", 5, "PE-LLD", "general", 68, 1, "短装一包。", "refund", 5),
    ("SOUTH", 5, "PX", "serious", 76, 3, "对二甲苯含水超标，客户整罐退货。", "return", 4),
    ("EAST", 2, "BZ", "general", 88, 1, "纯苯发货延误一天。", "compensation", 3),
    ("NORTH", 0, "PP-RAF", "major", 101, 4, "T30S 色粒污染，客户停机清机。", "compensation", 2),
    ("SOUTH", 3, "PE-LLD", "general", 117, 1, "薄膜有晶点，客户降级使用。", "reduction", 4),
)

MEASURES = {
    "service": "技术服务人员到厂指导调机",
    "replacement": "同牌号合格品调换",
    "reduction": "按降级品结算差价",
    "compensation": "补偿停机与等待损失",
    "return": "整批退货，货款退回",
    "refund": "退还短装货款",
}

BREACHES = {117: "客户将降级结算的货按正品转售。"}

TOLD = tuple(
    Grievance(
        region,
        nth,
        product,
        severity,
        ago,
        "closed",
        facts,
        tonnes="20",
        batch=f"{product}-{ago:03}",
        took=took,
        measure=(measure, MEASURES[measure]),
        satisfaction=satisfaction,
        breach=BREACHES.get(ago, ""),
    )
    for region, nth, product, severity, ago, took, facts, measure, satisfaction in _TOLD
)

GRIEVANCES = (*OPEN, *TOLD)


@dataclass(frozen=True)
class Question:
    """An inquiry (CHEM-4): open, answered, or closed with the customer's satisfaction."""

    region: str
    nth: int
    product: str
    ago: int
    question: str
    answer: str = ""
    channel: str = field(default="phone")
    satisfaction: int | None = None


QUESTIONS = (
    Question("EAST", 1, "PE-LLD", 1, "12 月 7042 的挂牌价与可供量？", channel="wechat"),
    Question("SOUTH", 2, "PP-INJ", 1, "K8003 有无食品接触合规证明？"),
    Question(
        "NORTH",
        1,
        "MEOH",
        6,
        "天津港中转库能否周末提货？",
        "可以，提前一日预约，周六上午九点至下午四点。",
        satisfaction=5,
    ),
    Question("EAST", 4, "PP-RAF", 4, "T30S 每包净重与托盘规格？", "每包 25 千克，每托 60 包，共 1.5 吨。"),
)

# (what it answers, name, words)
TEMPLATES = (
    (
        "complaint",
        "同意换货",
        "尊敬的{customer}：贵司反映的{number}号投诉已查明，我司同意调换，换货将于三个工作日内发出。",
    ),
    ("complaint", "需送检", "尊敬的{customer}：{number}号投诉需送第三方检测，检测结果出具后即时告知，敬请谅解。"),
    ("complaint", "整改说明", "尊敬的{customer}：{number}号投诉的原因已查明并整改，附整改说明，感谢贵司监督。"),
    (
        "inquiry",
        "可供量与价格",
        "尊敬的{customer}：{product}的挂牌价与可供量以当日公告为准，需求计划请于本月 25 日前报送。",
    ),
    ("inquiry", "资料随后寄出", "尊敬的{customer}：您询问的{product}资料将随{number}号咨询的答复一并发送，请查收。"),
)

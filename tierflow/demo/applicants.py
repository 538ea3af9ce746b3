"""The companies that apply at the demo company, and how far each has come.

None of them exists. One line a company: city, name, legal representative, the product lines and classes it asks for,
where its application stands, and what is special about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tierflow.demo import codes


@dataclass(frozen=True)
class City:
    """Where companies are: sales region, district code of the register, telephone code, and streets."""

    name: str
    region: str
    division: str
    telephone: str
    streets: tuple[str, ...]


CITIES = {
    city.name: city
    for city in (
        City("宁波", "EAST", "330203", "0574", ("浙江省宁波市海曙区中山西路", "浙江省宁波市北仑区黄山西路")),
        City("杭州", "EAST", "330108", "0571", ("浙江省杭州市滨江区江南大道", "浙江省杭州市萧山区市心北路")),
        City("上海", "EAST", "310115", "021", ("上海市浦东新区张杨路", "上海市嘉定区曹安公路")),
        City("苏州", "EAST", "320505", "0512", ("江苏省苏州市虎丘区狮山路", "江苏省苏州市吴中区东吴南路")),
        City("南京", "EAST", "320115", "025", ("江苏省南京市江宁区双龙大道", "江苏省南京市栖霞区和燕路")),
        City("台州", "EAST", "331003", "0576", ("浙江省台州市黄岩区二环东路", "浙江省台州市椒江区解放南路")),
        City("广州", "SOUTH", "440112", "020", ("广东省广州市黄埔区开创大道", "广东省广州市番禺区市桥大北路")),
        City("佛山", "SOUTH", "440605", "0757", ("广东省佛山市南海区桂澜路", "广东省佛山市顺德区容奇大道")),
        City("东莞", "SOUTH", "441900", "0769", ("广东省东莞市东城区莞樟路", "广东省东莞市虎门镇太沙路")),
        City("深圳", "SOUTH", "440306", "0755", ("广东省深圳市宝安区创业一路", "广东省深圳市龙岗区深汕路")),
        City("厦门", "SOUTH", "350211", "0592", ("福建省厦门市集美区杏林北路", "福建省厦门市海沧区翁角路")),
        City("天津", "NORTH", "120116", "022", ("天津市滨海新区第三大街", "天津市东丽区津塘公路")),
        City("石家庄", "NORTH", "130104", "0311", ("河北省石家庄市桥西区中华南大街", "河北省石家庄市裕华区槐安东路")),
        City("青岛", "NORTH", "370211", "0532", ("山东省青岛市黄岛区长江中路", "山东省青岛市城阳区正阳路")),
        City("济南", "NORTH", "370112", "0531", ("山东省济南市历城区花园路", "山东省济南市槐荫区经十路")),
        City("临沂", "NORTH", "371302", "0539", ("山东省临沂市兰山区金雀山路", "山东省临沂市河东区凤凰大街")),
    )
}

_SEVEN_DIGITS = ("厦门", "临沂")

BANKS = ("中国工商银行", "中国建设银行", "中国农业银行", "中国银行", "交通银行", "招商银行")
CONTACTS = (
    "王芳",
    "刘洋",
    "陈鹏",
    "杨帆",
    "赵敏",
    "黄涛",
    "周琳",
    "徐凯",
    "孙悦",
    "马超",
    "朱婷",
    "胡斌",
    "郭静",
    "何勇",
)

# Where an application can stand, as the fixed words of the table below.
STANDS = (
    "approved",
    "draft",
    "sales",
    "finance",
    "management",
    "returned",
    "withdrawn",
    "rejected",
    "discarded",
)


@dataclass(frozen=True)
class Applicant:
    """A company and its application. `lines` maps a product line's code to the class asked for."""

    serial: int
    city: City
    name: str
    legal_representative: str
    lines: dict[str, str]
    stands: str
    note: str

    @property
    def credit_code(self) -> str:
        """Empty for whoever still has the old papers."""
        return "" if self.has_old_papers else codes.credit_code(self.city.division, self.organisation_code)

    @property
    def organisation_code(self) -> str:
        """Nine characters: digits before 2015, MA and digits since."""
        return codes.organisation_code("71" if self.has_old_papers else "MA", 10_000 + self.serial * 137)

    @property
    def has_old_papers(self) -> bool:
        """Licence, organisation code certificate and tax registration instead of the merged licence."""
        return self.note == "old papers"

    @property
    def address(self) -> str:
        """Registered address."""
        return f"{self.city.streets[self.serial % 2]}{self.serial * 17 % 300 + 8}号"

    @property
    def telephone(self) -> str:
        """The office's landline."""
        digits = 8 - (self.city.name in _SEVEN_DIGITS)
        return f"{self.city.telephone}-8{self.serial * 76_543 % 10 ** (digits - 1):0{digits - 1}d}"

    @property
    def founded_on(self) -> date:
        """Day of registration."""
        return date(
            (2003 if self.has_old_papers else 2016) + self.serial % 5, 1 + self.serial % 12, 1 + self.serial * 7 % 28
        )

    def particulars(self) -> dict[str, str]:
        """The fields of the form, without region and lines."""
        branch = f"{BANKS[self.serial % len(BANKS)]}{self.city.name}分行营业部"
        return {
            "name": self.name,
            "credit_code": self.credit_code,
            "organisation_code": "" if self.credit_code else self.organisation_code,
            "legal_representative": self.legal_representative,
            "address": self.address,
            "contact_name": CONTACTS[self.serial % len(CONTACTS)],
            "phone": codes.mobile(self.serial),
            "email": f"sales{self.serial}@example.com",
            "bank_name": branch,
            "bank_account": codes.bank_account(self.serial),
            "invoice_address": self.address,
            "invoice_phone": self.telephone,
        }


_CLASSES = {"直": "direct", "代": "exclusive_agent", "经": "dealer"}
_LINES = {"烯": "PO", "芳": "AR", "醇": "ME"}

# City, name, legal representative, lines (烯/芳/醇 with 直/代/经), where it stands, what is special.
_TABLE = """
宁波 宁波甬江新材料有限公司 陈建华 烯直 approved
宁波 宁波海曙塑料制品有限公司 沈国强 烯直 approved expires 25
宁波 宁波北仑聚合物贸易有限公司 励志明 烯经 approved
宁波 宁波东钱湖包装股份有限公司 俞丽萍 烯直 approved long
宁波 宁波招宝山化工有限公司 乐海波 芳代+醇经 approved
杭州 杭州临江化纤有限公司 钱伟民 芳直 approved
杭州 杭州萧然化工贸易有限公司 韩立新 烯经+醇经 approved opinion
杭州 浙江钱塘塑业股份有限公司 吴晓东 烯直 approved long
杭州 杭州湘湖薄膜有限公司 来永祥 烯直 approved returned once
上海 上海申浦高分子材料有限公司 顾明 烯经 approved
上海 上海浦汇塑胶有限公司 陆文斌 烯经 approved expired
上海 上海嘉曹化工贸易有限公司 曹志刚 芳经+醇代 approved
苏州 苏州吴越包装材料有限公司 范晓军 烯直 approved
苏州 苏州金鸡湖塑业有限公司 陶建平 烯直 approved expires 55
苏州 苏州胥江化工有限公司 沈惠芳 芳经+醇经 approved struck
南京 南京扬子江塑料有限公司 蒋宏 烯直 approved
南京 江苏金陵芳烃销售有限公司 夏东 芳代 approved long
南京 南京栖霞树脂有限公司 许国平 烯经 approved
台州 台州黄岩模塑有限公司 王仙友 烯直 approved old papers
台州 台州椒江日用塑料有限公司 林海燕 烯直 approved
台州 台州湾编织袋有限公司 金永福 烯直 management
宁波 宁波梅山国际化工有限公司 徐海明 芳经 sales
杭州 杭州西溪新材料科技有限公司 叶青 烯直 finance
上海 上海临港聚烯烃贸易有限公司 施伟 烯经 returned by finance
苏州 苏州独墅湖管业有限公司 唐建国 烯直 draft
广州 广州黄埔塑料有限公司 梁志强 烯直 approved
广州 广州珠江管业有限公司 何俊杰 烯直 approved long
广州 广东粤海化工贸易有限公司 区永康 烯经+芳经 approved
广州 广州番禺注塑有限公司 冼国华 烯直 approved expires 6
佛山 佛山南海薄膜有限公司 霍炳权 烯直 approved
佛山 佛山顺德家电塑件有限公司 欧阳辉 烯直 approved returned once
佛山 佛山岭南化工有限公司 陈炳坤 醇代 approved
东莞 东莞东城高分子有限公司 黎耀辉 烯经 approved
东莞 东莞虎门包装有限公司 邓锦荣 烯直 approved
深圳 深圳宝安改性塑料有限公司 刘志远 烯直 approved
深圳 深圳前海化工供应链有限公司 罗文杰 烯经+芳经+醇经 approved opinion
厦门 厦门海沧塑胶有限公司 陈水木 烯直 approved
厦门 厦门杏林石化贸易有限公司 林志伟 芳代 approved long
深圳 深圳龙岗电子塑料有限公司 彭志华 烯直 sales
佛山 佛山容奇薄膜有限公司 苏兆基 烯经 finance opinion asked
东莞 东莞松山湖新材料有限公司 莫子健 烯直 management overdue
厦门 厦门鹭江化工有限公司 蔡志坚 芳经+醇经 returned by sales
广州 广州南沙化工仓储有限公司 卢永昌 醇经 rejected by management
广州 广州白云日化有限公司 谭丽华 醇直 draft
佛山 佛山禅城塑料有限公司 招志明 烯直 withdrawn
天津 天津滨海聚合物有限公司 李春雷 烯经 approved
天津 天津渤海芳烃贸易有限公司 刘建军 芳代 approved
天津 天津津塘管材有限公司 张建新 烯直 approved expires 29
石家庄 河北太行塑业有限公司 赵国栋 烯直 approved
石家庄 石家庄滹沱河化工有限公司 郝志刚 醇经 approved
青岛 青岛胶州湾新材料有限公司 于洪涛 烯直 approved long
青岛 青岛城阳橡塑有限公司 纪晓明 烯直 approved
济南 济南泉城塑胶有限公司 孙德海 烯经 approved
济南 山东历山甲醇销售有限公司 韩玉柱 醇代 approved
临沂 临沂沂河塑料编织有限公司 王传友 烯直 approved old papers
临沂 临沂兰山化工物流有限公司 杜玉峰 烯经 sales overdue
青岛 青岛琅琊化工有限公司 逄焕军 芳直 finance
天津 天津海河塑料有限公司 高长海 烯直 sales
石家庄 石家庄正定包装有限公司 康建民 烯直 finance
济南 济南黄河化工有限公司 毕秀玲 芳经 management
青岛 青岛西海岸塑业有限公司 薛兆林 烯经 rejected by sales
临沂 临沂河东板材胶业有限公司 庄乾坤 醇直 discarded
天津 天津东丽改性材料有限公司 尹宝山 烯直 draft
石家庄 石家庄裕华塑料有限公司 齐立军 烯直 draft
""".strip()


def _read(serial: int, row: str) -> Applicant:
    city, name, legal, lines, stands, *note = row.split()
    return Applicant(
        serial=serial,
        city=CITIES[city],
        name=name,
        legal_representative=legal,
        lines={_LINES[pair[0]]: _CLASSES[pair[1]] for pair in lines.split("+")},
        stands=stands,
        note=" ".join(note),
    )


APPLICANTS = tuple(_read(serial, row) for serial, row in enumerate(_TABLE.splitlines(), start=1))

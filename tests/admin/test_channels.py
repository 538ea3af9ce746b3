"""Channels: secrets go in and never come out; what could not be delivered is tried again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import DONE, Company, Door
from tests.conftest import NOW
from tierflow.admin.service import channels
from tierflow.common.audit import AuditEntry
from tierflow.common.notices import Channel, Delivery, Notice
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, Refused

SMTP = {
    "kind": "smtp",
    "name": "公司邮箱",
    "host": "mail.example.com",
    "port": 587,
    "security": "starttls",
    "username": "tierflow",
    "password": "top-secret-1",
    "sender": "tierflow@example.com",
}
ROBOT = {
    "kind": "dingtalk",
    "name": "销售群",
    "url": "https://oapi.example.com/robot?token=top-secret-2",
    "secret": "top-secret-3",
}


def stored(company: Company) -> Channel:
    with company.reading() as session:
        return session.scalars(select(Channel).order_by(Channel.id.desc())).first()


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.parametrize(
    "data", [SMTP, ROBOT, {**ROBOT, "kind": "feishu"}, {"kind": "wecom", "name": "群", "url": ROBOT["url"]}]
)
def test_secrets_are_written_and_never_read_back(company: Company, kind: str, data: dict) -> None:
    door = Door(company.app, company.ann, kind)
    answer = door.post("/channels/new", "/channels", {**data, "is_enabled": True})
    assert answer.status_code in DONE, answer.text
    channel = stored(company)
    settings = {key: value for key, value in data.items() if key not in ("kind", "name")}
    assert settings.items() <= channel.settings.items()
    shown = answer.text
    for path in (
        "/channels",
        f"/channels/{channel.id}",
        "/api/v1/channels",
        f"/api/v1/channels/{channel.id}",
        "/logs/audit",
    ):
        shown += door.client.get(path).text
    with company.reading() as session:
        shown += repr([(entry.before, entry.after) for entry in session.scalars(select(AuditEntry))])
    assert "top-secret" not in shown


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_blank_secret_stays_and_a_new_one_replaces_it(company: Company, kind: str) -> None:
    channel = company.call(channels.create, "ann", SMTP)
    door = Door(company.app, company.ann, kind)
    headers = {"X-CSRFToken": door.token}

    def save(**change: object) -> int:
        data = {**SMTP, "password": None, "is_enabled": True, **change}
        data.pop("kind")
        if kind == "api":
            return door.client.patch(f"/api/v1/channels/{channel.id}", json=data, headers=headers).status_code
        return door.post(f"/channels/{channel.id}", "", data).status_code

    assert save(host="mail2.example.com") in DONE
    assert stored(company).settings["password"] == "top-secret-1"
    assert stored(company).settings["host"] == "mail2.example.com"
    assert save(password="top-secret-9") in DONE
    assert stored(company).settings["password"] == "top-secret-9"
    with company.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc())).first()
        assert entry.after["secrets_replaced"] == ["password"]
        assert "top-secret" not in repr(entry.after)


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({**SMTP, "host": ""}, "host"),
        ({**SMTP, "port": 70000}, "port"),
        ({**SMTP, "security": "rot13"}, "security"),
        ({**SMTP, "url": "https://x.example.com"}, "url"),
        ({**ROBOT, "url": ""}, "url"),
        ({**ROBOT, "url": "ftp://x.example.com"}, "url"),
        ({**ROBOT, "url": "https://user:pw@x.example.com"}, "url"),
        ({**ROBOT, "url": "javascript:alert(1)"}, "url"),
        ({**ROBOT, "url": "https://[::1"}, "url"),
        ({"kind": "wecom", "name": "群", "url": ROBOT["url"], "secret": "x"}, "secret"),
        ({**ROBOT, "kind": "pigeon"}, "kind"),
        ({**SMTP, "name": ""}, "name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(company: Company, kind: str, data: dict, field: str) -> None:
    answer = Door(company.app, company.ann, kind).post("/channels/new", "/channels", data)
    assert answer.status_code == 422, answer.text
    if kind == "api":
        assert set(answer.json["errors"]) == {field}
    assert stored(company) is None


def test_a_stale_form_is_refused(company: Company) -> None:
    channel = company.call(channels.create, "ann", SMTP)
    with company.reading() as session:
        seen = channels.get(session, company.actor(session, "ann"), channel.id).stamp
    company.call(channels.edit, "ann", channel.id, {"is_enabled": False, "seen": seen})
    with pytest.raises(Conflict):
        company.call(channels.edit, "bob", channel.id, {"name": "x", "seen": seen})
    with pytest.raises(Invalid):
        company.call(channels.edit, "bob", channel.id, {"kind": "wecom"})


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_test_goes_over_that_channel_alone(both: Company, kind: str) -> None:
    mail = both.call(channels.create, "ann", SMTP)
    both.call(channels.create, "ann", ROBOT)
    door = Door(both.app, both.ann, kind)
    path = f"/channels/{mail.id}/test"
    assert door.post(path, path, {}).status_code in DONE
    with both.reading() as session:
        rows = session.execute(
            select(Delivery.channel_id, Delivery.state, Notice.user_id)
            .join(Notice, Notice.id == Delivery.notice_id)
            .where(Notice.kind == "channel.test")
        ).all()
        assert rows == [(mail.id, "waiting", both.ann)]
    no_address = Door(both.app, both.bob, kind)
    assert no_address.post(path, path, {}).status_code == 409
    both.call(channels.edit, "ann", mail.id, {"is_enabled": False})
    assert door.post(path, path, {}).status_code == 409


def kill(company: Company, count: int) -> int:
    """A channel with so many dead letters; its id."""
    channel = company.call(channels.create, "ann", ROBOT)
    with company.writing() as session:
        for i in range(count):
            notice = Notice(
                user_id=company.li,
                kind="approval.remind",
                msgid="secret words about %(customer)s",
                params={"customer": "绝密化工有限公司"},
                subject_type="application",
                subject_id=1,
                dedupe_key=f"k{i}",
                created_at=NOW,
            )
            session.add(notice)
            session.flush()
            session.add(
                Delivery(
                    notice_id=notice.id,
                    channel_id=channel.id,
                    state="dead",
                    tries=8,
                    next_try_at=NOW,
                    last_error="HTTP 502",
                )
            )
    return channel.id


@pytest.mark.parametrize("kind", ["page", "api"])
def test_dead_letters_are_listed_and_tried_again(both: Company, kind: str) -> None:
    channel_id = kill(both, 35)
    door = Door(both.app, both.ann, kind)
    page = door.client.get("/api/v1/dead-letters").json
    assert len(page["rows"]) == 30
    rest = door.client.get("/api/v1/dead-letters", query_string={"cursor": page["after"]}).json
    assert len(rest["rows"]) == 5
    assert "HTTP 502" in door.client.get("/channels").text
    one = page["rows"][0]["id"]
    path = f"/dead-letters/{one}/retry"
    assert door.post(f"/channels{path}", path, {}).status_code in DONE
    assert door.post(f"/channels{path}", path, {}).status_code == 409, "it waits already"
    with both.reading() as session:
        row = session.get_one(Delivery, one)
        assert (row.state, row.tries) == ("waiting", 0)
    path = f"/channels/{channel_id}/retry"
    assert door.post(path, path, {}).status_code in DONE
    with both.reading() as session:
        assert session.scalar(select(Delivery.id).where(Delivery.state == "dead")) is None


def test_an_administrator_reads_no_customer_s_name_in_a_dead_letter(company: Company) -> None:
    kill(company, 1)
    client = builders.sign_in(company.app, company.ann)
    assert "绝密化工" not in client.get("/channels").text + client.get("/api/v1/dead-letters").text


def test_only_administrators(company: Company) -> None:
    with pytest.raises(Forbidden):
        company.call(channels.create, "gm", SMTP)
    client = builders.sign_in(company.app, company.gm)
    assert client.get("/channels").status_code == 403
    assert client.get("/api/v1/dead-letters").status_code == 403


def test_a_disabled_channel_is_not_tested(company: Company) -> None:
    channel = company.call(channels.create, "ann", {**ROBOT, "is_enabled": False})
    with pytest.raises(Refused, match="Enable"):
        company.call(channels.send_test, "ann", channel.id)

"""Notices leave the house: over SMTP and to robots, signed, in the reader's language, at least once, never for ever."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.builders import user
from tests.conftest import NOW, StandingClock
from tests.ops.stubs import MailServer, Robot, mail_server, robot
from tierflow.common import delivery
from tierflow.common.db import db, transaction
from tierflow.common.delivery import MAX_TRIES, Tally, deliver, wait_after
from tierflow.common.notices import Channel, Delivery, Notice, notify
from tierflow.common.senders import Message, Undelivered
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, text
from tierflow.web.i18n import translator

SENTENCE = text("%(label)s: at least %(minimum)s.", label=Text("Remind an approver after"), minimum=3)
CHINESE = SENTENCE.render(translator("zh"))
ENGLISH = SENTENCE.render()


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Robot]:
    with robot() as stub:
        yield stub


def channel(app: Flask, kind: str, **settings: object) -> int:
    with app.app_context(), transaction() as session:
        row = Channel(kind=kind, name=f"the {kind}", settings=settings, topics=[])
        session.add(row)
        session.flush()
        return row.id


def smtp(app: Flask, server: MailServer) -> int:
    return channel(app, "smtp", host="127.0.0.1", port=server.port, security="none", sender="tierflow@example.com")


def tell(app: Flask, *logins: str, key: str = "k") -> None:
    with app.app_context(), transaction() as session:
        ids = [row[0] for row in session.execute(select(delivery.User.id).where(delivery.User.login.in_(logins)))]
        notify(session, ids, "test", SENTENCE, ("test", 1), NOW, dedupe_key=key)


def send(app: Flask, clock: StandingClock, **options: Any) -> Tally:
    with app.app_context():
        tally = deliver(db.session(), clock, translator, **options)
        db.session.remove()
        return tally


def states(app: Flask) -> list[tuple[str, int, str]]:
    with app.app_context():
        query = select(Delivery.state, Delivery.tries, Delivery.last_error).order_by(Delivery.id)
        found = [tuple(row) for row in db.session.execute(query)]
        db.session.remove()
        return found


@pytest.fixture
def people(both_app: Flask) -> Flask:
    return _with_people(both_app)


@pytest.fixture
def staffed(app: Flask) -> Flask:
    return _with_people(app)


def _with_people(app: Flask) -> Flask:
    with app.app_context(), transaction() as session:
        user(session, "li", Role.ACCOUNT_MANAGER, email="li@example.com")
        john = user(session, "john", Role.ACCOUNT_MANAGER, email="john@example.com")
        john.locale = "en"
        user(session, "silent", Role.ACCOUNT_MANAGER)
        user(session, "admin", Role.ADMINISTRATOR)
    return app


def test_mail_speaks_the_recipients_language(people: Flask, clock: StandingClock, mails: MailServer) -> None:
    smtp(people, mails)
    tell(people, "li", "john", "silent")
    assert send(people, clock, public_url="https://tierflow.example.com") == Tally(2, 0, 0)
    bodies = {mail["To"]: mail.get_content().replace("\r\n", "\n") for mail in mails.mails}
    assert bodies["li@example.com"] == f"{CHINESE}\nhttps://tierflow.example.com/notices\n"
    assert bodies["john@example.com"] == f"{ENGLISH}\nhttps://tierflow.example.com/notices\n"
    assert CHINESE != ENGLISH
    assert mails.mails[0]["Subject"] == CHINESE
    assert mails.mails[0]["From"].addresses[0].addr_spec == "tierflow@example.com"
    assert send(people, clock) == Tally(0, 0, 0), "once"


def test_dingtalk_is_signed_in_the_address(staffed: Flask, clock: StandingClock, hook: Robot) -> None:
    channel(staffed, "dingtalk", url=f"{hook.url}/robot/send?access_token=abc", secret="SECtest+/=")
    tell(staffed, "li", "john")
    assert send(staffed, clock) == Tally(1, 0, 0)
    (path, query, body) = hook.posts[0]
    assert path == "/robot/send"
    assert body == {"msgtype": "text", "text": {"content": CHINESE}}
    stamp = str(round(NOW.timestamp() * 1000))
    expected = hmac.digest(b"SECtest+/=", f"{stamp}\nSECtest+/=".encode(), "sha256")
    assert query == {"access_token": ["abc"], "timestamp": [stamp], "sign": [base64.b64encode(expected).decode()]}


def test_dingtalks_signature_is_the_one_openssl_makes(clock: StandingClock) -> None:
    # printf '1700000000000\nSECx' | openssl dgst -sha256 -hmac 'SECx' -binary | base64
    import subprocess

    from tierflow.common.senders import dingtalk_sign, feishu_sign

    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "SECx", "-binary"],
        input=b"1700000000000\nSECx",
        capture_output=True,
        check=True,
    )
    assert dingtalk_sign("1700000000000", "SECx") == base64.b64encode(made.stdout).decode()
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "1700000000\nSECx", "-binary"],
        input=b"",
        capture_output=True,
        check=True,
    )
    assert feishu_sign("1700000000", "SECx") == base64.b64encode(made.stdout).decode()


def test_feishu_is_signed_in_the_body(staffed: Flask, clock: StandingClock, hook: Robot) -> None:
    hook.answers = [(200, {"code": 0, "msg": "success", "data": {}})]
    channel(staffed, "feishu", url=f"{hook.url}/open-apis/bot/v2/hook/abc", secret="feishu secret", language="en")
    tell(staffed, "li")
    assert send(staffed, clock) == Tally(1, 0, 0)
    stamp = str(int(NOW.timestamp()))
    key = f"{stamp}\nfeishu secret".encode()
    # HMAC by hand (RFC 2104): the key is shorter than a block, the message empty.
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block)).digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
    assert hook.posts[0][2] == {
        "msg_type": "text",
        "content": {"text": ENGLISH},
        "timestamp": stamp,
        "sign": base64.b64encode(outer).decode(),
    }


def test_wecom_has_its_key_in_the_address(staffed: Flask, clock: StandingClock, hook: Robot) -> None:
    channel(staffed, "wecom", url=f"{hook.url}/cgi-bin/webhook/send?key=abc")
    tell(staffed, "li")
    assert send(staffed, clock) == Tally(1, 0, 0)
    assert hook.posts == [
        ("/cgi-bin/webhook/send", {"key": ["abc"]}, {"msgtype": "text", "text": {"content": CHINESE}})
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {}), "HTTP 500"),
        ((302, {"errcode": 0}), "HTTP 302"),
        ((200, {"errcode": 310000, "errmsg": "sign not match"}), "310000 sign not match"),
        ((200, {"code": 19021, "msg": "sign match fail"}), "19021 sign match fail"),
        ((200, b"<html>"), "not understood"),
        ((200, {}), "not understood"),
        ((200, []), "not understood"),
    ],
)
def test_a_robot_that_says_no_has_not_delivered(
    staffed: Flask, clock: StandingClock, hook: Robot, answer: tuple[int, Any], said: str
) -> None:
    hook.answers = [answer, (200, {"errcode": 0})]
    channel(staffed, "wecom", url=f"{hook.url}/send?key=verysecret")
    tell(staffed, "li")
    assert send(staffed, clock) == Tally(0, 1, 0)
    [(state, tries, error)] = states(staffed)
    assert (state, tries) == ("waiting", 1)
    assert said in error
    assert "verysecret" not in error
    assert send(staffed, clock) == Tally(0, 0, 0), "not before a minute is over"
    clock.forward(minutes=1)
    assert send(staffed, clock) == Tally(1, 0, 0)
    assert states(staffed) == [("sent", 2, "")]


def test_what_cannot_be_reached_dies_after_a_day_and_administrators_hear_of_it(
    people: Flask, clock: StandingClock
) -> None:
    channel(people, "wecom", url="http://127.0.0.1:1/send?key=verysecret")
    tell(people, "li")
    for tries in range(1, MAX_TRIES):
        assert send(people, clock) == Tally(0, 1, 0)
        clock.at += wait_after(tries)
    assert send(people, clock) == Tally(0, 0, 1)
    assert timedelta(hours=18) < clock.at - NOW < timedelta(days=2)
    assert states(people)[0][:2] == ("dead", MAX_TRIES)
    assert "verysecret" not in states(people)[0][2]
    with people.app_context():
        dead = db.session.scalars(select(Notice).where(Notice.kind == "delivery.dead")).all()
        assert [notice.params for notice in dead] == [{"name": "the wecom"}]
        db.session.remove()
    clock.forward(days=1)
    assert send(people, clock) == Tally(0, 1, 0), "the notice about it is tried in its turn"


def test_an_address_refused_for_good_is_not_tried_again(
    staffed: Flask, clock: StandingClock, mails: MailServer
) -> None:
    smtp(staffed, mails)
    mails.refuse = {"li@example.com": "550 no such mailbox", "john@example.com": "451 try later"}
    tell(staffed, "li", "john")
    assert send(staffed, clock) == Tally(0, 1, 1)
    assert [(state, tries) for state, tries, _ in states(staffed)][:2] == [("dead", 1), ("waiting", 1)]
    mails.refuse = {}
    clock.forward(minutes=1)
    assert send(staffed, clock).sent == 1
    assert [mail["To"] for mail in mails.mails] == ["john@example.com"]


def test_a_broken_channel_is_left_alone_for_the_round_and_keeps_no_other_waiting(
    staffed: Flask, clock: StandingClock, hook: Robot
) -> None:
    calls: list[str] = []

    def broken(_settings: Mapping[str, Any], message: Message, _now: datetime) -> None:
        calls.append(message.message_id)
        raise Undelivered("no")

    channel(staffed, "smtp", host="x", sender="x@example.com")
    channel(staffed, "wecom", url=f"{hook.url}/send")
    tell(staffed, "li", "john")
    tell(staffed, "li", "john", key="k2")
    senders = {**delivery.SENDERS, "smtp": broken}
    assert send(staffed, clock, senders=senders) == Tally(2, 1, 0)
    assert len(calls) == 1


def test_a_channel_that_is_switched_off_carries_nothing(staffed: Flask, clock: StandingClock, hook: Robot) -> None:
    number = channel(staffed, "wecom", url=f"{hook.url}/send")
    tell(staffed, "li")
    with staffed.app_context(), transaction() as session:
        session.get_one(Channel, number).is_enabled = False
    assert send(staffed, clock) == Tally(0, 0, 1)
    assert hook.posts == []


class Death(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("before_sending", [True, False])
def test_a_crash_sends_again_and_never_loses(staffed: Flask, clock: StandingClock, before_sending: bool) -> None:
    sent: list[str] = []

    def dying(_settings: Mapping[str, Any], message: Message, _now: datetime) -> None:
        if not before_sending:
            sent.append(message.message_id)
        raise Death

    def good(_settings: Mapping[str, Any], message: Message, _now: datetime) -> None:
        sent.append(message.message_id)

    channel(staffed, "wecom", url="http://127.0.0.1:1")
    tell(staffed, "li")
    with pytest.raises(Death):
        send(staffed, clock, senders={"wecom": dying})
    assert send(staffed, clock, senders={"wecom": good}) == Tally(0, 0, 0), "the claim still holds"
    clock.forward(minutes=1)
    assert send(staffed, clock, senders={"wecom": good}) == Tally(1, 0, 0)
    assert sent == ["delivery-1"] * (1 if before_sending else 2), "known as one by its id"


def test_two_at_once_send_once(people: Flask, clock: StandingClock) -> None:
    sent: list[str] = []
    start = threading.Barrier(4)

    def good(_settings: Mapping[str, Any], message: Message, _now: datetime) -> None:
        sent.append(message.message_id)

    channel(people, "wecom", url="http://127.0.0.1:1")
    for number in range(25):
        tell(people, "li", key=f"{number}")

    def work() -> None:
        start.wait()
        while send(people, clock, senders={"wecom": good}).sent:
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(sent) == 25
    assert len(set(sent)) == 25

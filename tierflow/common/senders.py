"""How one message leaves the house: SMTP, and the robots of WeCom, DingTalk and Feishu with their signatures.

Settings of a channel (`Channel.settings`):

* smtp: `host`, `port`, `security` ("starttls", "tls" or "none"), `username`, `password`, `sender`
* wecom, dingtalk, feishu: `url` (the robot's webhook address), `secret` (signing; WeCom's robots have none)

Addresses of robots carry their key: no error text of ours contains them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import httpx

TIMEOUT = 10.0  # seconds, for every step of a connection
LONGEST_ROBOT_TEXT = 2000  # bytes of UTF-8; WeCom takes 2048


@dataclass(frozen=True)
class Message:
    """What is to be said: a subject line, the sentence, the recipient's address (mail only), a stable id."""

    subject: str
    body: str
    to: str | None
    message_id: str


class Undelivered(Exception):
    """It did not work; `for_good` says that trying again is pointless."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        self.for_good = for_good
        super().__init__(reason)


Sender = Callable[[Mapping[str, Any], Message, datetime], None]


def send_mail(settings: Mapping[str, Any], message: Message, now: datetime) -> None:
    """One mail over SMTP. Raises `Undelivered`."""
    if not message.to:
        raise Undelivered("the account has no e-mail address", for_good=True)
    try:
        mail = _mail(settings, message, now)
        with _connection(settings) as smtp:
            if settings.get("username"):
                smtp.login(str(settings["username"]), str(settings.get("password") or ""))
            smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        raise Undelivered(f"recipient refused: {code} {_said(reason)}", for_good=code >= 500) from error
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"SMTP {error.smtp_code} {_said(error.smtp_error)}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error
    except (ValueError, KeyError, IndexError) as error:  # an address or setting that cannot be one
        raise Undelivered(f"{type(error).__name__}: {error}", for_good=True) from error


def _connection(settings: Mapping[str, Any]) -> smtplib.SMTP:
    host, security = str(settings["host"]), settings.get("security") or "starttls"
    port = int(settings.get("port") or {"tls": 465, "starttls": 587}.get(security, 25))
    context = ssl.create_default_context()
    if security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
    smtp = smtplib.SMTP(host, port, timeout=TIMEOUT)
    if security == "starttls":
        try:
            smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
    return smtp


def _mail(settings: Mapping[str, Any], message: Message, now: datetime) -> EmailMessage:
    sender = str(settings["sender"])
    mail = EmailMessage()
    mail["From"] = Address("tierflow", addr_spec=sender)
    mail["To"] = Address(addr_spec=message.to or "")
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = format_datetime(now)
    # The same on every try, so that a mail sent twice can be known as one.
    mail["Message-ID"] = f"<{message.message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    return mail


def send_wecom(settings: Mapping[str, Any], message: Message, _now: datetime) -> None:
    """企业微信群机器人: the key is in the address."""
    _post(settings, {"msgtype": "text", "text": {"content": _short(message)}})


def send_dingtalk(settings: Mapping[str, Any], message: Message, now: datetime) -> None:
    """钉钉自定义机器人: HMAC-SHA256 of "timestamp\\nsecret" under the secret, in the address."""
    params = {}
    if secret := settings.get("secret"):
        timestamp = str(int(now.timestamp() * 1000))
        params = {"timestamp": timestamp, "sign": dingtalk_sign(timestamp, str(secret))}
    _post(settings, {"msgtype": "text", "text": {"content": _short(message)}}, params)


def send_feishu(settings: Mapping[str, Any], message: Message, now: datetime) -> None:
    """飞书自定义机器人: HMAC-SHA256 of nothing under "timestamp\\nsecret", in the body."""
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": _short(message)}}
    if secret := settings.get("secret"):
        timestamp = str(int(now.timestamp()))
        body |= {"timestamp": timestamp, "sign": feishu_sign(timestamp, str(secret))}
    _post(settings, body)


def dingtalk_sign(timestamp: str, secret: str) -> str:
    """DingTalk's signature, base64; the timestamp is in milliseconds."""
    signed = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def feishu_sign(timestamp: str, secret: str) -> str:
    """Feishu's signature, base64; the timestamp is in seconds."""
    return base64.b64encode(hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


SENDERS: dict[str, Sender] = {
    "smtp": send_mail,
    "wecom": send_wecom,
    "dingtalk": send_dingtalk,
    "feishu": send_feishu,
}


def _post(settings: Mapping[str, Any], body: dict[str, Any], params: dict[str, str] | None = None) -> None:
    try:
        url = httpx.URL(str(settings["url"])).copy_merge_params(params or {})
        answer = httpx.post(url, json=body, timeout=TIMEOUT, follow_redirects=False)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, KeyError) as error:
        raise Undelivered("the robot's address is not one", for_good=True) from error
    except httpx.HTTPError as error:
        raise Undelivered(f"{type(error).__name__}: the robot does not answer") from error
    if answer.status_code != 200:
        raise Undelivered(f"the robot answered HTTP {answer.status_code}")
    # Robots say no with HTTP 200: errcode (WeCom, DingTalk), code or StatusCode (Feishu).
    try:
        told = answer.json()
        code = next(int(told[name]) for name in ("errcode", "code", "StatusCode") if name in told)
    except (ValueError, TypeError, StopIteration) as error:
        raise Undelivered("the robot's answer is not understood") from error
    if code != 0:
        raise Undelivered(f"the robot refused: {code} {str(told.get('errmsg') or told.get('msg') or '')[:200]}")


def _short(message: Message) -> str:
    content = message.body.encode()[:LONGEST_ROBOT_TEXT].decode(errors="ignore")
    return content if content == message.body else content[:-1] + "…"


def _said(reason: bytes | str) -> str:
    return " ".join((reason.decode(errors="replace") if isinstance(reason, bytes) else reason).split())[:200]

"""The gallery on loopback, without database or accounts: `python -m tests.web.gallery_app [port]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, flash, g, jsonify, redirect, render_template, request, url_for
from flask_bootstrap import Bootstrap5
from markupsafe import Markup

from tierflow.web import charts, i18n
from tierflow.web.errors import sentences
from tierflow.web.shell import scripts, stylesheets

WEB = Path(charts.__file__).parent
POLICY = "default-src 'self'; img-src 'self' data: blob:; frame-src 'self'"


NAV = [
    ("工作", [("收件箱", "inbox", True, 12), ("通知", "bell", False, 3), ("审批记录", "check2-square", False, None)]),
    (
        "客户",
        [
            ("开户申请", "person-vcard", False, 5),
            ("客户", "buildings", False, None),
            ("潜在客户", "binoculars", False, None),
            ("走访计划", "geo-alt", False, None),
            ("客户投诉", "chat-square-dots", False, 120),
        ],
    ),
    (
        "销售",
        [
            ("提货单", "truck", False, None),
            ("资源分配", "diagram-3", False, None),
            ("等级考核", "stars", False, None),
            ("月度销售计划", "calendar3", False, None),
        ],
    ),
    ("管理", [("管理办法版本", "journal-text", False, None), ("工作日历", "calendar-week", False, None)]),
]


class Actor:
    name = "孙丽娟"
    role_names = ("财务审查", "价格与客户管理委员会委员")


def create_app() -> Flask:
    app = Flask("gallery", template_folder=str(WEB / "templates"), static_folder=None)
    app.config.update(SECRET_KEY="gallery", BOOTSTRAP_SERVE_LOCAL=True, SEND_FILE_MAX_AGE_DEFAULT=0)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    i18n.init(app)
    app.jinja_env.globals.update(
        csrf_token=lambda: "token",
        idempotency_key=lambda: "key",
        asset=lambda filename: url_for("web.static", filename=filename, v="0"),
        scripts=scripts,
        stylesheets=stylesheets,
    )
    Bootstrap5(app)
    app.register_blueprint(Blueprint("web", "gallery", static_folder=str(WEB / "static"), static_url_path="/assets"))
    _pages(app)
    return app


def _pages(app: Flask) -> None:
    @app.before_request
    def choose() -> None:
        g.lang = g.language = request.args.get("lang", "zh")

    @app.context_processor
    def shell() -> dict[str, Any]:
        nav = [
            {
                "label": label,
                "items": [{"label": w, "icon": i, "url": "#", "active": a, "count": c} for w, i, a, c in items],
            }
            for label, items in NAV
        ]
        actor = None if request.args.get("anonymous") else Actor()
        banner = {"kind": "warn", "text": "演示环境：数据每次重置。"} if request.args.get("banner") else None
        return {
            "actor": actor,
            "nav": Markup(app.jinja_env.get_template("_navigation.html").render(groups=nav)) if actor else "",
            "inbox_count": 112 if actor else None,
            "lang": g.lang,
            "theme": request.args.get("theme", "light"),
            "banner": banner,
        }

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    def page(name: str, **context: Any) -> Any:
        return lambda **_values: render_template(name, **context)

    def gallery() -> str:
        if request.args.get("flash"):
            flash("已保存，并通知了客户经理。", "ok")
        return render_template("gallery.html", charts=charts)

    demo = [
        {"role": "客户经理", "name": "zhoumin", "password": "demo"},
        {"role": "财务审查", "name": "sunlijuan", "password": "demo"},
        {"role": "总经理", "name": "chenli", "password": "demo"},
    ]
    app.add_url_rule("/", "home.inbox", gallery)
    app.add_url_rule("/search", "home.search", gallery)
    app.add_url_rule("/me", "people.me", gallery)
    app.add_url_rule("/login", "session.login", page("session/login.html", demo_logins=demo))
    app.add_url_rule(
        "/login-bad", "bad", page("session/login.html", errors={"password": ["姓名与密码不符。"]}, values={"name": "x"})
    )
    app.add_url_rule("/factor", "factor", page("session/second_factor.html"))
    app.add_url_rule("/print", "print", page("gallery/print.html"))
    app.add_url_rule(
        "/error/<int:code>",
        "error",
        lambda code: render_template(
            "errors/error.html",
            code=code,
            reference="r-7f3a",
            sentence=sentences()[code][0],
            advice=sentences()[code][1],
        ),
    )
    for endpoint in ("session.logout", "session.language", "session.theme"):
        app.add_url_rule(f"/{endpoint}", endpoint, lambda: redirect("/"), methods=["POST"])
    app.add_url_rule("/gallery/save", "save", lambda: jsonify(saved_at="10:32", version=8), methods=["POST"])
    app.add_url_rule(
        "/gallery/check",
        "check",
        lambda: jsonify(messages=[{"kind": "warn", "text": "与 C-000519 同名", "url": "#"}]),
        methods=["POST"],
    )
    app.add_url_rule("/gallery/explain", "explain", lambda: "<p>CHEM-9.4</p>")
    app.add_url_rule("/favicon.ico", "favicon", lambda: redirect("/assets/mark.svg"))


if __name__ == "__main__":
    create_app().run("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8099)

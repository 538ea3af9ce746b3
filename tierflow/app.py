"""Composition root: the only module that knows every domain."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from flask_bootstrap import Bootstrap5
from werkzeug.middleware.proxy_fix import ProxyFix

from tierflow.admin import api as admin_api
from tierflow.admin import jobs_api, jobs_pages
from tierflow.admin import pages as admin
from tierflow.common import approvals, calendars, desks, offtake, portfolios, suspension, verify
from tierflow.common import tables as _tables  # noqa: F401 - every table is known before the first query
from tierflow.common.clock import system_clock
from tierflow.common.db import db, engine_options
from tierflow.common.imports import handing_over as imports_handing_over
from tierflow.common.policies import register_terms
from tierflow.common.schema import defects
from tierflow.complaints import api as complaints_api
from tierflow.complaints import pages as complaint_pages
from tierflow.complaints.pages import history as complaint_history
from tierflow.complaints.service import handing_over as complaints_handing_over
from tierflow.complaints.service import recounting, redating
from tierflow.complaints.service.reckoning import verify as verify_due_times
from tierflow.complaints.service.statistics import breaches_of_month
from tierflow.complaints.terms import COMPLAINT_TERMS
from tierflow.grading import api as grading_api
from tierflow.grading import pages as grading_pages
from tierflow.grading.service import derived as grading_derived
from tierflow.grading.service import handing_over as grading_handing_over
from tierflow.grading.service import recounting as grading_recounting
from tierflow.grading.service import runs as grading_runs
from tierflow.grading.service.closed import closed_months
from tierflow.grading.service.proving import verify as verify_levels
from tierflow.grading.service.proving_reviews import verify as verify_reviews
from tierflow.grading.terms import GRADING_TERMS
from tierflow.kernel.terms import LARGEST_UPLOAD
from tierflow.lifting import api as lifting_api
from tierflow.lifting import pages as lifting_pages
from tierflow.lifting.service import discipline, offtake_rows, stopping
from tierflow.lifting.service import figures as lifting_figures
from tierflow.lifting.service import handing_over as lifting_handing_over
from tierflow.lifting.terms import LIFTING_TERMS
from tierflow.onboarding import api as onboarding_api
from tierflow.onboarding import pages as onboarding_pages
from tierflow.onboarding import service as onboarding
from tierflow.onboarding.service import disqualifying, distributing, inspecting
from tierflow.onboarding.service import portfolio as onboarding_portfolio
from tierflow.onboarding.terms_contracts import CONTRACT_TERMS
from tierflow.onboarding.terms_keeping import KEEPING_TERMS
from tierflow.web import (
    access,
    customer_page,
    errors,
    home,
    home_api,
    i18n,
    inbox,
    logs,
    oidc_pages,  # noqa: F401 - registers its views on the sign-in blueprint
    openapi,
    session_pages,
    shell,
    templating,
)
from tierflow.web.oidc import Provider

DEFAULTS: dict[str, Any] = {
    "CLOCK": system_clock,
    "DEMO_LOGINS": (),
    "WTF_CSRF_CHECK_DEFAULT": False,  # web.access checks, after it knows whether a token asks
    "WTF_CSRF_TIME_LIMIT": None,  # as long as the browser's session
    "SESSION_COOKIE_NAME": "tierflow_browser",
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_SECURE": False,
    # More than policy can ever allow: a file too large is refused at its field, with what was typed beside it.
    "MAX_CONTENT_LENGTH": 3 * LARGEST_UPLOAD + 2 * 1024 * 1024,
    "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
    "SEND_FILE_MAX_AGE_DEFAULT": 31536000,
    "BOOTSTRAP_SERVE_LOCAL": True,
    "CHECK_SCHEMA": True,
    "PATIENT": False,  # no page waits for this process: the command line, the scheduler
}


def from_environment() -> dict[str, Any]:
    """Settings from TIERFLOW_* variables; docs/operations.md lists them."""
    settings: dict[str, Any] = {}
    if url := os.environ.get("TIERFLOW_DATABASE_URL"):
        settings["SQLALCHEMY_DATABASE_URI"] = url
    if key := os.environ.get("TIERFLOW_SECRET_KEY"):
        settings["SECRET_KEY"] = key
    if os.environ.get("TIERFLOW_HTTPS") == "1":
        settings["SESSION_COOKIE_SECURE"] = True
    if url := os.environ.get("TIERFLOW_PUBLIC_URL"):
        settings["PUBLIC_URL"] = url.rstrip("/")
    if issuer := os.environ.get("TIERFLOW_OIDC_ISSUER"):
        settings["OIDC"] = Provider(
            issuer,
            os.environ["TIERFLOW_OIDC_CLIENT_ID"],
            os.environ["TIERFLOW_OIDC_CLIENT_SECRET"],
            os.environ.get("TIERFLOW_OIDC_NAME", ""),
        )
    if proxies := os.environ.get("TIERFLOW_TRUSTED_PROXIES"):
        settings["TRUSTED_PROXIES"] = int(proxies)
    return settings


def build(config: Mapping[str, Any] | None = None) -> Flask:
    """The application. Refuses to start with a route that declares no access or a database without its guards."""
    app = Flask("tierflow", static_folder=None, static_url_path="/assets", template_folder="web/templates")
    app.jinja_environment = templating.LanguageEnvironment
    app.config.update(DEFAULTS)
    app.config.update(from_environment())
    app.config.update(config or {})
    _check_settings(app)
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(url, patient=app.config["PATIENT"]))
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    if proxies := app.config.get("TRUSTED_PROXIES"):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]

    db.init_app(app)
    Bootstrap5(app)
    i18n.init(app)
    access.csrf.init_app(app)
    logs.init(app)
    errors.init(app)
    shell.init(app)
    app.extensions.update(nav=[], inbox_sources=[], inbox_kinds={}, finders=[], health={}, summaries={}, banners=[])
    app.extensions.update(customer_page.init())
    app.register_blueprint(shell.assets)
    app.register_blueprint(session_pages.bp)
    app.register_blueprint(home.bp)
    api = openapi.init(app)
    _compose(app, api)
    _mark_static(app)
    app.extensions["access"] = access.declared(app)
    app.before_request(access.check_request)
    app.after_request(_harden)
    if app.config["CHECK_SCHEMA"]:
        with app.app_context():
            found = defects(db.engine)
            db.engine.dispose()  # workers forked from here on open connections of their own
        if found:
            raise RuntimeError("this database cannot be served:\n  " + "\n  ".join(found))
    return app


def _compose(app: Flask, api: openapi.QuietApi) -> None:
    """Wire the domains together: pages, API, navigation, inbox, search."""
    extensions = app.extensions
    api.register_blueprint(home_api.blp)
    for pages in admin.blueprints:
        app.register_blueprint(pages)
    for blueprint in admin_api.blueprints:
        api.register_blueprint(blueprint)
    register_terms(GRADING_TERMS)
    register_terms(COMPLAINT_TERMS)
    register_terms(LIFTING_TERMS)
    register_terms(CONTRACT_TERMS)
    register_terms(KEEPING_TERMS)
    for blueprint in grading_api.BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(jobs_pages.bp)
    api.register_blueprint(jobs_api.blp)
    extensions["health"]["scheduler"] = jobs_pages.health_check
    extensions["banners"].append(jobs_pages.banner)
    for blueprint in onboarding_api.BLUEPRINTS:
        api.register_blueprint(blueprint)
    extensions["summaries"]["application"] = onboarding.summary
    extensions["nav"] += [*home.NAV, *admin.NAV, *jobs_pages.NAV]
    extensions["inbox_sources"] += [inbox.approval_source, inbox.opinion_source]
    extensions["inbox_kinds"] |= {"opinion": inbox.OPINION, **admin.INBOX_KINDS}
    onboarding_pages.init(app)
    for blueprint in complaints_api.BLUEPRINTS:
        api.register_blueprint(blueprint)
    complaint_pages.init(app)
    extensions["customer_tabs"].append(complaint_history.TAB)
    verify.also_checked("complaints", verify_due_times)
    for name, counted in {
        "approvals": approvals.ESCALATIONS,
        "receipts": distributing.RECEIPTS,
        "findings": inspecting.MENDING,
        "inquiries": recounting.INQUIRIES,
        "consultations": recounting.CONSULTATIONS,
    }.items():
        calendars.followed_by(name, counted.follower())
    calendars.followed_by("complaints", calendars.Follower(redating.foresee, redating.run))
    calendars.followed_by("within complaints", recounting.WITHIN)
    calendars.followed_by("levels", grading_recounting.RUNS)
    for blueprint in lifting_api.BLUEPRINTS:
        api.register_blueprint(blueprint)
    lifting_pages.init(app)
    offtake_rows.months_closed_by(closed_months)
    disqualifying.STOPS["orders"] = stopping.stop_orders
    grading_pages.init(app)
    if breaches_of_month not in grading_runs.BREACHES:
        grading_runs.BREACHES.append(breaches_of_month)
    grading_derived.ORDERS_DUE[:] = [discipline.orders_due]
    verify.also_checked("levels", verify_levels)
    verify.also_checked("reviews", verify_reviews)
    verify.also_checked("offtake", offtake.verify)
    verify.also_checked("covers", suspension.verify)
    verify.also_checked("lifting", lifting_figures.verify)
    for share in (imports_handing_over.SHARE, *onboarding_portfolio.SHARES, *complaints_handing_over.SHARES):
        portfolios.register(share)
    for desk in (
        *distributing.DESKS,
        *inspecting.DESKS,
        *complaints_handing_over.DESKS,
        *lifting_handing_over.DESKS,
        *grading_handing_over.DESKS,
    ):
        desks.register(desk)


def _check_settings(app: Flask) -> None:
    if not app.config.get("SQLALCHEMY_DATABASE_URI"):
        raise RuntimeError("TIERFLOW_DATABASE_URL is not set")
    if not app.config.get("SECRET_KEY"):
        raise RuntimeError("TIERFLOW_SECRET_KEY is not set")


def local_secret(folder: Path) -> str:
    """A secret key kept in a file, for a machine that has none in its environment (the demo)."""
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _mark_static(app: Flask) -> None:
    for endpoint, view in app.view_functions.items():
        if endpoint.endswith("static"):
            app.view_functions[endpoint] = access.public(_passing(view))


def _passing(view: Any) -> Any:
    def static(**kwargs: Any) -> Any:
        return view(**kwargs)

    return static


POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; frame-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)


def _harden(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    if not (request.endpoint or "").endswith("static"):
        headers.setdefault("Cache-Control", "no-store")
    return response

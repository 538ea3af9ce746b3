"""The door: every view says what it needs, reads cannot write, and writes commit in one place.

    @bp.get("/customers")
    @reads("customer.read")
    def customers(*, session, actor, now): ...

    @bp.post("/applications/<id:application_id>/submit")
    @writes("application.write")
    def submit(*, session, actor, now, application_id): ...

A view without such a line keeps the app from starting. Denials are logged and change nothing else.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

from flask import Flask, Response, abort, current_app, g, make_response, redirect, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common import sessions, uploads
from tierflow.common.db import db, transaction
from tierflow.common.idempotency import claim, keep_answer, release
from tierflow.common.imports import reading as tables
from tierflow.common.policies import policy_on
from tierflow.kernel.approval import digest
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, Refusal, Refused, WrongSecret
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import PERMISSIONS, Actor, in_name_of, is_allowed
from tierflow.kernel.text import text
from tierflow.web import signing_in
from tierflow.web.context import COOKIE, address, current_actor, current_user, kept_words, now, today, wants_json

csrf = CSRFProtect()

View = Callable[..., Any]
OnInvalid = Callable[..., Any]

MOST_FILES = 20  # looked into; no form takes as many
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Access:
    """What a view declares. `action` None: open to everybody (login page, health, static)."""

    action: str | None
    writes: bool
    preview: bool = False  # asked by POST because its question is long; stores nothing
    unready_ok: bool = False  # reachable before the second factor or a forced password change is done


class _Undone(Exception):
    """A view answered with an error: what it wrote until then is rolled back."""

    def __init__(self, response: Response) -> None:
        self.response = response


def public(view: View) -> View:
    """A view for anybody; must be reviewed in the route table like every other."""
    view.__access__ = Access(None, writes=False)  # type: ignore[attr-defined]
    return view


def reads(action: str, *, preview: bool = False, unready_ok: bool = False) -> Callable[[View], View]:
    """A view that only reads, in a transaction the database keeps read-only.

    `preview`: a question put by POST (what would this rule decide?); nothing is stored.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, session=db.session(), actor=current_actor(), now=now(), **kwargs)

        wrapper.__access__ = Access(action, writes=False, preview=preview, unready_ok=unready_ok)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def writes(
    action: str, *, on_invalid: OnInvalid | None = None, unready_ok: bool = False, proves: bool = False
) -> Callable[[View], View]:
    """A view that writes: one transaction, the actor read again inside it, the idempotency key honoured.

    Files that were sent are opened before it begins: one that takes seconds must not keep everybody from saving.

    `on_invalid(session=, actor=, now=, errors=, refusals=, **route)` shows a form again with what was typed when
    the view raises `Invalid` or `Refused`; without it the error page or JSON error answers.
    `proves`: the view asks for the account's own password or code again; wrong ones count as failed sign-ins do.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                with uploads.looked_into(sent_files()), transaction() as session:
                    identify(strict=True)
                    actor = _allowed(action)
                    if proves:
                        signing_in.throttle(session, current_login(), address(), now())
                    replayed = _claim_key(actor)
                    if replayed is not None:
                        return replayed
                    response = make_response(view(*args, session=session, actor=actor, now=now(), **kwargs))
                    if response.status_code >= 400:
                        raise _Undone(response)
                    _keep_answer(actor, response)
                    return response
            except _Undone as undone:
                return undone.response
            except (Invalid, Refused) as error:
                if isinstance(error, WrongSecret):
                    _count_failure()
                if on_invalid is None or wants_json():
                    raise
                errors = error.errors if isinstance(error, Invalid) else {}
                refusals = error.refusals if isinstance(error, Refused) else ()
                page = on_invalid(
                    *args,
                    session=db.session(),
                    actor=current_actor(),
                    now=now(),
                    errors=errors,
                    refusals=refusals,
                    **kwargs,
                )
                response = make_response(page)
                response.status_code = 422 if isinstance(error, Invalid) else 409
                return response

        wrapper.__access__ = Access(action, writes=True, unready_ok=unready_ok)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _count_failure() -> None:
    user = current_user()
    with transaction() as session:
        signing_in.note_failure(session, current_login(), user, address(), now())


def current_login() -> str:
    """The name the account signs in with; "" when nobody is signed in."""
    user = current_user()
    return user.login if user is not None else ""


def tables_opened(view: View) -> View:
    """Above the door of an import's upload: its file, too, is opened before the transaction begins."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with tables.looked_into(sent_files()):
            return view(*args, **kwargs)

    return wrapper


def sent_files() -> list[bytes]:
    """The bytes of the files of the request, and no transaction left open while somebody looks into them."""
    contents = []
    for _name, file in islice(request.files.items(multi=True), MOST_FILES):
        contents.append(file.stream.read())
        file.stream.seek(0)
    if contents:
        db.session().rollback()
    return contents


def identify(*, strict: bool = False) -> None:
    """Find out who asks, by API token or session cookie. `strict`: again, in the present transaction.

    Tokens serve the API only: a page has forms, and a form is proven by its CSRF token.
    """
    session = db.session()
    header = request.headers.get("Authorization", "")
    found = None
    if header.startswith("Bearer ") and request.path.startswith("/api/"):
        found = sessions.of_token(session, header.removeprefix("Bearer ").strip(), now(), today())
        g.by_token = found is not None
    elif cookie := request.cookies.get(COOKIE):
        found = sessions.of_cookie(session, cookie, now(), today())
    g.signed_in = found
    if strict and found is None:
        unauthenticated()


def unauthenticated() -> NoReturn:
    """Sign in first: a redirect for people, 401 for programs and for a form that would lose what was typed."""
    if wants_json() or kept_words():
        abort(401)
    target = request.full_path if request.method == "GET" else None
    abort(redirect(url_for("session.login", next=target)))


def _allowed(action: str) -> Actor:
    actor = current_actor()
    if actor is None:
        unauthenticated()
    if not is_allowed(actor, action):
        raise Forbidden(action)
    return in_name_of(actor, action)


def _request_hash() -> str:
    form = {key: request.form.getlist(key) for key in request.form if key not in ("csrf_token",)}
    files = [(name, _file_hash(file)) for name, file in request.files.items(multi=True)]
    body = b"" if form or files else request.get_data()
    return digest([request.method, request.full_path, form, files, hashlib.sha256(body).hexdigest()])


def _file_hash(file: FileStorage) -> list[str | None]:
    content = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type]
    file.stream.seek(0)
    return [file.filename, content]


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key") or request.form.get("idempotency_key")
    if key and (len(key) > 120 or not key.isprintable()):
        raise Invalid({"idempotency_key": [text("At most %(most)s characters.", most=120)]})
    return key or None


def _claim_key(actor: Actor) -> Response | None:
    key = _key()
    if key is None:
        return None
    answer = claim(db.session(), actor.user_id, key, _request_hash(), now())
    if answer is None:
        return None
    if answer.get("shown_once"):
        raise Conflict(Refusal("idempotency", SHOWN_ONCE))
    headers = {"Content-Type": answer.get("type", "text/html"), "Idempotent-Replay": "true"}
    if answer.get("location"):
        headers["Location"] = answer["location"]
    return Response(answer.get("body", ""), status=answer.get("status", 200), headers=headers)


def keep_no_answer() -> None:
    """Say that this answer shows a secret once: it is not kept for whoever sends the same request again."""
    g.shown_once = True


SHOWN_ONCE = text("This was done already; what was shown once cannot be shown again.")


def _keep_answer(actor: Actor, response: Response) -> None:
    key = _key()
    if key is None:
        return
    if g.get("shown_once", False):
        keep_answer(db.session(), actor.user_id, key, {"shown_once": True})
        return
    if response.is_streamed or response.mimetype not in ("application/json", "text/html"):
        release(db.session(), actor.user_id, key)  # a file cannot be kept here: asked again, it is made again
        return
    answer = {
        "status": response.status_code,
        "type": response.content_type,
        "location": response.headers.get("Location"),
        "body": response.get_data(as_text=True),
    }
    keep_answer(db.session(), actor.user_id, key, answer)


def declared(app: Flask) -> dict[str, Access]:
    """Each endpoint's access; raises when one declares none, or an action the table does not have."""
    found = {}
    for endpoint, view in app.view_functions.items():
        access = getattr(view, "__access__", None)
        if access is None:
            raise RuntimeError(f"{endpoint} declares no access: add @reads, @writes or @public")
        if access.action is not None and access.action not in PERMISSIONS:
            raise RuntimeError(f"{endpoint}: {access.action} is not in the permission table")
        found[endpoint] = access
    for rule in app.url_map.iter_rules():
        unsafe = (rule.methods or set()) - SAFE
        access = found[rule.endpoint]
        if access.action is not None and bool(unsafe) != (access.writes or access.preview):
            raise RuntimeError(f"{rule} {sorted(unsafe)}: GET reads and every other method writes")
    return found


def check_request() -> BaseResponse | None:
    """Before every request: who is it, may they, and did the form come from us."""
    if request.endpoint is None:
        identify()
        return None  # 404 or 405, answered without telling who may see what
    access: Access = current_app.extensions["access"][request.endpoint]
    if access.action is None and request.endpoint.endswith("static"):
        return None
    identify()
    if access.action is not None:
        actor = current_actor()
        if actor is None:
            unauthenticated()
        if not access.unready_ok and (step := unfinished_step()) is not None:
            if wants_json():
                raise Forbidden(step)
            return redirect(url_for(step))
        if not is_allowed(actor, access.action):
            raise Forbidden(access.action)
    if request.method not in SAFE and not g.get("by_token", False):
        csrf.protect()
    return None


def unfinished_step() -> str | None:
    """The endpoint a signed-in person must pass first: a forced password change, a required second factor."""
    signed_in: sessions.SignedIn | None = g.get("signed_in")
    if signed_in is None or g.get("by_token", False):
        return None
    if signed_in.user.must_change_password:
        return "session.password"
    if signed_in.user.totp_confirmed_at is None and (signed_in.must_enrol or _came_to_need_a_factor(signed_in)):
        return "session.enrol"
    return None


def _came_to_need_a_factor(signed_in: sessions.SignedIn) -> bool:
    """Whether a role that policy wants a second factor for, lent ones too, began since the sign-in by password.

    Own roles that change end every session; what begins by itself is a delegation, or a role on its first day.
    Everybody else's pages ask nothing more of the database.
    """
    since, actor = signed_in.by_one_factor_since, signed_in.actor
    if since is None or not (actor.principals or local_day(since) < today()):
        return False
    wanted = policy_on(db.session(), today()).words("second_factor.roles")
    return not actor.roles.isdisjoint(wanted)


def log_denial(kind: str, detail: str) -> None:
    """Note a refusal in the security log, in a transaction of its own."""
    actor = current_actor()
    with transaction() as session:
        sessions.log_security(
            session,
            kind,
            now(),
            user_id=actor.user_id if actor else None,
            login=actor.name if actor else "",
            address=address(),
            detail=detail,
        )


__all__ = ["Access", "CSRFError", "csrf", "generate_csrf", "public", "reads", "sent_files", "tables_opened", "writes"]

"""The JSON API: OpenAPI 3.1 from the same schemas, Swagger UI from local files."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Blueprint as FlaskBlueprint
from flask import Flask, Request, Response, render_template, send_from_directory
from flask_babel import lazy_gettext as _l
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields
from webargs import missing
from webargs.flaskparser import FlaskParser, abort

from tierflow.common.files import MEDIA_TYPES
from tierflow.web.access import public

API_PREFIX = "/api/v1"

_ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
_WRITING = (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)

# What a view that answers a stored scan tells: `@blp.doc(responses=SCAN)`.
SCAN: dict[str, Any] = {
    "200": {
        "description": "The scan, as the kind of file it is",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA_TYPES.values()},
    }
}


class RefusalSchema(Schema):
    """Why the rules refuse: the clause, the reason in the reader's language, the field it belongs to."""

    clause = fields.String(required=True)
    reason = fields.String(required=True)
    field = fields.String(required=True, allow_none=True)


class ErrorSchema(Schema):
    """Every error, by the one table: `errors` by field with 422, `refusals` with 409."""

    code = fields.Integer(required=True)
    message = fields.String(required=True)
    errors = fields.Dict(keys=fields.String())
    refusals = fields.List(fields.Nested(RefusalSchema))


class QuietApi(Api):  # type: ignore[misc]
    """flask-smorest without its app-wide error handler: `web.errors` is the one table."""

    ERROR_SCHEMA = ErrorSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to the table."""


class _Arguments(FlaskParser):
    """Reads what a program sends; what is no JSON is the sender's error, in the reader's language."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        try:
            found = super().load_json(req, schema)
            if found is not missing and b"\\ud" in req.get_data().lower():
                json.dumps(found, ensure_ascii=False).encode()  # half a character: nothing could store or repeat it
        except ValueError as error:  # that, or a number of more digits than Python reads
            self._handle_invalid_json_error(error, req)
        return found

    def _handle_invalid_json_error(self, error: ValueError, req: Request, *_args: Any, **_kwargs: Any) -> NoReturn:
        abort(400, exc=error, messages={"json": [_l("This is not JSON that can be read.")]})


class _Documented(Blueprint):  # type: ignore[misc]
    """A blueprint whose operations have a name, and tell the errors of the table they can answer with."""

    ARGUMENTS_PARSER = _Arguments()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks += [_join_form_and_files, _document_errors]

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **kw: Any
    ) -> None:
        """Register the view; its operation is called after the blueprint and the function."""
        if view_func is not None:
            told = view_func.__dict__.setdefault("_apidoc", {}).setdefault("manual_doc", {})
            told.setdefault("operationId", f"{self.name.removeprefix('api_')}_{view_func.__name__}")
        super().add_url_rule(rule, endpoint, view_func, **kw)


def _join_form_and_files(doc: dict[str, Any], _info: Any, **_context: Any) -> dict[str, Any]:
    """Fields sent beside a file belong to the one multipart body; OpenAPI 3 has no form parameters."""
    beside = [row for row in doc.get("parameters", ()) if row["in"] == "form"]
    if beside:
        body = doc["requestBody"]["content"]["multipart/form-data"]
        parts = [_class_of(part) for part in (*(row["schema"] for row in beside), body["schema"])]
        body["schema"] = type("With".join(part.__name__ for part in parts), tuple(parts), {})
        doc["parameters"] = [row for row in doc["parameters"] if row["in"] != "form"]
    return doc


def _class_of(schema: Any) -> type[Schema]:
    found: type[Schema] = schema if isinstance(schema, type) else type(schema)
    return found


def _document_errors(doc: dict[str, Any], _info: Any, *, method: str, **_context: Any) -> dict[str, Any]:
    statuses = [*_ALWAYS, HTTPStatus.NOT_FOUND, *(_WRITING if method.upper() != "GET" else ())]
    responses = doc.setdefault("responses", {})
    for status in statuses:
        responses.setdefault(str(status.value), status.name)
    return doc


def api_blueprint(name: str, title: str) -> Blueprint:
    """A blueprint under /api/v1; `title` is its tag in the documentation."""
    return _Documented(f"api_{name}", __name__, url_prefix=API_PREFIX, description=title)


docs = FlaskBlueprint("docs", __name__, url_prefix="/api")


@docs.get("/docs")
@public
def ui() -> str:
    """Swagger UI over our own description, no outside address."""
    return render_template("docs/swagger.html")


@docs.get("/docs/assets/<path:filename>")
@public
def assets(filename: str) -> Response:
    """Swagger UI's files, from the installed package."""
    from openapi_ui_bundles import swagger_ui

    return send_from_directory(swagger_ui.static_path, filename)


def init(app: Flask) -> QuietApi:
    """Attach the API; domain blueprints register on what this returns."""
    app.config.update(
        API_TITLE="tierflow",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "Customer qualification, tiers and service."},
            "components": {
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "tierflow_session"},
                }
            },
            "security": [{"token": []}, {"session": []}],
        },
    )
    api = QuietApi(app)
    for endpoint in ("api-docs.openapi_json",):
        if endpoint in app.view_functions:
            public_view: Any = app.view_functions[endpoint]
            app.view_functions[endpoint] = public(_plain(public_view))
    app.register_blueprint(docs)
    return api


def _plain(view: Any) -> Any:
    def describe(**kwargs: Any) -> Any:
        return view(**kwargs)

    return describe

"""What several commands need: the database of the environment, and an application that serves nobody."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import Engine

from tierflow import create_app
from tierflow.common.db import data_dir, make_engine
from tierflow.web.logs import configure


def database_url() -> str:
    """The database to work on. Raises a click error when the environment names none."""
    url = os.environ.get("TIERFLOW_DATABASE_URL")
    if not url:
        raise click.ClickException("TIERFLOW_DATABASE_URL is not set")
    return url


def engine() -> Engine:
    """An engine for the database of the environment."""
    url = database_url()
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return make_engine(url)


def application(*, check_schema: bool = True) -> Flask:
    """The application, composed for its rules and services; it answers no request."""
    configure()
    url = database_url()
    secret = os.environ.get("TIERFLOW_SECRET_KEY") or secrets.token_urlsafe(32)
    try:
        return create_app(
            {"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": secret, "CHECK_SCHEMA": check_schema, "PATIENT": True}
        )
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error


def anchor_file() -> Path:
    """Where the audit chain's head is kept outside the database."""
    return Path(os.environ.get("TIERFLOW_ANCHOR_FILE") or Path(data_dir()) / "anchors.jsonl")

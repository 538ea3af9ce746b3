"""People, roles, delegation, tokens."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from email_validator import EmailNotValidError, validate_email
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.admin.schemas.shared import (
    Day,
    Moment,
    PagedSchema,
    PeriodSchema,
    PersonRef,
    RefusalOut,
    last_day,
)
from tierflow.common import identifiers
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import TOKEN_SCOPES, Role
from tierflow.web.i18n import LANGUAGES, show
from tierflow.web.schemas import Integer, Line, Paragraph, RowId, Schema, between, length, one_of

ROLES = tuple(role.value for role in Role)
THEMES = ("light", "dark", "auto")


class Login(Line):
    """A user name: small letters, digits, dot, hyphen, underscore; capitals are folded."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return identifiers.login(super()._deserialize(value, attr, data, **kwargs))
        except identifiers.BadIdentifier as bad:
            raise ma.ValidationError(show(bad.reason)) from bad


class Email(Line):
    """An e-mail address, as far as it can be told without sending one."""

    default_error_messages = {"email": _l("This is not an e-mail address.")}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        written = super()._deserialize(value, attr, data, **kwargs)
        try:
            return validate_email(written, check_deliverability=False, globally_deliverable=False).normalized
        except EmailNotValidError as error:
            raise self.make_error("email") from error


class PeopleFilter(PagedSchema):
    """Which accounts."""

    q = Line(load_default=None, most=100)
    role = Line(load_default=None, validate=one_of(ROLES))
    state = Line(load_default=None, validate=one_of(("enabled", "disabled")))


class AccountSchema(Schema):
    """What may be changed about an account."""

    name = Line(required=True, most=60)
    email = Email(allow_none=True, most=200)
    phone = Line(allow_none=True, most=40)
    department_id = RowId(allow_none=True)
    locale = Line(validate=one_of(LANGUAGES))
    seen = Line(allow_none=True, most=32, metadata={"description": "`stamp` of the account as you saw it"})


class NewAccountSchema(AccountSchema):
    """A new account; without `person_id` for a person who has none yet."""

    class Meta(AccountSchema.Meta):
        """Nothing was seen yet."""

        exclude = ("seen",)

    login = Login(required=True, least=2, most=60)
    person_id = RowId(allow_none=True, metadata={"description": "an existing person, for a further account"})


class GrantRef(Schema):
    """A role in force."""

    role = fields.Method("_role")
    scope_id = RowId(allow_none=True)

    def _role(self, grant: Any) -> str:
        return str(grant.role.value)


class AccountOut(Schema):
    """An account."""

    id = RowId(attribute="user.id")
    login = Line(attribute="user.login")
    name = Line(attribute="user.name")
    person_id = RowId(attribute="user.person_id")
    person_name = Line()
    email = Line(attribute="user.email", allow_none=True)
    phone = Line(attribute="user.phone", allow_none=True)
    department_id = RowId(attribute="user.department_id", allow_none=True)
    department = Line(allow_none=True)
    locale = Line(attribute="user.locale")
    must_change_password = fields.Boolean(attribute="user.must_change_password")
    second_factor_at = Moment(attribute="user.totp_confirmed_at", allow_none=True)
    created_at = Moment(attribute="user.created_at")
    disabled_at = Moment(attribute="user.disabled_at", allow_none=True)
    grants = fields.List(fields.Nested(GrantRef))
    stamp = fields.String()


class AccountPage(Schema):
    """A page of accounts."""

    rows = fields.List(fields.Nested(AccountOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class OneTimePasswordOut(Schema):
    """An account's one-time password; shown this once."""

    id = RowId()
    login = Line()
    one_time_password = fields.String()


class SessionOut(Schema):
    """A signed-in browser."""

    id = RowId()
    created_at = Moment()
    expires_at = Moment()
    second_factor_at = Moment(allow_none=True)
    address = Line()
    agent = Line()


class EndSessionsSchema(Schema):
    """Which session to end; none: all (of one's own: all others)."""

    session_id = RowId(load_default=None, allow_none=True)


class GrantFilter(PagedSchema):
    """Which grants."""

    role = Line(load_default=None, validate=one_of(ROLES))
    user_id = RowId(load_default=None)
    state = Line(load_default=None, validate=one_of(("waiting", "in_force", "ended")))


class GrantSchema(PeriodSchema):
    """A role for an account, with the region, office or warehouse it is held for."""

    role = Line(required=True, validate=one_of(ROLES))
    region_id = RowId(load_default=None, allow_none=True)
    office_id = RowId(load_default=None, allow_none=True)
    warehouse_id = RowId(load_default=None, allow_none=True)


class ProposalSchema(GrantSchema):
    """A grant to propose."""

    user_id = RowId(required=True)


class RevisionSchema(GrantSchema):
    """A corrected proposal; `version` is the case's as it was seen."""

    version = Integer(load_default=None, allow_none=True, validate=between(0, 2**31))


class DecisionSchema(Schema):
    """A verdict on the proposal as it was seen (`version`)."""

    verdict = Line(required=True, validate=one_of([verdict.value for verdict in Verdict]))
    reason = Paragraph(load_default=None, most=500, allow_none=True)
    version = Integer(required=True, validate=between(0, 2**31))


class GrantOut(Schema):
    """A grant and where it stands."""

    id = RowId(attribute="grant.id")
    user = fields.Nested(PersonRef)
    role = Line(attribute="grant.role")
    region_id = RowId(attribute="grant.region_id", allow_none=True)
    office_id = RowId(attribute="grant.office_id", allow_none=True)
    warehouse_id = RowId(attribute="grant.warehouse_id", allow_none=True)
    scope = Line(allow_none=True)
    from_on = fields.Date(attribute="grant.from_on")
    last_on = fields.Function(lambda row: _iso(row.grant.to_on))
    state = Line()
    version = fields.Function(lambda row: row.case.version if row.case else None)
    proposed_by = fields.Nested(PersonRef, allow_none=True)
    approved_by = fields.Nested(PersonRef, allow_none=True)
    approved_at = Moment(attribute="grant.approved_at", allow_none=True)
    revoked_by = fields.Nested(PersonRef, allow_none=True)
    revoked_at = Moment(attribute="grant.revoked_at", allow_none=True)


def _iso(to_on: Any) -> str | None:
    day = last_day(to_on)
    return None if day is None else day.isoformat()


class GrantSightOut(Schema):
    """A grant, and why the asker cannot decide on it."""

    row = fields.Nested(GrantOut, data_key="grant")
    refusals = fields.List(fields.Nested(RefusalOut))


class GrantPage(Schema):
    """A page of grants."""

    rows = fields.List(fields.Nested(GrantOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class FactorResetOut(Schema):
    """A second factor to be taken away, and why the asker cannot decide on it."""

    id = RowId(attribute="row.id")
    user = fields.Nested(PersonRef)
    reason = Line(attribute="row.reason")
    state = Line()
    version = Integer(attribute="case.version")
    asked_by = fields.Nested(PersonRef)
    asked_at = Moment(attribute="row.asked_at")
    ended_at = Moment(attribute="row.ended_at", allow_none=True)
    refusals = fields.List(fields.Nested(RefusalOut))


class DelegationFilter(PagedSchema):
    """Which delegations."""

    user_id = RowId(load_default=None)
    state = Line(load_default=None, validate=one_of(("open", "ended")))


class DelegationSchema(PeriodSchema):
    """A stand-in for some days; without `from_user_id` one's own."""

    last_on = Day(required=True, metadata={"description": "last day, included"})
    from_user_id = RowId(load_default=None, allow_none=True)
    to_user_id = RowId(required=True)
    reason = Line(load_default=None, most=200, allow_none=True)


class DelegationOut(Schema):
    """A delegation; the record names both."""

    id = RowId(attribute="delegation.id")
    absent = fields.Nested(PersonRef)
    stand_in = fields.Nested(PersonRef)
    set_by = fields.Nested(PersonRef)
    from_on = fields.Date(attribute="delegation.from_on")
    last_on = fields.Function(lambda row: _iso(row.delegation.to_on))
    reason = Line(attribute="delegation.reason")
    set_at = Moment(attribute="delegation.set_at")
    revoked_at = Moment(attribute="delegation.revoked_at", allow_none=True)
    state = Line()


class DelegationPage(Schema):
    """A page of delegations."""

    rows = fields.List(fields.Nested(DelegationOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class OptionalReasonSchema(Schema):
    """Why, if there is anything to say."""

    reason = Paragraph(load_default="", most=500)

    @ma.post_load
    def _never_none(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {"reason": data["reason"] or ""}


class OwnPasswordSchema(Schema):
    """One's own password, and the present one."""

    old = Line(required=True, most=200)
    new = Line(required=True, most=200)


class SecondFactorSchema(Schema):
    """A second factor of one's own: a key the program made, and six digits made with it.

    To replace one that stands, the password and six digits of the present one too.
    """

    secret = Line(
        required=True,
        most=32,
        validate=ma.validate.Regexp("^[A-Z2-7]{32}$", error=_l("The key has 32 characters: A to Z and 2 to 7.")),
        metadata={"description": "the key, 160 random bits in base 32; shown to nobody again"},
    )
    code = Line(required=True, most=10)
    password = Line(most=200, load_default=None)
    present_code = Line(most=10, load_default=None)


class TokenSchema(Schema):
    """A token to issue."""

    label = Line(required=True, most=60)
    scopes = fields.List(Line(validate=one_of(TOKEN_SCOPES)), required=True, validate=length(1, len(TOKEN_SCOPES)))
    days = Integer(required=True, validate=between(1, 3660))


class TokenOut(Schema):
    """A token without its secret."""

    id = RowId()
    label = Line()
    scopes = fields.List(fields.String())
    created_at = Moment()
    expires_at = Moment()
    revoked_at = Moment(allow_none=True)


class NewTokenOut(TokenOut):
    """A token just issued; the secret is shown this once."""

    secret = fields.String()


class MeOut(Schema):
    """Who asks."""

    id = RowId()
    login = Line()
    name = Line()
    roles = fields.List(fields.Nested(GrantRef))
    stands_in_for = fields.List(fields.String())
    locale = Line()
    theme = Line()
    second_factor_at = Moment(allow_none=True)


class PreferenceSchema(Schema):
    """One's own language and theme."""

    locale = Line(load_default=None, validate=one_of(LANGUAGES))
    theme = Line(load_default=None, validate=one_of(THEMES))

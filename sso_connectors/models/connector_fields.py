"""The fields of a connector, each told once: what the form, files, permissions and states need to know of it.

A new field is a line here, its column in `connector.py`, and its place in the form's fieldsets.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

SAML2: Final = "saml2"
OAUTH2: Final = "oauth2"


class Kind(Enum):
    """How a field stands in JSON (`sso_apply`): the last three have a shape of their own."""

    TEXT = auto()
    CHOICE = auto()
    SWITCH = auto()
    CERTIFICATES = auto()
    OPTIONS = auto()
    SECRET = auto()


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a connector.

    of: the type it belongs to; "" for both. required: needed before a connector of that type can be enabled.
    trusted: it decides who can get in, so that changing it takes the permission `change_trust`; a change of it
    makes the connector untested, unless `judges` is False. cleaned: what people paste around it is stripped, and
    a private key in it is refused.
    """

    name: str
    kind: Kind = Kind.TEXT
    of: str = ""
    required: bool = False
    trusted: bool = False
    judges: bool = True
    cleaned: bool = False


FIELDS: Final = (
    Field(name="name", cleaned=True),
    Field(name="reference", cleaned=True),
    Field(name="type", kind=Kind.CHOICE, trusted=True),
    Field(name="issuer_url", of=SAML2, required=True, trusted=True, cleaned=True),
    Field(name="endpoint", of=SAML2, required=True, trusted=True, cleaned=True),
    Field(name="identifier_format", kind=Kind.CHOICE, of=SAML2, required=True, trusted=True),
    Field(name="certificates", kind=Kind.CERTIFICATES, of=SAML2, required=True, trusted=True),
    Field(name="binding", kind=Kind.CHOICE, of=SAML2, trusted=True),
    Field(name="username_attribute", of=SAML2, trusted=True, cleaned=True),
    Field(name="authentication_method", kind=Kind.CHOICE, of=OAUTH2, required=True, trusted=True),
    Field(name="client_id", of=OAUTH2, required=True, trusted=True, cleaned=True),
    Field(name="client_secret", kind=Kind.SECRET, of=OAUTH2, required=True, trusted=True),
    Field(name="options", kind=Kind.OPTIONS, of=OAUTH2, trusted=True),
    Field(name="redirect_uri", kind=Kind.CHOICE, of=OAUTH2, trusted=True),
    Field(name="contact", cleaned=True),
    Field(name="enabled", kind=Kind.SWITCH, trusted=True, judges=False),
    Field(name="force_authn", kind=Kind.SWITCH, trusted=True),
    # A superuser's alone; while it is set, all that is trusted is (admin/connectors/staff_connectors.py).
    Field(name="staff_may_sign_in", kind=Kind.SWITCH),
)


def names(
    *kinds: Kind,
    of: str | None = None,
    required: bool = False,
    trusted: bool = False,
    judges: bool = False,
    cleaned: bool = False,
) -> tuple[str, ...]:
    """The names of the fields of these kinds (none given: of all) for which all that is asked for is true.

    of: only those that belong to that type alone.
    """
    return tuple(
        field.name
        for field in FIELDS
        if (not kinds or field.kind in kinds)
        and (of is None or field.of == of)
        and (field.required or not required)
        and (field.trusted or not trusted)
        and (field.judges or not judges)
        and (field.cleaned or not cleaned)
    )

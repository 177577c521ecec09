"""What people mix up when they copy a SAML identity provider's addresses, each with the cure.

An error is what can't work whatever the identity provider does; the rest is shown and may be saved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .. import addresses
from ..models import Connector, ConnectorType
from ..providers.entra import ANY_TENANT
from ..web_address import read_address
from . import idp_words
from .ours import is_ours

_NAMED: Final = 3


@dataclass(frozen=True)
class Mistake:
    """`field` is the connector's; `sentence` says what was seen and what to do."""

    field: str
    sentence: str
    is_error: bool


def mistakes(connector: Connector) -> list[Mistake]:
    """Return what is wrong or doubtful about a SAML connector's issuer URL, endpoint and certificates, or about
    the redirect URI of an OAUTH 2 connector.

    One query, for other connectors with this issuer. Empty fields are no mistakes.
    """
    if connector.type != ConnectorType.SAML2:
        return [*_about_redirect_uri(connector)]
    return [
        *_about_endpoint(connector.endpoint),
        *_about_issuer(connector.issuer_url),
        *_about_both(connector.issuer_url, connector.endpoint),
        *_about_others(connector),
        *(Mistake("certificates", note, is_error=False) for note in connector.certificate_notes),
    ]


def _about_redirect_uri(connector: Connector) -> Iterator[Mistake]:
    if connector.must_be_named_in_answers and not connector.tested_at:
        yield Mistake("redirect_uri", shared_redirect_uri(connector), is_error=False)


def shared_redirect_uri(connector: Connector) -> str:
    """What to do about a shared redirect URI at a server that the customer runs."""
    return _(
        "The redirect URI is shared with other connectors, and the customer runs "
        "the server. Sign-ins are refused unless the server names itself in each "
        "response (iss). Register %(address)s at the provider, then set the "
        "connector's “Kind of redirect URI” to “its own (recommended)”."
    ) % {"address": addresses.own_redirect_uri(connector.reference)}


# --- endpoint ---------------------------------------------------------------------------------


def _about_endpoint(endpoint: str) -> Iterator[Mistake]:
    if endpoint and (sentence := _wrong_endpoint(endpoint)):
        yield Mistake("endpoint", sentence, is_error=True)


def _wrong_endpoint(endpoint: str) -> str:
    """The first thing that is wrong; the next ones would only say it again."""
    if is_ours(endpoint):
        return _(
            "This is our own address, to enter at the identity provider. Enter "
            "the identity provider's single sign-on address here."
        )
    idp = idp_words.of_start(endpoint)
    if idp:
        return _(
            "This link starts a sign-in from the dashboard of %(idp)s, without our request. Copy "
            "“%(word)s” from there instead."
        ) % {"idp": idp.label, "word": idp.words.endpoint}
    if idp_words.starts_a_sign_in(endpoint):
        return _(
            "This link starts a sign-in from the identity provider's dashboard, "
            "without our request. Copy the identity provider's single sign-on "
            "address (SSO URL) instead."
        )
    idp = idp_words.of_issuer(endpoint)
    if idp:
        return _(
            "This is the issuer of %(idp)s, which belongs in Issuer URL. Enter "
            "“%(word)s” here, for example %(example)s."
        ) % {"idp": idp.label, "word": idp.words.endpoint, "example": idp.example_endpoint}
    if idp_words.is_metadata_address(endpoint):
        return _(
            "This is the address of the identity provider's metadata. Paste it "
            "into the box “Paste anything”. The endpoint is read from there."
        )
    try:
        addresses.validate_endpoint(endpoint)
    except ValidationError as error:
        return str(error.messages[0])
    return _wrong_host(endpoint)


def _wrong_host(endpoint: str) -> str:
    idp = idp_words.of_endpoint(endpoint)
    address = read_address(endpoint)
    first_label = address.host.partition(".")[0]
    if idp and idp.key == "okta" and first_label.endswith("-admin"):
        return _(
            "This is the host of Okta's Admin Console, where agents can't sign "
            "in. Remove “-admin” from the address."
        )
    tenant = address.path.lstrip("/").partition("/")[0]
    if idp and idp.key == "entra" and tenant.lower() in ANY_TENANT:
        return _(
            "“%(word)s” means any company's tenant. Copy the Login URL of this "
            "company's own application."
        ) % {"word": tenant}
    return ""


# --- issuer -----------------------------------------------------------------------------------


def _about_issuer(issuer: str) -> Iterator[Mistake]:
    if sentence := _wrong_issuer(issuer):
        yield Mistake("issuer_url", sentence, is_error=True)
    elif sentence := _doubtful_issuer(issuer):
        yield Mistake("issuer_url", sentence, is_error=False)


def _wrong_issuer(issuer: str) -> str:
    if is_ours(issuer):
        return _(
            "This is our own address, to enter at the identity provider. Enter "
            "the identity provider's entity ID here."
        )
    idp = idp_words.of_endpoint(issuer)
    if idp and idp.issuer:
        return _(
            "This is the sign-on address of %(idp)s, which belongs in Endpoint. "
            "Enter “%(word)s” here, for example %(example)s."
        ) % {"idp": idp.label, "word": idp.words.issuer_url, "example": idp.example_issuer}
    if any(mark in issuer for mark in "{}<>"):
        return _(
            "This contains a placeholder. Replace the text in brackets with the "
            "company's own value, as the identity provider shows it."
        )
    if "federationmetadata.xml" in issuer.lower():
        return _(
            "This is the address of the identity provider's metadata. Paste it "
            "into the box “Paste anything”. The issuer is read from there."
        )
    idp = idp_words.of_issuer(issuer)
    if idp and idp.key == "entra" and issuer.rstrip("/") == issuer and issuer.count("/") == 3:
        return _("Microsoft's identifier ends in a slash: %(example)s.") % {"example": f"{issuer}/"}
    return ""


def _doubtful_issuer(issuer: str) -> str:
    idp = idp_words.of_issuer(issuer)
    if idp is None or idp.key not in ("okta", "adfs"):
        return ""
    usual = issuer.rstrip("/").replace("https://", "http://", 1)
    if usual == issuer:
        return ""
    return _(
        "The issuer of %(idp)s is usually written %(usual)s. Every letter counts, "
        "so check it there again."
    ) % {"idp": idp.label, "usual": usual}


# --- together ---------------------------------------------------------------------------------


def _about_both(issuer: str, endpoint: str) -> Iterator[Mistake]:
    if not issuer or not endpoint:
        return
    by_issuer, by_endpoint = idp_words.of_issuer(issuer), idp_words.of_endpoint(endpoint)
    if issuer == endpoint:
        idp = by_endpoint or by_issuer
        # At JumpCloud an administrator chooses the issuer, often this very address; where we know
        # what an issuer looks like, this has been said already.
        if idp is None or idp.key == "pingfederate":
            yield Mistake(
                "endpoint",
                _(
                    "The Issuer URL and the Endpoint are the same, which is rare. Check "
                    "that the Endpoint is the identity provider's single sign-on address."
                ),
                is_error=False,
            )
    elif not (by_issuer or by_endpoint or is_ours(endpoint)) and idp_words.looks_swapped(
        issuer, endpoint
    ):
        yield Mistake(
            "endpoint",
            _(
                "The Issuer URL and the Endpoint seem to be swapped: %(issuer)s looks "
                "like a sign-on address, and %(endpoint)s like an entity ID. Compare "
                "them with the identity provider's screen."
            )
            % {"issuer": issuer[:200], "endpoint": endpoint[:200]},
            is_error=False,
        )
    elif by_issuer and by_endpoint and by_issuer != by_endpoint:
        yield Mistake(
            "issuer_url",
            _(
                "The issuer looks like %(one)s, and the endpoint like %(other)s. Check "
                "that both belong to the same identity provider."
            )
            % {"one": by_issuer.label, "other": by_endpoint.label},
            is_error=False,
        )
    else:
        names = idp_words.tenants(issuer_url=issuer, endpoint=endpoint)
        if names and names[0] != names[1]:
            yield Mistake(
                "issuer_url",
                _(
                    "The issuer names %(one)s, and the endpoint %(other)s. Check that "
                    "both belong to the same account."
                )
                % {"one": names[0], "other": names[1]},
                is_error=False,
            )


def _about_others(connector: Connector) -> Iterator[Mistake]:
    """A note: two applications of one tenant have one issuer, and the pending login tells them apart."""
    if not connector.issuer_url:
        return
    others = Connector.objects.filter(
        type=ConnectorType.SAML2, issuer_url=connector.issuer_url
    ).exclude(pk=connector.pk)
    names = list(others.order_by("name", "pk").values_list("name", flat=True)[: _NAMED + 1])
    if names:
        listed = ", ".join(f"“{name}”" for name in names[:_NAMED])
        yield Mistake(
            "issuer_url",
            _(
                "Other connectors with this issuer: %(names)s. If this is intended, no "
                "action is needed."
            )
            % {"names": f"{listed}…" if len(names) > _NAMED else listed},
            is_error=False,
        )

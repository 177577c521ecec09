"""Paste anything: what an administrator copied from an identity provider, read into our fields.

Nothing is fetched and nothing is saved here: the administrator confirms what was understood. So the
signature of a metadata document, and how long it says that it holds, prove nothing here and aren't
verified; whoever pastes it vouches for it.
"""

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .. import addresses, idp_words
from ..certificates import MAX_PASTE, normalise_certificates
from .lines import read_lines
from .metadata import read_metadata
from .openid import WELL_KNOWN, read_discovery, read_discovery_address
from .ours import is_ours
from .understood import Understood, concluded, private_key, refusal

__all__ = ["Understood", "read"]

# A line of it: letters alone are words as well.
_BASE64: Final = re.compile(r"MII|[A-Za-z0-9+/]{40}").match
_FINGERPRINT: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:\s]?){20}(?:(?:[0-9A-Fa-f]{2}[:\s]?){12})?")
_CARRIAGE_RETURN: Final = re.compile(r"&#(?:13|xd);", re.IGNORECASE)
_WEB_PAGE: Final = ("<!doctype html", "<html")
_LONGEST_LINE: Final = 4096


def read(text: str, *, entity_id: str = "") -> Understood:
    """Return what `text` says.

    Understood: SAML metadata, certificates (PEM blocks or bare base64), an https address, the
    labelled lines of an identity provider's screen, an OpenID discovery document. Where metadata
    describes several identity providers the answer has `choices`, and `entity_id` picks one.

    Raises ValidationError that says what was seen and what is wanted; a private key is never
    repeated in it, nor kept.
    """
    if "PRIVATE KEY" in text:
        raise private_key()
    if len(text) > MAX_PASTE:
        raise refusal(_("This is longer than %(limit)s characters."), limit=MAX_PASTE)
    text = _CARRIAGE_RETURN.sub("", text).replace("\ufeff", "").strip()
    if not text:
        raise refusal(_("There is nothing here."))
    return concluded(_read(text, entity_id))


def _read(text: str, entity_id: str) -> Understood:
    if any(mark in text[:500].lower() for mark in _WEB_PAGE):
        raise refusal(
            _(
                "This is a web page. If it came from the identity provider's metadata address, that "
                "address is wrong or needs a sign-in first: ask for the metadata as a file."
            )
        )
    if text.startswith("<"):
        return read_metadata(text, entity_id=entity_id)
    if "EntityDescriptor" in text and "<" in text and ">" in text:
        # Browsers show a line of their own above XML; letters have words around it.
        return read_metadata(text[text.index("<") : text.rindex(">") + 1], entity_id=entity_id)
    if text.startswith("{"):
        return read_discovery(text)
    if len(text.split(maxsplit=1)) == 1 and text[:8].lower().startswith(("https://", "http://")):
        return _read_address(text)
    return _read_text(text)


def _read_address(url: str) -> Understood:
    if len(url) > _LONGEST_LINE:
        raise refusal(_("This is too long for an address."))
    if is_ours(url):
        raise refusal(
            _("%(url)s is our own address, to be entered at the identity provider."), url=url[:200]
        )
    if url.partition("?")[0].endswith(WELL_KNOWN):
        return read_discovery_address(url)
    if idp_words.of_start(url):
        raise refusal(
            _(
                "%(url)s is a link from the identity provider's dashboard. It starts a sign-in there, "
                "without our request, and can't be used here."
            ),
            url=url[:200],
        )
    if idp_words.of_endpoint(url):
        return Understood(endpoint=url)
    if idp_words.of_issuer(url) and not idp_words.is_metadata_address(url):
        return Understood(issuer_url=url)
    try:
        addresses.validate_endpoint(url)
    except ValidationError as error:
        if error.code == "endpoint_scheme":
            raise refusal(
                _("The address starts with “http://”; only “https://” is fetched.")
            ) from error
        raise refusal(
            _("This is not a web address that could be fetched: %(url)s"), url=url[:200]
        ) from error
    return Understood(url=url)


def _read_text(text: str) -> Understood:
    found = read_lines(text)
    if found is not None:
        return found
    if _FINGERPRINT.fullmatch(text):
        raise refusal(_("This is only the fingerprint of a certificate."))
    if _BASE64(text):
        return Understood(certificates=normalise_certificates(text))
    raise refusal(_("Nothing in this text could be recognised."))

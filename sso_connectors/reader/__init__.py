"""Paste anything: what an administrator copied from an identity provider, read into our fields.

Nothing is fetched and nothing is saved here: the administrator confirms what was understood. So the
signature of a metadata document, and how long it says that it holds, prove nothing here and aren't
verified; whoever pastes it vouches for it.
"""

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .. import addresses
from ..certificates.parsing import MAX_PASTE, find_bodies, read_certificates
from ..certificates.unwrapping import unwrap
from . import documents, idp_words
from .lines import read_lines
from .metadata import read_metadata
from .openid import is_discovery_address, read_discovery, read_discovery_address
from .ours import is_ours
from .understood import Understood, concluded, private_key, refusal

__all__ = ["Understood", "read"]

# A line of it: letters alone are words as well.
_BASE64: Final = re.compile(r"MII|[A-Za-z0-9+/]{40}").match
_FINGERPRINT: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:\s]?){20}(?:(?:[0-9A-Fa-f]{2}[:\s]?){12})?")
_SCHEMELESS: Final = re.compile(
    r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?::\d{1,5})?/\S*"
).fullmatch
_WEB_PAGE: Final = ("<!doctype html", "<html")
_LONGEST_LINE: Final = 4096


def read(text: str, *, entity_id: str = "", search: str = "") -> Understood:
    """Return what `text` says, after `unwrap` has undone what it came through.

    Understood: SAML metadata or a piece of it, certificates (PEM blocks, PKCS #7 or bare base64), an
    https address, the labelled lines of an identity provider's screen or of a mail, an OpenID
    discovery document, a program's settings as JSON. Where metadata describes several identity
    providers the answer has `choices` (of which `search` leaves some), and `entity_id` picks one.

    Raises ValidationError that says what was seen and what is wanted; a private key is never
    repeated in it, nor kept.
    """
    if "PRIVATE KEY" in text:
        raise private_key()
    if len(text) > MAX_PASTE:
        if "EntitiesDescriptor" in text[:20_000]:
            raise refusal(
                _(
                    "This is the metadata of a whole federation, longer than %(limit)s "
                    "characters. Ask the identity provider for its own metadata, or "
                    "paste only its part, from <EntityDescriptor entityID=…> to "
                    "</EntityDescriptor>."
                ),
                limit=MAX_PASTE,
            )
        raise refusal(_("This text is longer than %(limit)s characters."), limit=MAX_PASTE)
    text = unwrap(text)
    if "PRIVATE KEY" in text:
        raise private_key()
    if not text:
        raise refusal(_("There is nothing to read."))
    return concluded(_read(text, entity_id, search))


def _read(text: str, entity_id: str, search: str) -> Understood:
    if any(mark in text[:500].lower() for mark in _WEB_PAGE):
        raise refusal(
            _(
                "This is a web page. If it came from the identity provider's metadata "
                "address, that address is wrong or requires a sign-in. Ask for the "
                "metadata as a file."
            )
        )
    if text.startswith("<"):
        return read_metadata(text, entity_id=entity_id, search=search)
    if text.startswith(("{", "[")):
        return _read_document(text, entity_id, search)
    if "EntityDescriptor" in text and "<" in text and ">" in text:
        # Browsers show a line of their own above XML; letters have words around it.
        inner = text[text.index("<") : text.rindex(">") + 1]
        return read_metadata(inner, entity_id=entity_id, search=search)
    if len(text.split(maxsplit=1)) == 1 and (address := _as_address(text)):
        return _read_address(address)
    return _read_text(text)


def _as_address(word: str) -> str:
    """A lone word as the address that it is, with the scheme that browsers leave out; or ""."""
    word = word.strip("<>\"'“”«»,;")
    if word[:8].lower().startswith(("https://", "http://")):
        return word
    return f"https://{word}" if _SCHEMELESS(word) else ""


def _read_document(text: str, entity_id: str, search: str) -> Understood:
    document = documents.load(text)
    if inner := documents.metadata_in(document):
        return _read(unwrap(inner), entity_id, search)
    if "authorization_endpoint" not in document:
        found = read_lines(documents.as_lines(document))
        if found is not None:
            return found
    return read_discovery(document)


def _read_address(url: str) -> Understood:
    if len(url) > _LONGEST_LINE:
        raise refusal(_("This text is too long for an address."))
    if is_ours(url):
        raise refusal(
            _("%(url)s is our own address, to enter at the identity provider."), url=url[:200]
        )
    if is_discovery_address(url):
        return read_discovery_address(url)
    if idp_words.starts_a_sign_in(url):
        raise refusal(
            _(
                "%(url)s is a link from the identity provider's dashboard. It starts a "
                "sign-in there, without our request, so it can't be used here."
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
                _("The address starts with “http://”. Only “https://” addresses are read.")
            ) from error
        raise refusal(_("This is not a valid web address: %(url)s"), url=url[:200]) from error
    return Understood(url=url)


def _read_text(text: str) -> Understood:
    found = read_lines(text)
    if found is not None:
        return found
    if _FINGERPRINT.fullmatch(text):
        raise refusal(_("This is only the fingerprint of a certificate."))
    if _BASE64(text):
        certificates = read_certificates(find_bodies(text))
        return Understood(certificates=certificates.pem, notes=certificates.notes)
    raise refusal(_("Nothing was recognised in this text."))

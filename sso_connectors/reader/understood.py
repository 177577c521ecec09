"""What was understood of a paste, and how an error about one is worded."""

from dataclasses import dataclass, replace
from typing import Literal

from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ..certificates.parsing import PRIVATE_KEY, about_private_key, load_certificates
from . import idp_words


@dataclass(frozen=True)
class Understood:
    """For an administrator to confirm; an empty field was not in the paste.

    `type` is the connector's. `certificates` is what `normalise_certificates` returns. `provider` is
    a key of `idp_words`. `choices` are the entity IDs of which `read` must be told one; `more_choices`
    says how many there are besides. `url` is where there is more to read, fetched by nobody yet.
    `notes` are sentences.
    """

    type: Literal["saml2", "oauth2"] = "saml2"
    issuer_url: str = ""
    endpoint: str = ""
    binding: Literal["", "redirect", "post"] = ""
    certificates: str = ""
    identifier_format: str = ""
    provider: str = ""
    choices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    url: str = ""
    more_choices: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields of a SAML connector that are required, and that this doesn't fill."""
        if self.type != "saml2":
            return ()
        return tuple(
            name for name in ("issuer_url", "endpoint", "certificates") if not getattr(self, name)
        )

    @property
    def is_empty(self) -> bool:
        """Whether no field was found, whatever there may be to fetch."""
        return not (self.issuer_url or self.endpoint or self.certificates or self.identifier_format)


def concluded(found: Understood) -> Understood:
    """Add what follows from the rest: which identity provider it is, and the certificates' dates."""
    idp = None
    if found.type == "saml2":
        idp = idp_words.recognise(issuer_url=found.issuer_url, endpoint=found.endpoint)
    notes = [*found.notes]
    for item in load_certificates(found.certificates):
        if item.is_expired:
            notes.append(
                _(
                    "The certificate of %(subject)s expired on %(date)s. Ask whether "
                    "there is a newer one."
                )
                % {"subject": item.subject, "date": date_format(item.valid_until)}
            )
        elif item.is_not_yet_valid:
            notes.append(
                _("The certificate of %(subject)s is not valid until %(date)s.")
                % {"subject": item.subject, "date": date_format(item.valid_from)}
            )
    return replace(found, provider=idp.key if idp else "", notes=tuple(notes))


def refusal(sentence: str, **params: object) -> ValidationError:
    """The error that `sentence`, what was seen, begins. Of what was pasted it repeats `params` only."""
    wanted = _(
        "Paste something that comes from the identity provider: its metadata or "
        "their https address, its signing certificate, or the lines of its "
        "screen with the issuer and the sign-on address."
    )
    return ValidationError(f"{sentence} {wanted}", code="pasted", params=params)


def private_key() -> ValidationError:
    error = refusal(about_private_key())
    error.code = PRIVATE_KEY
    return error

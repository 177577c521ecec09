"""What the Maker calls each check. They are stored by their names in the code, in one language."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import pgettext_lazy
from django_stubs_ext import StrOrPromise

# By the names that protocols, providers and `login.admission` record.
CHECKS: Final[Mapping[str, StrOrPromise]] = {
    # SAML
    "status": pgettext_lazy("check", "status"),
    "signature": pgettext_lazy("check", "signature"),
    "response version": pgettext_lazy("check", "response version"),
    "response time": pgettext_lazy("check", "response time"),
    "response in response to": pgettext_lazy("check", "response in response to"),
    "response issuer": pgettext_lazy("check", "response issuer"),
    "destination": pgettext_lazy("check", "destination"),
    "assertion version": pgettext_lazy("check", "assertion version"),
    "assertion time": pgettext_lazy("check", "assertion time"),
    "assertion issuer": pgettext_lazy("check", "assertion issuer"),
    "conditions": pgettext_lazy("check", "conditions"),
    "conditions not before": pgettext_lazy("check", "conditions not before"),
    "conditions not on or after": pgettext_lazy("check", "conditions not on or after"),
    "audience": pgettext_lazy("check", "audience"),
    "subject confirmation": pgettext_lazy("check", "subject confirmation"),
    "recipient": pgettext_lazy("check", "recipient"),
    "in response to": pgettext_lazy("check", "in response to"),
    "confirmation not before": pgettext_lazy("check", "confirmation not before"),
    "confirmation not on or after": pgettext_lazy("check", "confirmation not on or after"),
    "authentication statement": pgettext_lazy("check", "authentication statement"),
    "session not on or after": pgettext_lazy("check", "session not on or after"),
    "identifier": pgettext_lazy("check", "identifier"),
    "identifier format": pgettext_lazy("check", "identifier format"),
    # OAUTH 2 and OpenID Connect
    "state": pgettext_lazy("check", "state"),
    "redirect URI": pgettext_lazy("check", "redirect URI"),
    "issuer at a shared redirect URI": pgettext_lazy("check", "issuer at a shared redirect URI"),
    "ID token": pgettext_lazy("check", "ID token"),
    "ID token signature": pgettext_lazy("check", "ID token signature"),
    "issuer": pgettext_lazy("check", "issuer"),
    "authorized party": pgettext_lazy("check", "authorized party"),
    "nonce": pgettext_lazy("check", "nonce"),
    "expires": pgettext_lazy("check", "expires"),
    "issued at": pgettext_lazy("check", "issued at"),
    "not before": pgettext_lazy("check", "not before"),
    "authentication time": pgettext_lazy("check", "authentication time"),
    "access token": pgettext_lazy("check", "access token"),
    "access token's hash": pgettext_lazy("check", "access token's hash"),
    "e-mail address": pgettext_lazy("check", "e-mail address"),
    "tenant": pgettext_lazy("check", "tenant"),
    "member of the tenant": pgettext_lazy("check", "member of the tenant"),
    "object identifier": pgettext_lazy("check", "object identifier"),
    "hosted domain": pgettext_lazy("check", "hosted domain"),
    "whose address": pgettext_lazy("check", "whose address"),
    "workspace": pgettext_lazy("check", "workspace"),
    "hub ID": pgettext_lazy("check", "hub ID"),
    "organisation": pgettext_lazy("check", "organisation"),
    "Salesforce user": pgettext_lazy("check", "Salesforce user"),
    "Zendesk user": pgettext_lazy("check", "Zendesk user"),
    "GitHub user": pgettext_lazy("check", "GitHub user"),
    "accounts server": pgettext_lazy("check", "accounts server"),
    "Zoho CRM user": pgettext_lazy("check", "Zoho CRM user"),
    # who is admitted
    "username": pgettext_lazy("check", "username"),
    "subject": pgettext_lazy("check", "permanent ID"),
    "linked user": pgettext_lazy("check", "linked user"),
    # not a check, but the number of those that weren't kept
    "checks left out": pgettext_lazy("check", "checks left out"),
}


def check_in_words(name: str) -> str:
    """`name` itself where it is of a check that there is no more."""
    return str(CHECKS.get(name, name))

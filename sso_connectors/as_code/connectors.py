"""The connectors of a file: each entry laid over what is stored, and validated as on the form."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.views.decorators.debug import sensitive_variables

from ..certificates.parsing import load_certificates
from ..models import Binding, Connector, ConnectorType, IdentifierFormat, RedirectUri
from ..models.connector_fields import Kind, names
from ..models.validators import sealed_client_secret
from ..providers import PROVIDERS, trusted_provider
from ..secrets.encryption import UnreadableSecret
from .file import Entry, kind

_TEXT: Final = names(Kind.TEXT, Kind.CHOICE)
_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "type": ConnectorType.values,
    "identifier_format": IdentifierFormat.values,
    "binding": Binding.values,
    "authentication_method": list(PROVIDERS),
    "redirect_uri": RedirectUri.values,
}
_SWITCHES: Final = names(Kind.SWITCH)
KEYS: Final = (*_TEXT, *_SWITCHES, *names(Kind.CERTIFICATES, Kind.OPTIONS, Kind.SECRET))
_FROM_ENVIRONMENT: Final = "env:"
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch


def as_json(connector: Connector) -> dict[str, Any]:
    """What `compare_connectors` reads, without the secret."""
    keys = {*names(of=""), *names(of=connector.type)}
    entry: dict[str, Any] = {
        key: getattr(connector, key) for key in (*_TEXT, *_SWITCHES) if key in keys
    }
    if "certificates" in keys:
        entry["certificates"] = [item.pem for item in connector.signing_certificates]
    if "options" in keys:
        entry["options"] = connector.options
    return entry


@dataclass
class Difference:
    """A connector that isn't as the file wants it, with the file's values laid over what was stored."""

    entry: Entry
    connector: Connector
    is_new: bool
    changed: list[str]
    """The names of what differs."""

    def in_words(self) -> str:
        what = "created" if self.is_new else f"changed {', '.join(self.changed)}"
        return f"connector {self.connector.reference}: {what}"


def difference_of(entry: Entry, connector: Connector) -> Difference | None:
    """Lay the entry over `connector`; None where nothing changes, or something is wrong with it."""
    is_new = connector.pk is None
    if is_new:
        for key in ("name", "type"):
            if key not in entry.given:
                entry.complain(f"{key}: is needed for a new connector")
    before = _values(connector)
    if not _fill(connector, entry):
        return None
    if (
        (is_new or _values(connector) != before)
        and _is_valid(connector, entry)
        and _keeps_secret_from_others(connector, before, entry)
    ):
        after = _values(connector)
        changed = [key for key in after if after[key] != before[key]]
        if is_new or changed:
            return Difference(entry, connector, is_new, changed)
    return None


def _values(connector: Connector) -> dict[str, Any]:
    return {key: getattr(connector, key) for key in KEYS}


def _keeps_secret_from_others(
    connector: Connector, before: Mapping[str, Any], entry: Entry
) -> bool:
    """Whether the stored secret stays with whom it was told to, as on the form.

    Who may change a file, but not read the secret, could otherwise have it sent to a provider of their own.
    """
    is_told_to = trusted_provider(connector.authentication_method, connector.options)
    was_told_to = trusted_provider(before["authentication_method"], before["options"])
    is_new = "client_secret" in entry.given
    # Of whatever type it is: a change made while it is a SAML connector would count later.
    if before["client_secret"] is None or is_new or is_told_to == was_told_to:
        return True
    entry.complain(
        "client_secret: the stored one belongs to another identity provider, and is never sent to this "
        "one; give the client secret that this one gave you"
    )
    return False


def _fill(connector: Connector, entry: Entry) -> bool:
    """Put on the connector what can be; whether all could be."""
    count = len(entry.file.problems)
    given = entry.given
    for key in [key for key in _TEXT if key in given]:
        value = given[key]
        if not isinstance(value, str):
            entry.complain(f"{key}: must be text, not {kind(value)}")
        elif not _can_be_stored(value):
            entry.complain(f"{key}: holds a character that can't be stored")
        elif value and value not in _CHOICES.get(key, [value]):
            known = ", ".join(_CHOICES[key])
            entry.complain(f"{key}: {value[:100]!r} is none of {known}")
        else:
            setattr(connector, key, value)
    for key in [key for key in _SWITCHES if key in given]:
        if isinstance(given[key], bool):
            setattr(connector, key, given[key])
        else:
            entry.complain(f"{key}: must be true or false, not {kind(given[key])}")
    if "certificates" in given:
        blocks = given["certificates"]
        if isinstance(blocks, list) and all(isinstance(block, str) for block in blocks):
            connector.certificates = "\n".join(blocks)
        else:
            entry.complain("certificates: must be a list of texts")
    if "options" in given:
        _fill_options(connector, entry)
    if "client_secret" in given:
        _fill_secret(connector, entry)
    return len(entry.file.problems) == count


def _fill_options(connector: Connector, entry: Entry) -> None:
    options = entry.given["options"]
    if not isinstance(options, dict):
        entry.complain(f"options: must be an object, not {kind(options)}")
        return
    for key, value in options.items():
        if not isinstance(value, str | bool):
            entry.complain(
                f"options: {key[:50]}: must be text, or true or false, not {kind(value)}"
            )
        elif isinstance(value, str) and not _can_be_stored(value):
            entry.complain(f"options: {key[:50]}: holds a character that can't be stored")
    connector.options = options


@sensitive_variables()
def _fill_secret(connector: Connector, entry: Entry) -> None:
    """Complaints name the secret's variable, and never repeat a secret."""
    given = entry.given["client_secret"]
    if not isinstance(given, str):
        entry.complain(f"client_secret: must be text, not {kind(given)}")
        return
    if given.startswith(_FROM_ENVIRONMENT):
        name = given.removeprefix(_FROM_ENVIRONMENT)
        if not _is_name(name):
            entry.complain("client_secret: after “env:” comes the name of an environment variable")
            return
        given = entry.file.environment.get(name, "")
        if not given.strip():
            entry.complain(f"client_secret: the environment variable {name[:100]} is not set")
            return
    try:
        secret = sealed_client_secret(given)
        if connector.client_secret is None or connector.client_secret.reveal() != secret.reveal():
            connector.client_secret = secret
    except UnreadableSecret:
        connector.client_secret = secret  # nothing else can be made of the one that is there
    except ValidationError as error:
        for message in error.messages:
            entry.complain(f"client_secret: {message}")


def _can_be_stored(text: str) -> bool:
    """JSON can spell null characters and halves of characters, which databases refuse."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_valid(connector: Connector, entry: Entry) -> bool:
    """As the form judges it. The database's own rules say the same again, when it is written."""
    try:
        connector.full_clean(validate_constraints=False)  # a query for each of them otherwise
    except ValidationError as error:
        _complain_of(error, connector, entry)
        return False
    return True


def complain_of_constraints(connector: Connector, entry: Entry) -> None:
    try:
        connector.validate_constraints()
    except ValidationError as error:
        _complain_of(error, connector, entry)


def _complain_of(error: ValidationError, connector: Connector, entry: Entry) -> None:
    for name, found in error.error_dict.items():
        for each in found:
            label = "" if name == NON_FIELD_ERRORS else f"{name}: "
            if name == "options" and each.code == "required":
                provider = PROVIDERS[connector.authentication_method]
                label += f"{', '.join(provider.missing_options(connector.options))}: "
            for message in each.messages:
                entry.complain(f"{label}{message}")


def doubts(connector: Connector) -> list[str]:
    left_out = [f"connector {connector.reference}: {note}" for note in connector.certificate_notes]
    return left_out + [
        f"connector {connector.reference}: the certificate {item.subject} "
        + (
            f"ended on {item.valid_until:%Y-%m-%d}"
            if item.is_expired
            else f"begins on {item.valid_from:%Y-%m-%d}"
        )
        for item in load_certificates(connector.certificates)
        if item.is_expired or item.is_not_yet_valid
    ]

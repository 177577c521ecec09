"""The connectors of a file: each entry laid over what is stored, validated as on the form, and saved."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.views.decorators.debug import sensitive_variables

from ..bulk_history import history_together
from ..certificates import load_certificates
from ..encryption import UnreadableSecret
from ..models import SAML_REQUIRED, Binding, Connector, ConnectorType, IdentifierFormat
from ..providers import PROVIDERS
from ..records import APPLIED
from ..typed import sealed_client_secret
from .file import Entry, File, kind

_TEXT: Final[tuple[str, ...]] = (
    "name",
    "reference",
    "type",
    "issuer_url",
    "endpoint",
    "identifier_format",
    "binding",
    "username_attribute",
    "contact",
    "authentication_method",
    "client_id",
)
_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "type": ConnectorType.values,
    "identifier_format": IdentifierFormat.values,
    "binding": Binding.values,
    "authentication_method": list(PROVIDERS),
}
_SWITCHES: Final[tuple[str, ...]] = ("enabled", "force_authn", "staff_may_sign_in")
_ALL: Final = (*_TEXT, *_SWITCHES, "certificates", "options", "client_secret")
_COMMON_KEYS: Final = {"name", "reference", "type", "contact", *_SWITCHES}
_KEYS_BY_TYPE: Final = {
    ConnectorType.SAML2: {*SAML_REQUIRED, "binding", "username_attribute"},
    ConnectorType.OAUTH2: {"authentication_method", "client_id", "options"},
}
_FROM_ENVIRONMENT: Final = "env:"
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch


def as_json(connector: Connector) -> dict[str, Any]:
    """What `apply_connectors` reads, without the secret."""
    keys = _COMMON_KEYS | _KEYS_BY_TYPE[ConnectorType(connector.type)]
    entry: dict[str, Any] = {
        key: getattr(connector, key) for key in (*_TEXT, *_SWITCHES) if key in keys
    }
    if "certificates" in keys:
        entry["certificates"] = [item.pem for item in connector.signing_certificates]
    if "options" in keys:
        entry["options"] = connector.options
    return entry


def apply_connectors(
    file: File, *, changes: list[str], warnings: list[str]
) -> dict[str, Connector]:
    """Write the connectors of the file; return all there are, by reference in lower case."""
    stored = {item.reference.lower(): item for item in Connector.objects.select_for_update()}
    seen: set[str] = set()
    for entry in file.entries("connectors", "reference", {*_ALL}):
        reference = entry.given["reference"].strip().lower()
        if reference in seen:
            entry.complain("stands twice in the file; case makes no difference")
            continue
        seen.add(reference)
        is_new = reference not in stored
        if is_new:
            for key in ("name", "type"):
                if key not in entry.given:
                    entry.complain(f"{key}: is needed for a new connector")
        connector = stored.setdefault(reference, Connector())
        before = _values(connector)
        if not _fill(connector, entry):
            continue
        if (is_new or _values(connector) != before) and _is_valid(connector, entry):
            after = _values(connector)
            changed = [key for key in after if after[key] != before[key]]
            if is_new or changed:
                with history_together(by=None, reason=APPLIED):
                    connector.save()
                changes.append(
                    f"connector {connector.reference}: "
                    + ("created" if is_new else f"changed {', '.join(changed)}")
                )
                warnings += _doubts(connector)
    return stored


def _values(connector: Connector) -> dict[str, Any]:
    return {key: getattr(connector, key) for key in _ALL}


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
    try:
        connector.full_clean()
    except ValidationError as error:
        for name, found in error.error_dict.items():
            for each in found:
                label = "" if name == NON_FIELD_ERRORS else f"{name}: "
                if name == "options" and each.code == "required":
                    provider = PROVIDERS[connector.authentication_method]
                    label += f"{', '.join(provider.missing_options(connector.options))}: "
                for message in each.messages:
                    entry.complain(f"{label}{message}")
        return False
    return True


def _doubts(connector: Connector) -> list[str]:
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

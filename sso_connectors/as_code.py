"""Connectors, users and links as JSON: read, checked, compared, and written all or nothing.

The form stands in docs/commands.md. A file says what it wants of the things it names and
leaves all else alone; an absent key keeps what is stored, or the default.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, transaction
from django.views.decorators.debug import sensitive_variables
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from users.models import User
from users.usernames import normalise_username

from .bulk_history import history_together
from .certificates import load_certificates
from .encryption import UnreadableSecret
from .models import (
    Binding,
    Connector,
    ConnectorType,
    IdentifierFormat,
    Link,
)
from .protocols.oauth2.revocation import revoke_of_all_inactive
from .providers import PROVIDERS
from .records import APPLIED
from .typed import sealed_client_secret

_BATCH: Final = 500
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
_WHOLE: Final[tuple[str, ...]] = ("certificates", "options", "client_secret")
_CONNECTOR_KEYS: Final = {*_TEXT, *_SWITCHES, *_WHOLE}
_COMMON_KEYS: Final = {"name", "reference", "type", "enabled", "contact", "staff_may_sign_in"}
_KEYS_BY_TYPE: Final = {
    ConnectorType.SAML2: {
        "issuer_url",
        "endpoint",
        "identifier_format",
        "certificates",
        "binding",
        "username_attribute",
        "force_authn",
    },
    ConnectorType.OAUTH2: {"authentication_method", "client_id", "options", "force_authn"},
}
_FROM_ENVIRONMENT: Final = "env:"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_USER_KEYS: Final = {"username", "active", "staff", "connectors"}


class Refused(Exception):
    """The file can't be applied; `problems` has one line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass
class Result:
    """What was (or would be) written, and what to mind, one line each."""

    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Reading:
    environment: Mapping[str, str] = field(repr=False)
    problems: list[str] = field(default_factory=list)

    def complain(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")


def apply(text: str, *, dry_run: bool, environment: Mapping[str, str] = _NOTHING) -> Result:
    """Make connectors, users and links as the JSON `text` says, or change nothing at all.

    environment: where a secret written as `env:NAME` is looked up. Raises Refused.
    """
    reading = _Reading(environment)
    connectors, users = _read(text, reading)
    result = Result()
    try:
        with transaction.atomic():
            known = _apply_connectors(connectors, reading, result)
            _apply_users(users, known, reading, result)
            if reading.problems:
                raise Refused(reading.problems)
            if dry_run:
                transaction.set_rollback(True)
    except DatabaseError as error:
        raise Refused(
            ["the database refused it; was something else changing it? Try again"]
        ) from error
    return result


def export() -> dict[str, Any]:
    """Everything in the form that `apply` reads, without secrets."""
    links: dict[int, list[str]] = {}
    pairs = Link.objects.order_by("connector__reference").values_list(
        "user_id", "connector__reference"
    )
    for user_id, reference in pairs.iterator():
        links.setdefault(user_id, []).append(reference)
    return {
        "connectors": [_as_json(item) for item in Connector.objects.order_by("reference")],
        "users": [
            {
                "username": user.username,
                "active": user.is_active,
                "staff": user.is_staff,
                "connectors": links.get(user.pk, []),
            }
            for user in User.objects.order_by("username").iterator()
        ],
    }


def _as_json(connector: Connector) -> dict[str, Any]:
    keys = _COMMON_KEYS | _KEYS_BY_TYPE[ConnectorType(connector.type)]
    entry: dict[str, Any] = {
        key: getattr(connector, key) for key in (*_TEXT, *_SWITCHES) if key in keys
    }
    if "certificates" in keys:
        entry["certificates"] = [item.pem for item in connector.signing_certificates]
    if "options" in keys:
        entry["options"] = connector.options
    return entry


# --- reading ---------------------------------------------------------------------------------


def _read(text: str, reading: _Reading) -> tuple[list[Any], list[Any]]:
    before, private_key, _after = text.partition("PRIVATE KEY")
    if private_key:  # in whatever place, before any complaint can repeat it
        line = before.count("\n") + 1
        raise Refused([f"line {line}: this is a private key; it was not kept, consider it exposed"])
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise Refused(
            [f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}"]
        ) from error
    except (ValueError, RecursionError) as error:
        raise Refused([str(error) or "the JSON is nested too deep"]) from error
    if not isinstance(document, dict):
        raise Refused(['the file must hold an object: {"connectors": […], "users": […]}'])
    _refuse_unknown("the file", document, {"connectors", "users"}, reading)
    lists = []
    for key in ("connectors", "users"):
        value = document.get(key, [])
        if not isinstance(value, list):
            reading.complain(key, f"must be a list, not {_kind(value)}")
            value = []
        lists.append(value)
    return lists[0], lists[1]


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse_unknown(
    where: str, entry: Mapping[str, Any], known: Iterable[str], reading: _Reading
) -> None:
    for key in entry:
        if key not in known:
            reading.complain(where, f"{key}: unknown key; known are {', '.join(sorted(known))}")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "nothing" if value is None else "a number")


def _entries(
    name: str, key: str, items: list[Any], known: set[str], reading: _Reading
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries that are objects and have their key as text, with what to call each in a complaint."""
    for position, entry in enumerate(items):
        where = f"{name}[{position}]"
        if not isinstance(entry, dict):
            reading.complain(where, f"must be an object, not {_kind(entry)}")
            continue
        own = entry.get(key)
        if not isinstance(own, str) or not own.strip():
            reading.complain(where, f"{key}: must be there, as text")
            continue
        where = f"{where} ({own.strip()[:100]})"
        _refuse_unknown(where, entry, known, reading)
        yield where, entry


# --- connectors ------------------------------------------------------------------------------


def _apply_connectors(items: list[Any], reading: _Reading, result: Result) -> dict[str, Connector]:
    """Write the connectors of the file; return all there are, by reference in lower case."""
    stored = {item.reference.lower(): item for item in Connector.objects.select_for_update()}
    seen: set[str] = set()
    for where, entry in _entries("connectors", "reference", items, _CONNECTOR_KEYS, reading):
        reference = entry["reference"].strip().lower()
        if reference in seen:
            reading.complain(where, "stands twice in the file; case makes no difference")
            continue
        seen.add(reference)
        connector = stored.get(reference)
        is_new = connector is None
        if connector is None:
            for key in ("name", "type"):
                if key not in entry:
                    reading.complain(where, f"{key}: is needed for a new connector")
            connector = Connector()
        before = _values(connector)
        stored[reference] = connector
        if not _fill(connector, entry, where, reading):
            continue
        if (is_new or _values(connector) != before) and _is_valid(connector, where, reading):
            after = _values(connector)
            changed = [key for key in after if after[key] != before[key]]
            if is_new or changed:
                with history_together(by=None, reason=APPLIED):
                    connector.save()
                result.changes.append(
                    f"connector {connector.reference}: "
                    + ("created" if is_new else f"changed {', '.join(changed)}")
                )
                result.warnings += _doubts(connector)
    return stored


def _values(connector: Connector) -> dict[str, Any]:
    return {key: getattr(connector, key) for key in (*_TEXT, *_SWITCHES, *_WHOLE)}


def _fill(connector: Connector, entry: dict[str, Any], where: str, reading: _Reading) -> bool:
    count = len(reading.problems)
    for key in _TEXT:
        value = entry.get(key, "")
        if not isinstance(value, str):
            reading.complain(where, f"{key}: must be text, not {_kind(value)}")
        elif not _can_be_stored(value):
            reading.complain(where, f"{key}: holds a character that can't be stored")
        elif value and value not in _CHOICES.get(key, [value]):
            known = ", ".join(_CHOICES[key])
            reading.complain(where, f"{key}: {value[:100]!r} is none of {known}")
        elif key in entry:
            setattr(connector, key, value)
    for key in _SWITCHES:
        if key in entry and isinstance(entry[key], bool):
            setattr(connector, key, entry[key])
        elif key in entry:
            reading.complain(where, f"{key}: must be true or false, not {_kind(entry[key])}")
    if "certificates" in entry:
        blocks = entry["certificates"]
        if isinstance(blocks, list) and all(isinstance(block, str) for block in blocks):
            connector.certificates = "\n".join(blocks)
        else:
            reading.complain(where, "certificates: must be a list of texts")
    if "options" in entry:
        _fill_options(connector, entry["options"], where, reading)
    if "client_secret" in entry:
        _fill_secret(connector, entry["client_secret"], where, reading)
    return len(reading.problems) == count


def _fill_options(connector: Connector, options: Any, where: str, reading: _Reading) -> None:
    if not isinstance(options, dict):
        reading.complain(where, f"options: must be an object, not {_kind(options)}")
        return
    for key, value in options.items():
        if not isinstance(value, str | bool):
            reading.complain(
                where, f"options: {key[:50]}: must be text, or true or false, not {_kind(value)}"
            )
        elif isinstance(value, str) and not _can_be_stored(value):
            reading.complain(where, f"options: {key[:50]}: holds a character that can't be stored")
    connector.options = options


@sensitive_variables()
def _fill_secret(connector: Connector, given: Any, where: str, reading: _Reading) -> None:
    """Complaints name the secret's variable, and never repeat a secret."""
    if not isinstance(given, str):
        reading.complain(where, f"client_secret: must be text, not {_kind(given)}")
        return
    if given.startswith(_FROM_ENVIRONMENT):
        name = given.removeprefix(_FROM_ENVIRONMENT)
        if not _is_name(name):
            reading.complain(
                where, "client_secret: after “env:” comes the name of an environment variable"
            )
            return
        given = reading.environment.get(name, "")
        if not given.strip():
            reading.complain(
                where, f"client_secret: the environment variable {name[:100]} is not set"
            )
            return
    try:
        secret = sealed_client_secret(given)
        if connector.client_secret is None or connector.client_secret.reveal() != secret.reveal():
            connector.client_secret = secret
    except UnreadableSecret:
        connector.client_secret = secret  # nothing else can be made of the one that is there
    except ValidationError as error:
        for message in error.messages:
            reading.complain(where, f"client_secret: {message}")


def _can_be_stored(text: str) -> bool:
    """JSON can spell null characters and halves of characters, which databases refuse."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_valid(connector: Connector, where: str, reading: _Reading) -> bool:
    try:
        connector.full_clean()
    except ValidationError as error:
        for name, found in error.error_dict.items():
            for each in found:
                label = "" if name == NON_FIELD_ERRORS else f"{name}: "
                if name == "options" and each.code == "required":
                    label += f"{', '.join(_missing_options(connector))}: "
                for message in each.messages:
                    reading.complain(where, f"{label}{message}")
        return False
    return True


def _missing_options(connector: Connector) -> list[str]:
    return PROVIDERS[connector.authentication_method].missing_options(connector.options)


def _doubts(connector: Connector) -> list[str]:
    return [
        f"connector {connector.reference}: the certificate {item.subject} "
        + (
            f"ended on {item.valid_until:%Y-%m-%d}"
            if item.is_expired
            else f"begins on {item.valid_from:%Y-%m-%d}"
        )
        for item in load_certificates(connector.certificates)
        if item.is_expired or item.is_not_yet_valid
    ]


# --- users and links -------------------------------------------------------------------------


def _apply_users(
    items: list[Any], connectors: Mapping[str, Connector], reading: _Reading, result: Result
) -> None:
    wanted: dict[str, tuple[str, dict[str, Any]]] = {}
    for where, entry in _entries("users", "username", items, _USER_KEYS, reading):
        try:
            username = normalise_username(entry["username"])
        except ValidationError as error:
            reading.complain(where, " ".join(error.messages))
            continue
        if username in wanted:
            reading.complain(where, "stands twice in the file; case makes no difference")
            continue
        _check_user(where, entry, connectors, reading)
        wanted[username] = (where, entry)
    if reading.problems:
        return
    names = list(wanted)
    for start in range(0, len(names), _BATCH):
        batch = {name: wanted[name][1] for name in names[start : start + _BATCH]}
        _write_users(batch, result)
        _write_links(batch, connectors, result)


def _check_user(
    where: str, entry: dict[str, Any], connectors: Mapping[str, Connector], reading: _Reading
) -> None:
    for key in ("active", "staff"):
        if key in entry and not isinstance(entry[key], bool):
            reading.complain(where, f"{key}: must be true or false, not {_kind(entry[key])}")
    references = entry.get("connectors", [])
    if not isinstance(references, list):
        reading.complain(where, f"connectors: must be a list, not {_kind(references)}")
        return
    for reference in references:
        if not isinstance(reference, str):
            reading.complain(where, f"connectors: must hold references, not {_kind(reference)}")
        elif reference.lower() not in connectors:
            reading.complain(where, f"connectors: there is no connector {reference[:100]!r}")


def _write_users(batch: Mapping[str, dict[str, Any]], result: Result) -> None:
    stored = {user.username: user for user in User.objects.filter(username__in=batch)}
    new, changed = [], []
    for username, entry in batch.items():
        user = stored.get(username)
        is_new = user is None
        if user is None:
            user = User(username=username)
            user.set_unusable_password()
        before = (user.is_active, user.is_staff)
        user.is_active = entry.get("active", user.is_active)
        user.is_staff = entry.get("staff", user.is_staff)
        if is_new:
            new.append(user)
            result.changes.append(f"user {username}: created")
        elif before != (user.is_active, user.is_staff):
            if not user.is_active:
                user.session_epoch += 1
            changed.append(user)
            result.changes.append(f"user {username}: changed")
    bulk_create_with_history(new, User, batch_size=_BATCH, default_change_reason=APPLIED)
    bulk_update_with_history(
        changed,
        User,
        ["is_active", "is_staff", "session_epoch"],
        batch_size=_BATCH,
        default_change_reason=APPLIED,
    )
    revoke_of_all_inactive()


def _write_links(
    batch: Mapping[str, dict[str, Any]], connectors: Mapping[str, Connector], result: Result
) -> None:
    users = {user.username: user for user in User.objects.filter(username__in=batch)}
    stored: dict[int, dict[int, Link]] = {}
    for link in Link.objects.filter(user__in=users.values()).select_related("connector"):
        stored.setdefault(link.user_id, {})[link.connector_id] = link
    new: list[Link] = []
    gone: list[int] = []
    for username, entry in batch.items():
        if "connectors" not in entry:
            continue
        user = users[username]
        have = stored.get(user.pk, {})
        want = {
            connectors[name.lower()].pk: connectors[name.lower()] for name in entry["connectors"]
        }
        for pk, connector in want.items():
            if pk not in have:
                new.append(Link(user=user, connector=connector))
                result.changes.append(f"user {username}: linked to {connector.reference}")
        for pk, link in have.items():
            if pk not in want:
                gone.append(link.pk)
                result.changes.append(f"user {username}: unlinked from {link.connector.reference}")
    bulk_create_with_history(new, Link, batch_size=_BATCH, default_change_reason=APPLIED)
    if gone:
        with history_together(by=None, reason=APPLIED):
            Link.objects.filter(pk__in=gone).delete()

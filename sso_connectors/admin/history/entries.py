"""The history of one object as one stream: its versions, its links, and what Django's log alone knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, F, Q, QuerySet, Value
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...history import reasons
from ...models import Connector, Link
from ..attempts.link_user import FROM_ATTEMPT
from ..linking import plans
from .differences import Difference, differences, kept_fields

_VERSION, _LINK, _LOG = "version", "link", "log"
# What a form of the admin changed stands in the versions, but for what these keep of no user.
_IN_NO_VERSION: Final = ("password", "Password", "Groups", "User permissions")
# Reasons that the entry's own words tell, or that stand for its author.
_TOLD: Final = (reasons.BEGINNING, reasons.APPLIED, reasons.RETURNED, reasons.SUBJECTS_RESET)


@dataclass(frozen=True)
class Entry:
    """why: what the change came from, where `what` doesn't say it.

    version: the row of the history that the object can be returned to, if it is one.
    """

    when: datetime
    who: str
    what: str
    why: str = ""
    differences: Sequence[Difference] = ()
    version: Any = None
    return_to: str = ""


@dataclass(frozen=True)
class Viewer:
    """sees_links, sees_users: what of links, and of the people in them, may be shown.

    sees_people: whether it may be told whom an attempt is about, as its code beside a person does.
    """

    sees_links: bool
    sees_users: bool
    sees_people: bool


def stream(item: Any, viewer: Viewer) -> QuerySet[Any, Any]:
    """Kind, key and time of everything there is, newest first; to be cut into pages."""
    of_item = Q(content_type=ContentType.objects.get_for_model(item), object_id=str(item.pk))
    parts = [
        _part(_VERSION, item.history.model.objects.filter(id=item.pk), "history_date"),
        _part(_LOG, LogEntry.objects.filter(of_item & _only_in_log()), "action_time"),
    ]
    if viewer.sees_links:
        links = Link.history.filter(**{_end(item): item.pk})
        if isinstance(item, Connector):
            # One line says how many; the users' own histories have a line each.
            links = links.exclude(history_change_reason=reasons.SUBJECT_RESET_AMONG_ALL)
        parts.append(_part(_LINK, links, "history_date"))
    return parts[0].union(*parts[1:], all=True).order_by("-when", "-key")


def entries(item: Any, viewer: Viewer, page: Iterable[tuple[str, int, datetime]]) -> list[Entry]:
    """What is to be said of a page of the stream. The number of queries doesn't grow with it."""
    order = [(kind, key) for kind, key, _when in page]
    keys = {
        wanted: [key for kind, key in order if kind == wanted] for wanted in (_VERSION, _LINK, _LOG)
    }
    found: dict[tuple[str, int], Entry] = {}
    for kind, read in ((_VERSION, _versions), (_LINK, _links), (_LOG, _logged)):
        found |= {(kind, key): entry for key, entry in read(item, viewer, keys[kind]).items()}
    return [found[each] for each in order if each in found]


def _part(kind: str, rows: QuerySet[Any], when: str) -> QuerySet[Any, Any]:
    named = rows.order_by().annotate(
        kind=Value(kind, output_field=CharField()), key=F("pk"), when=F(when)
    )
    return cast("QuerySet[Any, Any]", named.values_list("kind", "key", "when"))


def _only_in_log() -> Q:
    is_from_form = Q(change_message__startswith="[")
    untold = Q()
    for label in _IN_NO_VERSION:
        untold |= Q(change_message__contains=f'"{label}"')
    return ~Q(change_message="") & (~is_from_form | untold)


def _end(item: Any) -> str:
    return "connector_id" if isinstance(item, Connector) else "user_id"


# --- versions --------------------------------------------------------------------------------


def _versions(item: Any, viewer: Viewer, keys: list[int]) -> dict[int, Entry]:
    history = item.history.model
    rows = list(history.objects.filter(pk__in=keys).select_related("history_user"))
    rows.sort(key=lambda row: (row.history_date, row.pk))
    if not rows:
        return {}
    first = rows[0]
    earlier = Q(history_date__lt=first.history_date) | Q(
        history_date=first.history_date, history_id__lt=first.pk
    )
    before = (
        history.objects.filter(earlier, id=item.pk).order_by("history_date", "history_id").last()
    )
    fields = kept_fields(history)
    found = {}
    for row in rows:
        is_told = before is not None or row.history_type == "+"
        changes = differences(before, row, fields) if is_told else []
        what = _of_version(row, changes, is_told)
        found[row.pk] = Entry(row.history_date, _who(row), what, _why(row, viewer), changes, row)
        before = row
    return found


def _of_version(row: Any, changes: list[Difference], is_told: bool) -> str:
    reason = row.history_change_reason or ""
    if reason == reasons.BEGINNING:
        return _("History started")
    if reason.startswith(reasons.RETURNED):
        when = parse_datetime(reason.removeprefix(reasons.RETURNED))
        text = date_format(localtime(when), "DATETIME_FORMAT") if when else ""
        return _("Restored to the version of %(time)s") % {"time": text}
    if reason.startswith(reasons.SUBJECTS_RESET):
        count = int(reason.removeprefix(reasons.SUBJECTS_RESET))
        return ngettext(
            "Reset the permanent ID of %(count)d user",
            "Reset the permanent IDs of %(count)d users",
            count,
        ) % {"count": count}
    if row.history_type == "+":
        return _("Created")
    if not is_told:
        return _("Changed, with no earlier version to compare with")
    return _("Changed") if changes else _("Saved without any change to what the history records")


def _who(row: Any) -> str:
    if row.history_user is not None:
        return str(row.history_user)
    if row.history_author:
        return _("%(name)s (account deleted)") % {"name": row.history_author}
    if row.history_change_reason == reasons.APPLIED:
        return reasons.APPLIED
    return _("the system")


def _why(row: Any, viewer: Viewer) -> str:
    reason = row.history_change_reason or ""
    if reason.startswith(_TOLD) or reason == reasons.SUBJECT_RESET:
        return ""
    if reason.startswith(FROM_ATTEMPT):
        if not viewer.sees_people:
            return _("from a login attempt")
        return _("from attempt %(code)s") % {"code": reason.removeprefix(FROM_ATTEMPT)}
    ours = {
        plans.FROM_USERS: _("from the list of users"),
        plans.FROM_CONNECTOR: _("on the connector's “Users” tab"),
        plans.FROM_FILE: _("from a CSV file"),
        reasons.KEY_STOLEN: _("the key was stolen, and sessions that began with it were ended"),
        reasons.SUBJECT_RESET_AMONG_ALL: _("with all other users of the connector"),
    }
    return ours.get(reason, reason)


# --- links -----------------------------------------------------------------------------------


def _links(item: Any, viewer: Viewer, keys: list[int]) -> dict[int, Entry]:
    rows = list(Link.history.filter(pk__in=keys).select_related("history_user"))
    is_connector = isinstance(item, Connector)
    other = "user_id" if is_connector else "connector_id"
    names: dict[int, str] = {}
    if not is_connector or viewer.sees_users:
        model = Link._meta.get_field(other.removesuffix("_id")).related_model
        names = _names(model, {getattr(row, other) for row in rows})
    unnamed = _("a user") if is_connector else _("a connector")
    return {
        row.pk: Entry(
            row.history_date,
            _who(row),
            _of_link(row, names.get(getattr(row, other), unnamed), is_connector=is_connector),
            _why(row, viewer),
        )
        for row in rows
    }


def _of_link(row: Any, name: str, *, is_connector: bool) -> str:
    reason = row.history_change_reason
    if reason in (reasons.SUBJECT_RESET, reasons.SUBJECT_RESET_AMONG_ALL):
        text = (
            _("Reset the permanent ID of %(name)s")
            if is_connector
            else _("Reset the permanent ID at %(name)s")
        )
    elif row.history_type == "+":
        text = _("Linked %(name)s") if is_connector else _("Linked to %(name)s")
    elif row.history_type == "-":
        text = _("Unlinked %(name)s") if is_connector else _("Unlinked from %(name)s")
    else:
        text = _("Changed the link with %(name)s")
    return text % {"name": name}


def _names(model: Any, keys: set[int]) -> dict[int, str]:
    """By key; what has been deleted meanwhile is called by its last name."""
    field = model.USERNAME_FIELD if hasattr(model, "USERNAME_FIELD") else "name"
    names = dict(model._base_manager.filter(pk__in=keys).values_list("pk", field))
    if gone := keys - names.keys():
        last = model.history.filter(id__in=gone).order_by("history_date", "history_id")
        names |= dict(last.values_list("id", field))
    return names


# --- the log ---------------------------------------------------------------------------------


def _logged(item: Any, viewer: Viewer, keys: list[int]) -> dict[int, Entry]:
    rows = LogEntry.objects.filter(pk__in=keys).select_related("user")
    told = {row.pk: logged(row) for row in rows}
    if viewer.sees_people:
        return told
    # The log holds whole sentences, in the language of whoever wrote them.
    codes = _codes_of_links(item)
    return {key: replace(entry, what=_without(entry.what, codes)) for key, entry in told.items()}


def _codes_of_links(item: Any) -> list[str]:
    """The codes of the attempts from which somebody was linked."""
    rows = Link.history.filter(**{_end(item): item.pk})
    reasons = rows.filter(history_change_reason__startswith=FROM_ATTEMPT)
    found = reasons.values_list("history_change_reason", flat=True)
    return [reason.removeprefix(FROM_ATTEMPT) for reason in found]


def _without(text: str, codes: Iterable[str]) -> str:
    for code in codes:
        text = text.replace(code, "…")
    return text


def logged(row: LogEntry) -> Entry:
    return Entry(row.action_time, str(row.user), row.get_change_message())

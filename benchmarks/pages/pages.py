"""The pages that are measured, and what each must show."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from users.models import User

from .size import Size

_DEEP: Final = 150


@dataclass(frozen=True)
class Page:
    """`shows` must stand in the answer, or something else was measured."""

    name: str
    url: str
    shows: str


def pages(size: Size) -> Iterator[Page]:
    yield Page("overview", reverse("admin:index"), "Overview")
    yield from _connectors(size)
    yield from _users(size)
    yield from _attempts(size)


def _connectors(size: Size) -> Iterator[Page]:
    one = size.connectors * 3 // 4  # neither the first nor the last
    busy = Connector.objects.get(reference="customer-0")
    last = _last_page(Connector, size.connectors)

    def listed(name: str, shows: str = "customer-", **query: Any) -> Page:
        return Page(f"connectors, {name}", _list(Connector, **query), shows)

    yield listed("first page")
    yield listed(f"page {_DEEP}", p=min(_DEEP, last))
    for column in ("name", "issuer", "state"):
        yield listed(f"sorted by {column}", o=_column(Connector, column))
    yield listed("search: a reference", f"customer-{one}<", q=f"customer-{one}")
    yield listed("search: text of an issuer URL", f"customer-{one}<", q=f"idp.customer-{one}.ex")
    yield listed("search: what all have", q="example")
    yield listed("search: what none has", "Nothing matches", q="nowhere")
    for state in ("draft", "disabled", "ready"):
        yield listed(f"state {state}", state=state)
    yield listed("type SAML v2", type__exact="saml2")
    yield listed("method HubSpot", authentication_method__exact="hubspot")
    yield listed("format emailAddress", identifier_format__exact="emailAddress")
    few = Connector.objects.get(reference=f"customer-{one}")
    yield Page("connector form", _of(few, "change"), few.issuer_url or few.name)
    yield Page("connector, history", _of(few, "history"), "Created")
    yield Page("connector, deleting one of few links", _of(few, "delete"), "Are you sure")
    yield Page("connector, deleting the busiest", _of(busy, "delete"), "Are you sure")


def _users(size: Size) -> Iterator[Page]:
    number = size.users * 3 // 4
    one = f"agent-{number}@customer-{number % size.connectors}.example"
    last = _last_page(User, size.users)

    def listed(name: str, shows: str = "@customer-", **query: Any) -> Page:
        return Page(f"users, {name}", _list(User, **query), shows)

    def autocompleted(name: str, term: str) -> Page:
        query = {
            "app_label": "sso_connectors",
            "model_name": "link",
            "field_name": "connector",
            "term": term,
        }
        url = f"{reverse('admin:autocomplete')}?{urlencode(query)}"
        return Page(f"choosing a connector, {name}", url, '"results": [{')

    yield listed("first page")
    yield listed("last page", p=last)
    yield listed("sorted by full name", o=_column(User, "full_name"))
    yield listed("sorted by last sign-in", o=_column(User, "last_login"))
    yield listed("search: a username", f">{one}</a>", q=one)
    yield listed("search: part of a username", f">{one}</a>", q=f"agent-{number}")
    yield listed("search: what all have", q="example")
    yield listed("search: what none has", "Nothing matches", q="nowhere")
    yield listed("active", is_active__exact=1)
    yield listed("staff", is_staff__exact=1)
    people = User.objects.filter(username__startswith="agent-").order_by("pk")
    most, few = people[0], people[1]
    yield Page("user card, 2 links", _of(few, "change"), few.username)
    yield Page("user card, 50 links", _of(most, "change"), most.username)
    yield autocompleted("opened", "")
    yield autocompleted("search", f"customer-{size.connectors // 2}")
    yield Page("user, history", _of(few, "history"), "Linked to")
    yield Page("user, deleting one of 2 links", _of(few, "delete"), "Are you sure")
    yield Page("user, deleting one of 50 links", _of(most, "delete"), "Are you sure")


def _attempts(size: Size) -> Iterator[Page]:
    number = size.attempts // 4 * 2 + 1
    one = Attempt.objects.select_related("user", "connector").order_by("pk")[number]
    if one.user is None:
        raise AssertionError("this attempt should have signed in")
    last = _last_page(Attempt, size.attempts)

    def listed(name: str, shows: str = "Customer 0", **query: Any) -> Page:
        return Page(f"attempts, {name}", _list(Attempt, **query), shows)

    yield listed("first page")
    yield listed(f"page {_DEEP}", p=min(_DEEP, last))
    yield listed("last page", p=last)
    yield listed("search: a code", f">{one.code}</a>", q=one.code)
    yield listed("search: a username", f">{one.code}</a>", q=one.user.username)
    if one.connector is None:
        raise AssertionError("nor should its connector be gone")
    reference = one.connector_reference
    yield listed("search: a reference", f">{one.connector.name}<", q=reference)
    yield listed("search: what none has", "Nothing matches", q="nowhere")
    yield listed("failed", outcome__exact="failed")
    yield Page("one attempt", _of(one, "change"), "check number 22")


def _list(model: type[Model], **query: Any) -> str:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def _of(row: Model, view: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{view}", args=[row.pk])


def _column(model: type[Model], name: str) -> int:
    return list(_admin(model).list_display).index(name) + 1


def _last_page(model: type[Model], rows: int) -> int:
    return ceil(rows / _admin(model).list_per_page)


def _admin(model: type[Model]) -> admin.ModelAdmin[Any]:
    return admin.site.get_model_admin(model)

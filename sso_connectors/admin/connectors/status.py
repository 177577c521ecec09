"""What the top of a connector's page says: its state, and the next step until its address is shared."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ...models import Connector, State
from ...providers import PROVIDERS
from ...reader.mistakes import shared_redirect_uri
from ..html import state_pills
from .changelist import attempts_of, copy_login_address, users_of
from .enable_disable import may_switch, switch_address
from .test_sign_in import may_test


@dataclass(frozen=True)
class Stage:
    """One step of the way from a name to a shared address. `mark` is done, next or later."""

    key: str
    mark: str


def status_of(request: HttpRequest, connector: Connector) -> dict[str, Any]:
    """Return what templates/admin/sso_connectors/connector/status.html shows. One query."""
    user = request.user
    missing = _missing(connector)
    is_complete = not missing
    address = _("Copy the login address")
    return {
        "pills": state_pills(connector),
        "sentence": _sentence(connector.state),
        "warning": shared_redirect_uri(connector)
        if connector.must_be_named_in_answers and not connector.tested_at
        else "",
        "is_failing": connector.state == State.FAILING,
        "missing": missing,
        "stages": _stages(
            fill=is_complete,
            test=is_complete and bool(connector.tested_at),
            link=connector.links.exists(),
        ),
        "tested_at": connector.tested_at if is_complete else None,
        "test": reverse("admin:sso_connectors_connector_test", args=[connector.pk])
        if may_test(request, connector)
        else "",
        "users": users_of(request, connector),
        "attempts": attempts_of(connector) if user.has_perm("sso_connectors.view_attempt") else "",
        "enable": switch_address(connector, on=True)
        if may_switch(request, connector) and connector.state == State.DISABLED
        else "",
        "copy": copy_login_address(connector, address, css_class="button") if is_complete else "",
    }


def _sentence(state: State) -> SafeString | str:
    return {
        State.DRAFT: _("A required field is missing, so nobody can sign in through it."),
        State.DISABLED: _("Disabled. You can test a sign-in, but agents can't sign in."),
        State.READY: _("Agents can sign in, but these settings have not been tested yet."),
        State.TESTED: _("A sign-in passed. The connector works."),
        State.FAILING: _("The last sign-ins of several people all failed for the same reason."),
    }[state]


def _missing(connector: Connector) -> list[str]:
    names: list[str] = []
    provider = PROVIDERS.get(connector.authentication_method)
    for field in connector.missing():
        if field == "options" and provider is not None:
            unset = provider.missing_options(connector.options)
            names += [str(each.label) for each in provider.options if each.name in unset]
        else:
            names.append(str(Connector._meta.get_field(field).verbose_name))  # type: ignore[union-attr]
    return names


def _stages(**done: bool) -> list[Stage]:
    """Each is done or not; the first that isn't comes next, and sharing is always the last."""
    open_stages = [key for key, is_done in done.items() if not is_done] + ["share"]
    return [
        Stage(
            key, "done" if key not in open_stages else "next" if key == open_stages[0] else "later"
        )
        for key in (*done, "share")
    ]

"""Forms of what somebody else may write meanwhile: at the same moment, or while the page stood open."""

import json
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    _Form = forms.ModelForm[Any]
else:
    _Form = object

_OPENED: Final = "_opened"


class SavesInTurn(admin.ModelAdmin[Any]):
    """Mixed into the admin of connectors and of users."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Take turns; whoever comes second is told by the form what the first has saved."""
        view = super().changeform_view
        if request.method != "POST":
            return view(request, object_id, form_url, extra_context)
        try:
            with transaction.atomic():
                if object_id is not None:
                    self._wait_for_turn(request, object_id)
                return view(request, object_id, form_url, extra_context)
        except IntegrityError:
            # A second click, say, which was judged before the first was stored: judged again, it has an error.
            return view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (_KnowsWhatItShowed, form), {}) if obj else form

    def _wait_for_turn(self, request: HttpRequest, object_id: str) -> None:
        """Before the row is read: the form writes all of it, and would take back what changed since.

        The number of a session epoch, for one, with which sessions that are over would come back to life.
        """
        found = self.get_object(request, unquote(object_id))
        if found is not None:
            self.model._default_manager.select_for_update().filter(pk=found.pk).first()


class _KnowsWhatItShowed(_Form):
    """A page open for an hour would otherwise put back a certificate, or a rank, taken away meanwhile."""

    _has_told = False

    def clean(self) -> Any:
        cleaned = super().clean()
        if self._overtaken:
            self._has_told = True
            names = get_text_list(
                [str(self.fields[name].label) for name in self._overtaken], _("and")
            )
            self.add_error(
                None,
                ValidationError(
                    _(
                        "Changed since you opened this page: %(fields)s. See History for "
                        "the details. If you save again, the values on this page replace "
                        "these changes. To keep the changes, open the page again."
                    ),
                    code="overtaken",
                    params={"fields": names},
                ),
            )
        return cleaned

    def opened(self) -> SafeString | str:
        """For the template: what is stored, so that the form knows later whether it still is."""
        shown = self._stored() if not self.is_bound or self._has_told else self._shown()
        return forms.HiddenInput().render(_OPENED, json.dumps(shown), attrs={"id": None})

    @cached_property
    def _overtaken(self) -> list[str]:
        stored, shown = self._stored(), self._shown()
        return [name for name in stored if shown.get(name, stored[name]) != stored[name]]

    def _shown(self) -> dict[str, Any]:
        try:
            shown = json.loads(self.data.get(_OPENED, ""))
        except ValueError:  # sent by a program, which has opened no page
            return {}
        return shown if isinstance(shown, dict) else {}

    def _stored(self) -> dict[str, str]:
        """A digest of each field, since the page need not hold the whole twice."""
        return {
            name: _digest(self.get_initial_for_field(field, name))
            for name, field in self.fields.items()
            if not field.disabled
        }


def _digest(value: Any) -> str:
    if isinstance(value, models.QuerySet | list | tuple):
        value = sorted(str(getattr(each, "pk", each)) for each in value)
    return salted_hmac(__name__, repr(value), algorithm="sha256").hexdigest()[:16]

"""Forms of what somebody else writes at the same moment."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db import IntegrityError, transaction
from django.http import HttpRequest


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

    def _wait_for_turn(self, request: HttpRequest, object_id: str) -> None:
        """Before the row is read: the form writes all of it, and would take back what changed since.

        The number of a session epoch, for one, with which sessions that are over would come back to life.
        """
        found = self.get_object(request, unquote(object_id))
        if found is not None:
            self.model._default_manager.select_for_update().filter(pk=found.pk).first()

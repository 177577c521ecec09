"""Certificates on the connector's form: each with its last use, and a page that removes one."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from ...certificates.parsing import SigningCertificate
from ...history.reasons import KEY_STOLEN
from ...models import Certificate, Connector, ConnectorType
from ..html import certificate_list
from .staff_connectors import may_change_trust


class ShowsCertificates(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin, whose fieldsets name `understood`."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.remove_certificate)
        route = "<path:object_id>/certificates/<str:fingerprint>/remove/"
        return [path(route, view, name="sso_connectors_connector_certificate"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Connector | None = None) -> Any:
        """With a button at each certificate for whoever may remove it."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self._may_remove(request, obj):
            return fieldsets
        return [
            (
                title,
                {
                    **options,
                    "fields": tuple(
                        "removable" if name == "understood" else name for name in options["fields"]
                    ),
                },
            )
            for title, options in fieldsets
        ]

    @admin.display(description=_("Certificates found"))
    def understood(self, connector: Connector) -> SafeString | str:
        if not connector.certificates:
            return gettext("Nothing yet. After saving, each certificate is described here.")
        return certificate_list(connector.signing_certificates, connector.certificate_rows.all())

    @admin.display(description=_("Certificates found"))
    def removable(self, connector: Connector) -> SafeString | str:
        items = connector.signing_certificates
        if not items or is_needed(connector):
            return self.understood(connector)
        return certificate_list(
            items,
            connector.certificate_rows.all(),
            removal=lambda item: reverse(
                "admin:sso_connectors_connector_certificate", args=[connector.pk, item.fingerprint]
            ),
        )

    def _may_remove(self, request: HttpRequest, connector: Connector) -> bool:
        may_change = self.has_change_permission(request, connector)
        return may_change and may_change_trust(request, connector)

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def remove_certificate(
        self, request: HttpRequest, object_id: str, fingerprint: str
    ) -> HttpResponse:
        """Ask, and remove by a click of somebody who may (no link, no other site)."""
        connector: Any = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        if not self._may_remove(request, connector):
            raise PermissionDenied
        item = _found(connector, fingerprint)
        if item is None:
            raise Http404
        if request.method == "POST":
            self._remove(request, connector, item, is_stolen="stolen" in request.POST)
            form = reverse("admin:sso_connectors_connector_change", args=[connector.pk])
            return HttpResponseRedirect(form)
        uses = list(connector.certificate_rows.all())
        return TemplateResponse(
            request,
            "admin/sso_connectors/connector/remove_certificate.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Remove a certificate"),
                "opts": self.opts,
                "connector": connector,
                "certificate": certificate_list([item], uses),
                "is_needed": is_needed(connector),
                "is_in_use": _is_in_use(uses, fingerprint),
            },
        )

    def _remove(
        self,
        request: HttpRequest,
        connector: Connector,
        item: SigningCertificate,
        *,
        is_stolen: bool,
    ) -> None:
        """Remove one certificate; of a stolen key, every certificate that has it, and end its sessions."""
        with transaction.atomic():
            # Two who remove one of the last two each would otherwise leave none, or undo the other.
            current: Any = get_object_or_404(Connector.objects.select_for_update(), pk=connector.pk)
            if not self._may_remove(request, current):
                raise PermissionDenied  # a superuser has let staff sign in meanwhile
            if _found(current, item.fingerprint) is None:
                return
            going = [
                other
                for other in current.signing_certificates
                if other.fingerprint == item.fingerprint
                or (is_stolen and other.key_fingerprint == item.key_fingerprint)
            ]
            if is_needed(current, going=len(going)):
                only = (
                    _(
                        "%(name)s has no certificate with another key, and is enabled. "
                        "Add the new one first, or disable the connector."
                    )
                    if len(going) > 1
                    else _(
                        "%(name)s has only this certificate, and is enabled. Add "
                        "the new one first, or disable the connector."
                    )
                )
                messages.error(request, only % {"name": current.name})
                return
            if is_stolen:
                current.stolen_keys = sorted({*current.stolen_keys, item.key_fingerprint})
                current._change_reason = KEY_STOLEN
            current.certificates = "".join(
                other.pem for other in current.signing_certificates if other not in going
            )
            what = " ".join(_said_of_removal(going, is_stolen=is_stolen))
            current.save()
            self.log_change(request, current, what)
        messages.success(request, what)


def _said_of_removal(going: list[SigningCertificate], *, is_stolen: bool) -> Iterator[str]:
    if is_stolen:
        yield gettext("The key was stolen. Sessions that began with it were ended.")
    for item in going:
        yield gettext("Certificate removed: %(subject)s, SHA-256 %(fingerprint)s.") % {
            "subject": item.subject,
            "fingerprint": item.fingerprint,
        }


def is_needed(connector: Connector, *, going: int = 1) -> bool:
    """Whether it would be enabled without a means of verification if that many certificates went."""
    return (
        connector.enabled
        and connector.type == ConnectorType.SAML2
        and len(connector.signing_certificates) <= going
    )


def _found(connector: Connector, fingerprint: str) -> SigningCertificate | None:
    items = connector.signing_certificates
    return next((item for item in items if item.fingerprint == fingerprint), None)


def _is_in_use(uses: list[Certificate], fingerprint: str) -> bool:
    """Whether it is the one that verified a sign-in last."""
    used = [row for row in uses if row.last_used_at is not None]
    last = max(used, key=lambda row: row.last_used_at or row.added_at, default=None)
    return last is not None and last.fingerprint == fingerprint

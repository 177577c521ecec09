"""The connector form: fields by type, drafts, and what people paste."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..certificates import PRIVATE_KEY, load_certificates
from ..models import SAML_REQUIRED, Connector, ConnectorType

_SAML_FIELDS = (*SAML_REQUIRED, "binding", "username_attribute", "force_authn")


class ConnectorForm(forms.ModelForm[Connector]):
    confirm_validity = forms.BooleanField(
        label=_("Use this certificate although its dates say otherwise"),
        required=False,
        widget=forms.HiddenInput,
    )

    class Meta:
        model = Connector
        fields = (
            "name",
            "reference",
            "type",
            "issuer_url",
            "endpoint",
            "identifier_format",
            "certificates",
            "binding",
            "username_attribute",
            "force_authn",
            "authentication_method",
            "contact",
            "staff_may_sign_in",
            "enabled",
        )
        widgets: ClassVar = {
            "certificates": forms.Textarea(
                attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off", "class": "pem"}
            ),
            "issuer_url": forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false"}),
            "endpoint": forms.TextInput(
                attrs={"class": "vTextField", "spellcheck": "false", "inputmode": "url"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # "_draft" is the second button: keep what there is, switched off, until the rest is known.
        self.is_draft = "_draft" in (self.data or {})
        for name in (*SAML_REQUIRED, "authentication_method"):
            if name in self.fields:
                # Needed to be enabled, not to be saved: an asterisk without `required`.
                self.fields[name].widget.attrs["data-needed"] = "true"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.is_draft:
            cleaned["enabled"] = False
        # What the chosen type doesn't show is neither validated nor changed.
        other: tuple[str, ...] = ("authentication_method",)
        if cleaned.get("type") == ConnectorType.OAUTH2:
            other = _SAML_FIELDS
        for name in other:
            if name in self.fields:
                self.errors.pop(name, None)
                cleaned[name] = getattr(self.instance, name)
        return cleaned

    def _post_clean(self) -> None:
        before = self.instance.certificates
        super()._post_clean()  # type: ignore[misc]  # django-stubs does not know it
        for name, errors in list(self.errors.items()):
            if any(error.code == PRIVATE_KEY for error in errors.as_data()):
                # A page that shows a private key again has repeated it.
                self.data = {**self.data, self.add_prefix(name): ""}
        if "certificates" in self.changed_data and not self.errors:
            self._confirm_validity(before)

    def _confirm_validity(self, before: str) -> None:
        known = {item.fingerprint for item in load_certificates(before)}
        doubtful = [
            item
            for item in self.instance.signing_certificates
            if item.fingerprint not in known and (item.is_expired or item.is_not_yet_valid)
        ]
        if not doubtful or self.cleaned_data.get("confirm_validity"):
            return
        self.fields["confirm_validity"].widget = forms.CheckboxInput()
        item = doubtful[0]
        self.add_error(
            "certificates",
            ValidationError(
                _("%(subject)s ended on %(until)s; tick the box below to use it all the same.")
                if item.is_expired
                else _(
                    "%(subject)s begins on %(from)s; tick the box below to use it all the same."
                ),
                code="validity",
                params={
                    "subject": item.subject,
                    "until": f"{item.valid_until:%Y-%m-%d}",
                    "from": f"{item.valid_from:%Y-%m-%d}",
                },
            ),
        )

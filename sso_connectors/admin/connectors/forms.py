"""The connector form: fields by type and by authentication method, drafts, and what people paste."""

from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ...certificates.parsing import load_certificates
from ...models import OAUTH2_REQUIRED, SAML_REQUIRED, Connector, ConnectorType, RedirectUri
from ...models.connector_fields import OAUTH2, SAML2, Kind, names
from ...models.validators import sealed_client_secret
from ...providers import PROVIDERS, trusted_provider
from ...reader.mistakes import Mistake, mistakes
from ...secrets.encryption import Secret
from .oauth2_fields import (
    about_secret,
    methods_that_ask_again,
    option_field,
    options_by_field,
    vendors_words,
)
from .paste_form import TakesPaste, without_private_keys
from .staff_connectors import OWN_PASSWORD, own_password_field, wrong_password

_NEEDED = _("This is needed before the connector can be enabled.")


class ConnectorForm(TakesPaste):
    request: HttpRequest | None = None  # of whoever sends it; the admin puts it here
    confirm_validity = forms.BooleanField(
        label=_("Use this certificate although it isn't valid today"),
        required=False,
        widget=forms.HiddenInput,
    )
    confirm_reference = forms.BooleanField(
        label=_("Also change the redirect URI"), required=False, widget=forms.HiddenInput
    )
    # Not the model's own, which holds no plain text; what is stored never comes back to the page.
    client_secret = forms.CharField(
        label=_("Client secret"),
        help_text=_("From the same app. Stored encrypted, and never shown again."),
        required=False,
        strip=False,
        widget=forms.PasswordInput(
            # With "off", password managers fill in the administrator's own password.
            attrs={"class": "vTextField", "autocomplete": "new-password"}
        ),
    )

    own_password = own_password_field()

    class Meta:
        model = Connector
        # Secret and options have inputs of their own.
        fields = names(Kind.TEXT, Kind.CHOICE, Kind.CERTIFICATES, Kind.SWITCH)
        widgets: ClassVar = {
            "certificates": forms.Textarea(
                attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off", "class": "pem"}
            ),
            "issuer_url": forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false"}),
            "endpoint": forms.TextInput(
                attrs={"class": "vTextField", "spellcheck": "false", "inputmode": "url"}
            ),
            "redirect_uri": forms.RadioSelect,
            "client_id": forms.TextInput(
                attrs={"class": "vTextField", "spellcheck": "false", "autocomplete": "off"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # "_draft" is the second button: keep what there is, switched off, until the rest is known.
        self.is_draft = "_draft" in self.data
        # Who may not change what a connector trusts has none of these.
        self._options = options_by_field() if "client_id" in self.fields else {}
        self._unshown: set[str] = set()
        self.has_parted_with_secret = False
        self.doubts: list[Mistake] = []
        for name in (*SAML_REQUIRED, *OAUTH2_REQUIRED):
            if name in self.fields:
                # Needed to be enabled, not to be saved: an asterisk without `required`.
                self.fields[name].widget.attrs["data-needed"] = "true"
                self.fields[name].error_messages["required"] = _NEEDED
        if self._options:
            self._add_oauth2()

    def _add_oauth2(self) -> None:
        # The address itself stands above it under the name of the field.
        self.fields["redirect_uri"].label = _("Kind of redirect URI")
        # What a page of before doesn't send stays as it is.
        self.fields["redirect_uri"].required = False
        for name, (method, option) in self._options.items():
            self.fields[name] = option_field(method, option)
            if method == self.instance.authentication_method:
                self.initial[name] = self.instance.options.get(option.name, "")
        for name in ("client_id", "client_secret"):
            field = self.fields[name]
            field.help_text = format_html("{}{}", field.help_text, vendors_words(name))
        stored = about_secret(self.instance.client_secret)
        if stored:
            field = self.fields["client_secret"]
            field.help_text = format_html(
                "<strong>{} {}</strong> {}",
                stored,
                _("Leave empty to keep the current one."),
                field.help_text,
            )
        able = methods_that_ask_again()
        field = self.fields["force_authn"]
        field.widget.attrs["data-methods"] = " ".join(able)
        field.help_text = format_html(
            '{} <span class="without-js">{}</span>',
            field.help_text,
            _("Only for these OAUTH 2 methods: %(methods)s.")
            % {"methods": ", ".join(str(PROVIDERS[method].label) for method in able)},
        )

    # --- what is shown ---------------------------------------------------------------------------

    @cached_property
    def changed_data(self) -> list[str]:
        """Without what the chosen type and method don't show, or the history would tell untruths."""
        hidden = self._unshown | {OWN_PASSWORD}
        return [name for name in super().changed_data if name not in hidden]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.is_draft:
            cleaned["enabled"] = False
        method = cleaned.get("authentication_method", self.instance.authentication_method)
        is_oauth2 = cleaned.get("type", self.instance.type) == ConnectorType.OAUTH2
        # What isn't shown is neither validated nor changed.
        for name in names(of=SAML2 if is_oauth2 else OAUTH2):
            self._overlook(name)
            if name in self.fields:
                cleaned[name] = getattr(self.instance, name)
        for name, (its_method, _option) in self._options.items():
            if not is_oauth2 or its_method != method:
                self._overlook(name)
        if "redirect_uri" in self.fields and not cleaned.get("redirect_uri"):
            cleaned["redirect_uri"] = self.instance.redirect_uri
            self._unshown.add("redirect_uri")
        if is_oauth2 and self._options:
            self._take_client(cleaned, method)
        # Where the box is shown: of the methods only the generic one has an address to read.
        if not is_oauth2 or method == "oidc":
            self.refuse_unread()
        typed = cleaned.pop(OWN_PASSWORD, "")
        if cleaned.get("staff_may_sign_in") and not self.instance.staff_may_sign_in:
            self._confirm(typed)
        return cleaned

    @sensitive_variables("typed")
    def _confirm(self, typed: str) -> None:
        """A session left open, or stolen, must not let an identity provider into the Maker."""
        if self.request is None:
            raise RuntimeError("Whoever sends this form is not known.")
        if why := wrong_password(self.request, typed):
            self.add_error(OWN_PASSWORD, ValidationError(why, code="own_password"))

    def _overlook(self, name: str) -> None:
        self._unshown.add(name)
        self.errors.pop(name, None)

    # --- the client ------------------------------------------------------------------------------

    @sensitive_variables()
    def clean_client_secret(self) -> Secret | None:
        typed = self.cleaned_data.pop("client_secret")
        return sealed_client_secret(typed) if typed else None

    def _take_client(self, cleaned: dict[str, Any], method: str) -> None:
        """Put options and secret on the connector, which the admin doesn't do."""
        connector = self.instance
        before = trusted_provider(connector.authentication_method, connector.options)
        if method in PROVIDERS:
            try:
                connector.options = PROVIDERS[method].clean_options(
                    {
                        option.name: cleaned[name]
                        for name, (its_method, option) in self._options.items()
                        if its_method == method and name in cleaned
                    }
                )
            except ValidationError as error:
                self.add_error("authentication_method", error)
        elif "authentication_method" not in self.errors:
            connector.options = {}
        typed = cleaned.get("client_secret")
        if typed:
            connector.client_secret = typed
        elif connector.client_secret and before != trusted_provider(method, connector.options):
            self._part_with_secret(method)

    def _part_with_secret(self, method: str) -> None:
        """Whoever may change the provider could otherwise have the stored secret sent to their own."""
        about_provider = {
            name for name, (its_method, _option) in self._options.items() if its_method == method
        }
        if self.is_draft:
            self.instance.client_secret = None
            self.has_parted_with_secret = True
        elif not self.errors.keys() & {"authentication_method", "client_secret", *about_provider}:
            self.add_error(
                "client_secret",
                ValidationError(
                    _(
                        "The stored secret belongs to another identity provider and is "
                        "never sent to this one. Enter the client secret that this one "
                        "gave you."
                    ),
                    code="other_provider",
                ),
            )

    # --- errors ----------------------------------------------------------------------------------

    def add_error(self, field: str | None, error: Any) -> None:
        """Also put what the model says of `options` on the fields that they have here."""
        by_field = getattr(error, "error_dict", {}) if field is None else {}
        for name, found in list(by_field.items()):
            if name in self.errors and all(each.code == "required" for each in found):
                del by_field[name]  # something was there, and was refused
            elif name not in self.fields and name != NON_FIELD_ERRORS:
                del by_field[name]
                places = self._missing_options() if name == "options" else []
                for place in places or [None]:
                    if place not in self.errors:
                        super().add_error(place, found)
        super().add_error(field, error)

    def _missing_options(self) -> list[str | None]:
        missing = self.instance.missing_options
        return [
            name
            for name, (method, option) in self._options.items()
            if method == self.instance.authentication_method and option.name in missing
        ]

    def _post_clean(self) -> None:
        before = self.instance.certificates
        super()._post_clean()  # type: ignore[misc]  # django-stubs does not know it
        if "endpoint" in self.fields:
            self._look_for_mistakes()
        if "certificates" in self.changed_data and not self.errors:
            self._confirm_validity(before)
        if "reference" in self.changed_data and not self.errors:
            self._confirm_reference()
        if self.errors:
            # A page that shows a private key again has repeated it.
            self.data = without_private_keys(self.data)

    def _look_for_mistakes(self) -> None:
        for mistake in mistakes(self.instance):
            if not mistake.is_error:
                self.doubts.append(mistake)
            elif mistake.field not in self.errors:
                self.add_error(mistake.field, ValidationError(mistake.sentence, code="mistake"))

    def _confirm_reference(self) -> None:
        """Its own redirect URI changes with the reference, and agents can't sign in until it is registered."""
        connector = self.instance
        if (
            connector.pk is None
            or not connector.enabled
            or connector.type != ConnectorType.OAUTH2
            or connector.redirect_uri != RedirectUri.OWN
            or self.cleaned_data.get("confirm_reference")
        ):
            return
        self.fields["confirm_reference"].widget = forms.CheckboxInput()
        self.add_error(
            "reference",
            ValidationError(
                _(
                    "The redirect URI changes with the reference, to %(address)s. Nobody "
                    "can sign in until this address is registered at the provider. "
                    "Register it, then tick the box below."
                ),
                code="redirect_uri",
                params={"address": connector.redirect_address},
            ),
        )

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
                _(
                    "The certificate of %(subject)s expired on %(until)s. Ask whether "
                    "there is a newer one, or tick the box below to use it anyway."
                )
                if item.is_expired
                else _(
                    "The certificate of %(subject)s is not valid until %(from)s. "
                    "Tick the box below to use it anyway."
                ),
                code="validity",
                params={
                    "subject": item.subject,
                    "until": f"{item.valid_until:%Y-%m-%d}",
                    "from": f"{item.valid_from:%Y-%m-%d}",
                },
            ),
        )

"""What the form says and asks by authentication method, read from the providers themselves.

A part that belongs to some methods names them in `data-methods`; maker.js hides it under the others.
Without JavaScript all of it stands there, each with the name of its method.
"""

from collections.abc import Iterator

from django import forms
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ...models import Connector
from ...providers import PROVIDERS, Option
from ...providers.oidc import GenericOpenIdConnect
from ...secrets.encryption import Secret, UnreadableSecret
from ..html import HIDDEN


class _OptionField(forms.CharField):
    def __init__(self, option: Option, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._option = option

    def clean(self, value: object) -> str:
        text: str = super().clean(value)
        return self._option.clean(text) if text else ""


def options_by_field() -> dict[str, tuple[str, Option]]:
    """The name of each option's form field, with its method and the option, in the order of the form."""
    return {
        f"option_{method}_{option.name}": (method, option)
        for method, provider in PROVIDERS.items()
        for option in provider.options
    }


def option_field(method: str, option: Option) -> forms.Field:
    """The form field of an option. Required ones are needed to be enabled, not to be saved."""
    attributes = {"data-methods": method}
    if option.required:
        attributes["data-needed"] = "true"
    described = format_html(
        '<span class="without-js">{}. </span>{}', PROVIDERS[method].label, option.help_text
    )
    if option.is_switch:
        return forms.BooleanField(
            label=str(option.label),
            help_text=described,
            required=False,
            widget=forms.CheckboxInput(attrs=attributes),
        )
    attributes |= {"class": "vTextField", "placeholder": option.default, "spellcheck": "false"}
    return _OptionField(
        option,
        label=str(option.label),
        help_text=described,
        required=False,
        widget=forms.TextInput(attrs={name: text for name, text in attributes.items() if text}),
    )


def vendors_words(field: str) -> SafeString:
    """What each vendor calls the connector's `field`."""
    return format_html_join(
        "",
        ' <span class="vendor" data-methods="{}">{}</span>',
        (
            (
                method,
                _("%(method)s calls it “%(words)s”.")
                % {"method": provider.label, "words": provider.words[field]},
            )
            for method, provider in PROVIDERS.items()
            if field in provider.words
        ),
    )


def heading_to_give(chosen: str) -> SafeString:
    """Of step 2 for each method, by name; `chosen` is the method whose heading to show."""
    return _heading(
        _("Give this to the identity provider"), _("Give this to %(method)s"), chosen=chosen
    )


def heading_to_paste(chosen: str) -> SafeString:
    """Of step 3, likewise."""
    return _heading(
        _("Paste these from the identity provider"), _("Paste these from %(method)s"), chosen=chosen
    )


def _heading(nameless: str, named: str, *, chosen: str) -> SafeString:
    by_methods = {
        method: named % {"method": provider.label}
        for method, provider in PROVIDERS.items()
        if provider is not GenericOpenIdConnect
    }
    # That method is no name of anybody, nor is none yet, which is "".
    by_methods[f" {GenericOpenIdConnect.method}"] = nameless
    return format_html_join(
        "",
        '<span data-methods="{}"{}>{}</span>',
        (
            (methods, "" if chosen in methods.split(" ") else HIDDEN, words)
            for methods, words in by_methods.items()
        ),
    )


def where_to_register() -> SafeString:
    """Where each vendor wants to be told our redirect URI."""
    return format_html_join("", '<div class="help" data-methods="{}">{}</div>', _places())


def _places() -> Iterator[tuple[str, SafeString]]:
    for method, provider in PROVIDERS.items():
        place: SafeString | str = str(provider.register_where)
        if provider.register_at:
            # The vendor need not learn where the Maker is, nor get a hold on its window.
            place = format_html(
                '<a href="{}" target="_blank" rel="noreferrer noopener">{}</a>',
                provider.register_at,
                place or provider.register_at,
            )
        if place:
            yield (
                method,
                format_html(
                    '<span class="without-js">{}. </span>{} {}',
                    provider.label,
                    _("Where to register it:"),
                    place,
                ),
            )


def methods_that_ask_again() -> list[str]:
    return [method for method, provider in PROVIDERS.items() if provider.can_ask_again]


def about_secret(secret: Secret | None) -> str:
    """Whether one is stored, since when, and whether it can be read; "" where there is none."""
    if secret is None:
        return ""
    try:
        since = secret.sealed_at
        secret.reveal()
    except UnreadableSecret:
        # The list of keys is the operator's; the page opens without it, so that one can type a new one.
        return _(
            "A secret is stored, but can't be read. Enter it again, or ask the "
            "operator to restore its key in FIELD_ENCRYPTION_KEYS."
        )
    return _("Set on %(date)s.") % {"date": date_format(localtime(since))}


def stored_options(connector: Connector) -> SafeString | str:
    """The options for somebody who may only read them."""
    provider = PROVIDERS.get(connector.authentication_method)
    given = [
        (option.label, _("yes") if option.is_switch else connector.options[option.name])
        for option in (provider.options if provider else ())
        if connector.options.get(option.name)
    ]
    if not given:
        return "–"
    return format_html_join("", "<div>{}: <code>{}</code></div>", given)

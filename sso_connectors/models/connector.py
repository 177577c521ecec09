"""Connectors, and the links that tie users to them. The rules stand in the database first."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final, Self

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.signals import post_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from users.authors import Authored

from .. import addresses
from ..certificates.parsing import (
    EXPIRING,
    Certificates,
    SigningCertificate,
    find_bodies,
    load_certificates,
    read_certificates,
)
from ..history.reasons import History, SecretTime
from ..providers import PROVIDERS
from ..secrets.encryption import Secret, SecretField
from . import connector_fields
from .certificate import Certificate
from .validators import refuse_control_characters, refuse_private_key

REFERENCE_PATTERN: Final = r"^[A-Za-z0-9_.+@-]*[A-Za-z0-9][A-Za-z0-9_.+@-]*\Z"

# Of anybody's text: without a limit to its length, the pattern takes quadratic time.
IS_REFERENCE: Final = re.compile(rf"(?=.{{1,100}}\Z){REFERENCE_PATTERN}").fullmatch


class ConnectorType(models.TextChoices):
    SAML2 = "saml2", _("SAML v2")
    OAUTH2 = "oauth2", _("OAUTH 2")


class IdentifierFormat(models.TextChoices):
    """What an AuthnRequest asks for (saml-core-2.0 section 8.3). Transient can't name a user."""

    EMAIL = "emailAddress", "emailAddress"
    PERSISTENT = "persistent", "persistent"
    UNSPECIFIED = "unspecified", "unspecified"
    WINDOWS = "windowsDomainQualifiedName", "windowsDomainQualifiedName"
    NONE = "none", _("none (ask for none)")


class Binding(models.TextChoices):
    REDIRECT = "redirect", "HTTP-Redirect"
    POST = "post", "HTTP-POST"


class RedirectUri(models.TextChoices):
    """Where an OAUTH 2 provider sends the browser back to.

    A shared one lets whoever runs the server behind one connector have the answers of another's brought
    to it (mix-up, RFC 9700 section 4.4), so each connector has its own unless its app was registered with
    a shared one already.
    """

    OWN = "own", _("its own (recommended)")
    CALLBACK = "callback", _("shared: /api/sso/login/callback")
    OAUTH_CALLBACK = "oauth/callback", _("shared: /api/sso/login/oauth/callback")


def authentication_methods() -> list[tuple[str, Any]]:
    return [(method, provider.label) for method, provider in PROVIDERS.items()]


class State(models.TextChoices):
    DRAFT = "draft", _("draft")
    DISABLED = "disabled", _("disabled")
    READY = "ready", _("ready")
    TESTED = "tested", _("tested")
    FAILING = "failing", _("failing")


OAUTH2_REQUIRED: Final = connector_fields.names(of=connector_fields.OAUTH2, required=True)
SAML_REQUIRED: Final = connector_fields.names(of=connector_fields.SAML2, required=True)
# What decides who can get in: to change one of these takes a permission of its own.
TRUST_FIELDS: Final = connector_fields.names(trusted=True)
# Of these, what an identity provider's answer is judged by: a change makes the connector untested.
_TESTED_FIELDS: Final = connector_fields.names(trusted=True, judges=True)
_TYPED: Final = connector_fields.names(cleaned=True)
# A connector without its means of verification accepts anybody's word, so it is never complete.
COMPLETE: Final = (
    Q(type=ConnectorType.SAML2)
    & ~Q(issuer_url="")
    & ~Q(endpoint="")
    & ~Q(identifier_format="")
    & Q(certificates__contains="-----BEGIN CERTIFICATE-----")
) | (
    # `save()` finds the issuer in the options, and leaves it empty while a required one is missing.
    Q(type=ConnectorType.OAUTH2)
    & ~Q(issuer_url="")
    & ~Q(authentication_method="")
    & ~Q(client_id="")
    & Q(client_secret__isnull=False)
)


def _refuse_reserved(reference: str) -> None:
    if reference.lower() == "callback":
        raise ValidationError(
            _("“callback” is reserved for the reply URL. Choose another reference.")
        )


class Connectors(models.QuerySet["Connector"]):
    """Connectors as they are asked for in several places."""

    def by_reference(self, reference: str) -> "Connectors":
        """The one with that reference, in any letter case, by the index of its unique constraint; or none.

        Of anybody's text: PostgreSQL refuses to be asked for a null character.
        """
        if not IS_REFERENCE(reference):
            return self.none()
        return self.alias(lower=Lower("reference")).filter(lower=reference.lower()).order_by()


class Connector(models.Model):
    """One way to sign in. See docs/architecture.md for what decides its state."""

    name = models.CharField(_("name"), max_length=100)
    reference = models.CharField(
        _("reference"),
        max_length=100,
        validators=[
            RegexValidator(
                REFERENCE_PATTERN,
                _(
                    "“%(value)s” is not a valid reference. Use only letters, digits and "
                    "_ . + - @, with at least one letter or digit."
                ),
            )
        ],
        help_text=_(
            "Part of the login address. A shared address works as long as the "
            "reference stays the same."
        ),
    )
    type = models.CharField(
        _("type"), max_length=10, choices=ConnectorType, default=ConnectorType.SAML2
    )
    enabled = models.BooleanField(
        _("enabled"), default=False, help_text=_("Agents can sign in through it.")
    )
    authentication_method = models.CharField(
        _("authentication method"), max_length=20, choices=authentication_methods, blank=True
    )
    client_id = models.CharField(
        _("client ID"),
        max_length=255,
        blank=True,
        validators=[refuse_control_characters],
        help_text=_("From the app that is registered for this product at the identity provider."),
    )
    client_secret = SecretField(
        _("client secret"),
        help_text=_("From the same app. Stored encrypted, and never shown again."),
    )
    options = models.JSONField(
        _("options"),
        default=dict,
        blank=True,
        help_text=_("What else this authentication method needs: a subdomain, a tenant, a host."),
    )
    redirect_uri = models.CharField(
        _("redirect URI"),
        max_length=20,
        choices=RedirectUri,
        default=RedirectUri.OWN,
        # What the code of before an upgrade inserts while both run goes on as it began.
        db_default=RedirectUri.CALLBACK,
        help_text=_(
            "The address that the provider sends people back to. Choose a "
            "shared one only if the app at the provider is already registered "
            "with it."
        ),
    )
    issuer_url = models.CharField(
        _("issuer URL"),
        max_length=1024,
        blank=True,
        validators=[refuse_control_characters],
        help_text=_("The identity provider's entity ID, letter by letter."),
    )
    endpoint = models.CharField(
        _("endpoint"),
        max_length=2048,
        blank=True,
        validators=[addresses.validate_endpoint],
        help_text=_(
            "Where people are sent to sign in: the identity provider's single sign-on URL."
        ),
    )
    identifier_format = models.CharField(
        _("SAML identifier format"),
        max_length=30,
        choices=IdentifierFormat,
        default=IdentifierFormat.EMAIL,
        blank=True,
        help_text=_(
            "How we ask the identity provider to name the person. Keep emailAddress unless its "
            "administrator says otherwise."
        ),
    )
    certificates = models.TextField(
        _("certificate"),
        blank=True,
        help_text=_(
            "The identity provider's signing certificate, from -----BEGIN "
            "CERTIFICATE----- to -----END CERTIFICATE-----. Paste several "
            "during a rollover. A whole metadata file also works."
        ),
    )
    binding = models.CharField(
        _("request binding"),
        max_length=10,
        choices=Binding,
        default=Binding.REDIRECT,
        help_text=_("How our request is sent to the endpoint."),
    )
    username_attribute = models.CharField(
        _("username attribute"),
        max_length=255,
        blank=True,
        validators=[refuse_control_characters],
        help_text=_(
            "The attribute that contains the person's e-mail address. If "
            "empty, the identifier (NameID) is used if it is an e-mail "
            "address, otherwise the usual attributes."
        ),
    )
    force_authn = models.BooleanField(
        _("always ask for the password"),
        default=False,
        help_text=_(
            "For shared computers: the identity provider asks every time, "
            "whoever used the computer before."
        ),
    )
    contact = models.EmailField(
        _("contact"),
        blank=True,
        help_text=_(
            "Who agents contact when they can't sign in, and who is notified "
            "before a certificate expires."
        ),
    )
    staff_may_sign_in = models.BooleanField(
        _("staff may sign in"),
        default=False,
        help_text=_(
            "The people who run this identity provider can then enter the Maker as your staff."
        ),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    session_epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        # A number and no time, since clocks jump.
        help_text=_(
            "Sessions with another number are no longer valid. The number "
            "increases each time the connector is disabled."
        ),
    )
    stolen_keys = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        editable=False,
        help_text=_(
            "SHA-256 of the public keys that were reported stolen. These keys "
            "are never accepted again, and the sessions that began with them "
            "are ended."
        ),
    )
    # Only login/connector_state.py writes these two.
    tested_at = models.DateTimeField(
        _("tested"),
        null=True,
        editable=False,
        help_text=_(
            "When a test or a sign-in first passed after the last change to "
            "what the connector trusts."
        ),
    )
    failing_cause = models.CharField(
        max_length=40,
        blank=True,
        editable=False,
        help_text=_("Common cause of the last five failures, of two people or more."),
    )
    certificates_end = models.DateTimeField(
        _("certificates expire"),
        null=True,
        editable=False,
        help_text=_("When the first of its certificates expires."),
    )
    history = HistoricalRecords(
        excluded_fields=[
            "client_secret",
            "session_epoch",
            "stolen_keys",
            "tested_at",
            "failing_cause",
            "certificates_end",
            "created_at",
            "updated_at",
        ],
        bases=[SecretTime, Authored],
        history_manager=History,
    )
    objects = Connectors.as_manager()
    _refused: frozenset[str] = frozenset()
    certificate_notes: tuple[str, ...] = ()
    """What was left out of the certificates when they were last cleaned; not stored."""
    _was: tuple[object, ...] | None = None

    class Meta:
        verbose_name = _("SSO connector")
        verbose_name_plural = _("SSO connectors")
        ordering: ClassVar = ["name", "pk"]
        permissions: ClassVar = [
            ("change_trust", _("Can create and enable SSO connectors and change what they trust")),
            ("test_sign_in", _("Can test SSO connectors")),
        ]
        indexes: ClassVar = [
            models.Index(fields=["issuer_url"], name="connector_issuer_url"),
            models.Index(fields=["name", "id"], name="connector_in_order"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("reference"),
                name="connector_reference_unique",
                violation_error_message=_(
                    "Another connector already has this "
                    "reference. Upper and lower case make no "
                    "difference."
                ),
            ),
            models.CheckConstraint(
                name="connector_reference_characters",
                condition=Q(reference__regex=REFERENCE_PATTERN),
            ),
            models.CheckConstraint(
                name="connector_reference_not_reserved",
                condition=~Q(reference__iexact="callback"),
            ),
            models.CheckConstraint(
                name="connector_name_not_empty",
                condition=~Q(name=""),
                violation_error_message=_("Give the connector a name."),
            ),
            models.CheckConstraint(
                name="connector_known_type", condition=Q(type__in=ConnectorType.values)
            ),
            models.CheckConstraint(
                name="connector_known_identifier_format",
                condition=Q(identifier_format__in=["", *IdentifierFormat.values]),
            ),
            models.CheckConstraint(
                name="connector_known_binding", condition=Q(binding__in=Binding.values)
            ),
            models.CheckConstraint(
                name="connector_known_redirect_uri",
                condition=Q(redirect_uri__in=RedirectUri.values),
            ),
            models.CheckConstraint(
                name="connector_endpoint_scheme",
                condition=Q(endpoint="")
                | Q(endpoint__startswith="https://")
                | Q(endpoint__startswith="http://"),
            ),
            models.CheckConstraint(
                name="connector_never_keeps_private_key",
                condition=~Q(certificates__contains="PRIVATE KEY"),
            ),
            models.CheckConstraint(
                name="connector_enabled_is_complete",
                condition=Q(enabled=False) | COMPLETE,
                violation_error_message=_(
                    "A required field is missing, so the "
                    "connector can't be enabled. Save it as a "
                    "draft."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        settled = self._settle()
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], *settled, "certificates_end"}
        with transaction.atomic():
            super().save(**options)
            Certificate.describe(self.pk, self.signing_certificates)
        self._was = self._tested()

    @classmethod
    def create_together(cls, connectors: Sequence[Self]) -> None:
        """What `save()` does for each of these new ones, by a few statements for all."""
        for connector in connectors:
            connector._settle()
        with transaction.atomic():
            cls.objects.bulk_create(connectors)
            Certificate.objects.bulk_create(
                Certificate.of(connector.pk, item)
                for connector in connectors
                for item in connector.signing_certificates
            )
            for connector in connectors:  # the history listens, and `bulk_create` is silent
                connector._was = connector._tested()
                post_save.send(cls, instance=connector, created=True, raw=False, using="default")

    def _settle(self) -> set[str]:
        """Work out what follows from the other fields; return the names of what may have changed."""
        settled = set()
        if self._was is not None and self._was != self._tested():
            self.tested_at, self.failing_cause = None, ""
            settled |= {"tested_at", "failing_cause"}
        if self.type == ConnectorType.OAUTH2:
            self._find_issuer()
            settled.add("issuer_url")
        if not self.enabled:
            # Or old sessions would come back to life with it.
            self.session_epoch += 1
            settled.add("session_epoch")
        with suppress(ValueError):  # of what was never cleaned; the constraints judge that
            self._find_end()
        return settled

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **options: Any) -> Self:
        connector = super().from_db(db, field_names, values, **options)
        if set(_TESTED_FIELDS) <= set(field_names):
            connector._was = connector._tested()
        return connector

    def _tested(self) -> tuple[object, ...]:
        values = (getattr(self, field) for field in _TESTED_FIELDS)
        return tuple(value.token if isinstance(value, Secret) else str(value) for value in values)

    def _find_issuer(self) -> None:
        provider = PROVIDERS.get(self.authentication_method)
        complete = provider is not None and not provider.missing_options(self.options)
        self.issuer_url = provider.issuer_of(self.options) if provider and complete else ""

    def _find_end(self) -> None:
        ends = [item.valid_until for item in self.signing_certificates]
        self.certificates_end = min(ends, default=None)

    def clean_fields(self, exclude: Any = None) -> None:
        """Also even out what people paste around an address, and read the certificates."""
        for field in _TYPED:
            setattr(self, field, getattr(self, field).strip())
        scheme, separator, rest = self.endpoint.partition("://")
        if separator:  # the constraint on it knows lower case only
            self.endpoint = f"{scheme.lower()}://{rest}"
        errors: dict[str, Any] = {}
        for field, clean in (
            *((field, refuse_private_key) for field in _TYPED),
            ("reference", _refuse_reserved),
            ("certificates", self._read_certificates),
            ("options", self._read_options),
        ):
            try:
                if field not in (exclude or ()):
                    clean(getattr(self, field))
            except ValidationError as error:
                errors[field] = error
        for field in errors:  # nothing that was refused is kept, a private key least of all
            setattr(self, field, {} if field == "options" else "")
        self._refused = frozenset(errors)
        try:
            super().clean_fields(exclude=self._refused | set(exclude or ()))
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def _read_certificates(self, pasted: str) -> None:
        found = read_certificates(find_bodies(pasted)) if pasted.strip() else Certificates()
        self.certificates, self.certificate_notes = found.pem, found.notes
        for item in self.signing_certificates:
            # A return to an earlier version, or an old file, would let the thief in again.
            if item.key_fingerprint in self.stolen_keys:
                raise ValidationError(
                    _(
                        "The key of %(subject)s was reported stolen. Ask for a certificate with a new key."
                    ),
                    code="stolen_key",
                    params={"subject": item.subject},
                )
        self._find_end()

    def _read_options(self, options: Any) -> None:
        if not isinstance(options, dict):
            raise ValidationError(_("Options must be names and values."))
        if self.authentication_method in PROVIDERS:
            self.options = PROVIDERS[self.authentication_method].clean_options(options)
        elif options:
            # Nobody could say what they mean, or whether they are well formed.
            raise ValidationError(_("Choose an authentication method to use options."))

    def clean(self) -> None:
        super().clean()
        provider = PROVIDERS.get(self.authentication_method)
        if self.type == ConnectorType.OAUTH2:
            self._find_issuer()
            if self.force_authn and provider and not provider.can_ask_again:
                raise ValidationError(
                    {
                        "force_authn": _(
                            "%(method)s can't always ask for the "
                            "password, or doesn't confirm that it did."
                        )
                        % {"method": provider.label}
                    }
                )
        if not self.enabled or self.type not in ConnectorType.values:
            return
        # What was there and was refused has its own error already.
        missing = [field for field in self.missing() if field not in self._refused]
        if missing:
            raise ValidationError(
                {
                    field: ValidationError(
                        _("This is needed before the connector can be enabled."), code="required"
                    )
                    for field in missing
                }
            )

    def missing(self) -> list[str]:
        """The required fields of this type that are still empty."""
        if self.type == ConnectorType.SAML2:
            return [field for field in SAML_REQUIRED if not getattr(self, field)]
        missing = [field for field in OAUTH2_REQUIRED if not getattr(self, field)]
        provider = PROVIDERS.get(self.authentication_method)
        if provider is None and self.authentication_method:
            missing.append("authentication_method")  # one that there is no more
        elif self.missing_options:
            missing.append("options")
        return missing

    @property
    def missing_options(self) -> list[str]:
        """What its authentication method needs besides and isn't there, by name."""
        provider = PROVIDERS.get(self.authentication_method)
        return provider.missing_options(self.options) if provider else []

    @property
    def state(self) -> State:
        if self.missing():
            return State.DRAFT
        if not self.enabled:
            return State.DISABLED
        if self.failing_cause:
            return State.FAILING
        return State.TESTED if self.tested_at else State.READY

    @property
    def signs_in(self) -> bool:
        """Whether agents can sign in through it, tested or not."""
        return self.enabled and not self.missing()

    @property
    def signing_certificates(self) -> tuple[SigningCertificate, ...]:
        return load_certificates(self.certificates)

    def key_of(self, proof: str) -> str | None:
        """What a session remembers of the key that proved its person (`Identity.key`).

        SAML v2: the key's fingerprint, None when its certificate is trusted no longer. OAUTH 2: the proof.
        """
        if self.type != ConnectorType.SAML2:
            return proof
        items = self.signing_certificates
        return next((item.key_fingerprint for item in items if item.fingerprint == proof), None)

    @property
    def login_address(self) -> str:
        return addresses.login_address(self.reference)

    @property
    def redirect_address(self) -> str:
        """The redirect URI that an OAUTH 2 connector sends and its app must be registered with."""
        return redirect_address(self.redirect_uri, self.reference)

    @property
    def must_be_named_in_answers(self) -> bool:
        """Whether each answer must say whom it comes from (RFC 9207).

        So it is where the customer runs the server and the redirect URI is shared: an answer that doesn't
        say may be another provider's, whose code would be spent at the customer's server.
        """
        provider = PROVIDERS.get(self.authentication_method)
        return (
            self.type == ConnectorType.OAUTH2
            and self.redirect_uri != RedirectUri.OWN
            and provider is not None
            and provider.is_run_by_customer(self.options)
        )

    @property
    def is_expiring(self) -> bool:
        """Whether a certificate that it goes by ends within 30 days, or has ended. Nothing is parsed."""
        end = self.certificates_end if self.type == ConnectorType.SAML2 else None
        return end is not None and end < timezone.now() + EXPIRING


def redirect_address(choice: str, reference: str) -> str:
    """The address that a choice of RedirectUri stands for."""
    return {
        RedirectUri.OWN.value: addresses.own_redirect_uri(reference),
        RedirectUri.CALLBACK.value: addresses.reply_url(),
        RedirectUri.OAUTH_CALLBACK.value: addresses.oauth_callback(),
    }[choice]

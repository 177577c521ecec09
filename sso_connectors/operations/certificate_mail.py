"""E-mails to a connector's contact about a certificate that ends: one at each threshold, and no more.

What was sent is remembered on the certificate's row, so that a command run daily, or on several machines,
sends each once.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from email.headerregistry import Address
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Final

from django.conf import settings
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from .. import addresses
from ..models import Certificate
from .expiry import Ending, one_line

# For each exchange with the mail server; it would otherwise be waited for without end.
_TIMEOUT: Final = 20
NO_CONTACT: Final = "the connector has no contact"


def tell_contacts(endings: Iterable[Ending]) -> Iterator[tuple[Ending, str]]:
    """Send what is due; yield each with "" where it was sent, or why it wasn't.

    What fails is due again the next time. When the mail server itself fails, the rest isn't tried.
    """
    connection: BaseEmailBackend | None = None
    try:
        for ending in endings:
            if not is_due(ending):
                continue
            why_not = _obstacle(ending)
            if why_not:
                yield ending, why_not
                continue
            try:
                if connection is None:
                    connection = mail.get_connection(timeout=_TIMEOUT)
                    connection.open()
                if not _send_once(ending, connection):
                    continue
            except (SMTPRecipientsRefused, SMTPDataError) as error:  # of this one mail
                yield ending, one_line(f"{type(error).__name__}: {error}")
            except OSError as error:
                yield ending, one_line(f"{type(error).__name__}: {error}")
                return
            else:
                yield ending, ""
    finally:
        if connection is not None:
            connection.close()


def is_due(ending: Ending) -> bool:
    """Whether its contact has something to do, and hasn't been told so at this threshold."""
    told = ending.certificate.warned_at_days
    return not ending.is_replaced and (told is None or ending.threshold < told)


def _obstacle(ending: Ending) -> str:
    if not ending.connector.contact:
        return NO_CONTACT
    try:
        validate_email(ending.connector.contact)
    except ValidationError:  # written past the form; a line break in it would add a header
        return "the contact is no e-mail address"
    return ""


def _send_once(ending: Ending, connection: BaseEmailBackend) -> bool:
    """Send it unless another process has; False then. Raises OSError, and nothing is remembered."""
    rows = Certificate.objects.filter(pk=ending.certificate.pk)
    untold = Q(warned_at_days=None) | Q(warned_at_days__gt=ending.threshold)
    # Remembered before it is sent, since two that run at once would both send it otherwise.
    if not rows.filter(untold).update(warned_at_days=ending.threshold):
        return False
    is_sent = False
    try:
        _message(ending, connection).send()
        is_sent = True
    finally:
        if not is_sent:
            rows.filter(warned_at_days=ending.threshold).update(
                warned_at_days=ending.certificate.warned_at_days
            )
    return True


def _message(ending: Ending, connection: BaseEmailBackend) -> mail.EmailMessage:
    with translation.override(settings.LANGUAGE_CODE):
        words = {
            "name": one_line(ending.connector.name),
            "product": one_line(settings.PRODUCT_NAME),
            "date": date_format(localtime(ending.certificate.valid_until)),
        }
        subject = (
            _("%(product)s: the certificate of “%(name)s” has expired")
            if ending.has_ended
            else _("%(product)s: the certificate of “%(name)s” expires on %(date)s")
        ) % words
        successor = ending.successor
        body = render_to_string(
            "sso_connectors/mail/certificate.txt",
            {
                **words,
                "reference": ending.connector.reference,
                "issuer": one_line(ending.connector.issuer_url),
                "has_ended": ending.has_ended,
                "days": ending.days_left,
                "subject": one_line(ending.certificate.subject),
                "fingerprint": ending.certificate.fingerprint,
                "until": date_format(localtime(ending.certificate.valid_until), "DATETIME_FORMAT"),
                "successor": successor,
                "successor_subject": one_line(successor.subject) if successor else "",
                "successor_until": date_format(localtime(successor.valid_until))
                if successor
                else "",
                "support": one_line(settings.SUPPORT_CONTACT),
            },
        )
    return mail.EmailMessage(
        subject=one_line(subject),
        body=f"{body.strip()}\n",
        from_email=_sender(),
        to=[ending.connector.contact],
        reply_to=_reply_to(),
        # So that no holiday answer comes back (RFC 3834 section 5).
        headers={"Auto-Submitted": "auto-generated"},
        connection=connection,
    )


def _sender() -> str:
    """An address at our own host: mail servers refuse others, and an operator can make it exist."""
    host = addresses.base_host() or "localhost"
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        domain = host
    else:  # RFC 5321 section 4.1.3
        domain = f"[IPv6:{literal}]" if literal.version == 6 else f"[{literal}]"
    return str(Address(one_line(settings.PRODUCT_NAME), addr_spec=f"webmaster@{domain}"))


def _reply_to() -> list[str]:
    """SUPPORT_CONTACT, where that is an address and not a room or a telephone."""
    try:
        validate_email(settings.SUPPORT_CONTACT)
    except ValidationError:
        return []
    return [settings.SUPPORT_CONTACT]

"""The language of our mail: whose contact it is has no account, so it is the product's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils.formats import date_format
from django.utils.translation import override

from sso_connectors.models import Certificate
from tests.conftest import ConnectorMaker
from tests.idp import SigningKey, default_key

pytestmark = pytest.mark.django_db

Send = Callable[..., mail.EmailMessage]


@pytest.fixture
def send(make_connector: ConnectorMaker, settings: Any) -> Send:
    """Have one mail sent about a certificate that ends in so many days, in the product's language."""

    def send_in(language: str, *, days: float, more: str = "") -> mail.EmailMessage:
        settings.LANGUAGE_CODE = language
        end = datetime.now(UTC) + timedelta(days=days, minutes=1)
        key = SigningKey.ec(
            common_name="idp.acme.example", not_before=end - timedelta(days=500), not_after=end
        )
        make_connector(
            f"acme-{language}",
            name="Acme",
            certificates=key.pem + more,
            contact=f"{language}@acme.example",
        )
        with pytest.raises(CommandError):  # its exit status, of a finding
            call_command("sso_check", "--mail", stdout=StringIO(), stderr=StringIO())
        (message,) = [each for each in mail.outbox if each.to == [f"{language}@acme.example"]]
        return message

    return send_in


def test_french_product_mails_in_french(send: Send) -> None:
    message = send("fr", days=29)
    ends = Certificate.objects.get().valid_until
    with override("fr"):
        day, moment = date_format(ends), date_format(ends, "DATETIME_FORMAT")
    assert message.subject == f"INO cx : le certificat de « Acme » expire le {day}"
    assert f"expire le {day}, dans 29 jours." in message.body
    assert f"Valide jusqu’au\u00a0: {moment}\n" in message.body
    assert "À faire\u00a0:" in message.body


@pytest.mark.parametrize("support", ["", "help@maker.example"])
@pytest.mark.parametrize("days", [29, 0.5, -1])
@pytest.mark.parametrize("replaced", [False, True])
def test_no_english_is_left(
    send: Send, settings: Any, days: float, replaced: bool, support: str
) -> None:
    settings.SUPPORT_CONTACT = support
    more = default_key().pem if replaced else ""
    english, french = (send(language, days=days, more=more) for language in ("en", "fr"))
    assert english.subject != french.subject
    same = set(str(english.body).splitlines()) & set(str(french.body).splitlines())
    fingerprints = Certificate.objects.values_list("fingerprint", flat=True)
    assert same <= {"", *(f"    {each}" for each in fingerprints)}


def test_language_of_whoever_runs_it_makes_no_difference(send: Send) -> None:
    with override("fr"):
        message = send("en", days=29)
    assert message.subject.startswith("INO cx: the certificate of “Acme” expires on ")
    assert "To do:" in message.body

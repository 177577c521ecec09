"""What should be seen to before an agent meets it; for cron, and for a monitor's exit status."""

import json
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sso_connectors.operations.certificate_mail import NO_CONTACT, tell_contacts
from sso_connectors.operations.expiry import THRESHOLDS, Ending, endings
from sso_connectors.operations.report import Finding, look

_WARNINGS: Final = 1
_ERRORS: Final = 2
_CONSOLE: Final = "django.core.mail.backends.console.EmailBackend"


class Command(BaseCommand):
    help = (
        "List certificates that end, connectors that fail, tokens that are dead and secrets that can't "
        "be read; exit with 0 for none, 1 for warnings, 2 when something has ended or fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=THRESHOLDS[0],
            metavar="N",
            help="how far to look ahead for certificates that end (default: %(default)s)",
        )
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="print a list, for programs"
        )
        parser.add_argument(
            "--mail",
            action="store_true",
            help="write to the contacts of the connectors, once at each of 90, 30, 7, 1 days and the end",
        )

    def handle(self, *args: Any, days: int, as_json: bool, mail: bool, **options: Any) -> None:
        if days < 0:
            raise CommandError("--days takes a number of days from 0.", returncode=_ERRORS)
        if mail and settings.EMAIL_BACKEND == _CONSOLE:
            # What nobody receives would be remembered as sent.
            raise CommandError("--mail needs a mail server: set EMAIL_URL.", returncode=_ERRORS)
        found = endings(days=days)
        findings = look(found)
        if mail:
            findings += self._mail(found)
        if as_json:
            self.stdout.write(json.dumps([each.as_dict() for each in findings], indent=2))
        else:
            for each in findings:
                self.stdout.write(_as_line(each))
        errors = sum(each.is_error for each in findings)
        if findings:
            raise CommandError(
                f"{errors} ended or failing, {len(findings) - errors} to see to.",
                returncode=_ERRORS if errors else _WARNINGS,
            )

    def _mail(self, found: list[Ending]) -> Iterator[Finding]:
        sent = 0
        for ending, why_not in tell_contacts(found):
            if why_not:
                yield _untold(ending, why_not)
            else:
                sent += 1
        if sent:
            self.stderr.write(f"E-mails sent: {sent}.")


def _untold(ending: Ending, why: str) -> Finding:
    has_contact = why != NO_CONTACT
    return Finding(
        kind="mail_failed" if has_contact else "no_contact",
        is_error=has_contact,
        connector=ending.connector.reference,
        text=f"Nobody was told that a certificate ends: {why}.",
        more={"fingerprint": ending.certificate.fingerprint, "reason": why},
    )


def _as_line(finding: Finding) -> str:
    level = "error  " if finding.is_error else "warning"
    connector = f"{finding.connector}: " if finding.connector else ""
    return f"{level}  {connector}{finding.text}"

"""Bring every secret under the first of FIELD_ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sso_connectors.operations import key_rotation


class Command(BaseCommand):
    help = "Re-encrypt every secret that the first of FIELD_ENCRYPTION_KEYS didn't make."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; exit with 1 while something is left to do",
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        tallies = key_rotation.rotate(write=not check)
        done = "to re-encrypt" if check else "re-encrypted"
        for tally in tallies:
            self.stdout.write(f"{tally.kind}: {tally.current} current, {tally.stale} {done}")
        problems = [
            f"{owner} can't be read: none of FIELD_ENCRYPTION_KEYS made it. It was left as it is."
            for tally in tallies
            for owner in tally.unreadable
        ]
        if changed := sum(tally.changed for tally in tallies):
            problems.append(f"{changed} were changed meanwhile and left as they are; run it again.")
        if check and any(tally.stale for tally in tallies):
            problems.append("Run it without --check before the older keys go.")
        if problems:
            raise CommandError("\n".join(problems))

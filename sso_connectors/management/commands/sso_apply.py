"""Create or update connectors, users and links from a JSON file."""

import os
import sys
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sso_connectors import as_code

_MAX_BYTES: Final = 256 * 1024 * 1024


class Command(BaseCommand):
    help = "Create or update connectors, users and links from a JSON file, all or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the JSON file, or - for standard input")
        parser.add_argument(
            "--dry-run", action="store_true", help="print what would change, and change nothing"
        )

    def handle(self, *args: Any, file: str, dry_run: bool, **options: Any) -> None:
        try:
            # The file names these variables; the settings, which read all others, can't know them.
            result = as_code.apply(_read(file), dry_run=dry_run, environment=os.environ)
        except as_code.Refused as error:
            lines = "\n".join(error.problems)
            raise CommandError(f"Nothing was changed.\n{lines}") from error
        for line in result.warnings:
            self.stderr.write(f"warning: {line}")
        for line in result.changes:
            self.stdout.write(line)
        if not result.changes:
            self.stdout.write("Nothing to change.")
        elif dry_run:
            self.stdout.write("Dry run: nothing was changed.")


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        if len(data) > _MAX_BYTES:
            raise CommandError(f"{file} is larger than {_MAX_BYTES} bytes.")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8 text.") from error

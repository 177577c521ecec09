"""Print connectors, users and links in the form that sso_apply reads."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from sso_connectors import as_code


class Command(BaseCommand):
    help = (
        "Print connectors, users and links as JSON, in the form that sso_apply reads; no secrets."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(as_code.export(), indent=2, ensure_ascii=False))

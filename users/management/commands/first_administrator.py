"""Make the first administrator, with a password that serves once."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from users.models import User
from users.usernames import normalise_username


class Command(BaseCommand):
    help = (
        "Make the first administrator and print a one-time password, which the first sign-in to the "
        "Maker replaces. Run again, it prints a new one until the administrator has chosen their own; "
        "from then on it changes nothing and prints nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the administrator's e-mail address")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        try:
            username = normalise_username(username)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user = User.objects.filter(username=username).first()
        if user is None:
            if User.objects.filter(is_superuser=True, is_active=True).exists():
                raise CommandError("There is an administrator already; use createsuperuser.")
            user = User(username=username, is_staff=True, is_superuser=True)
        elif not user.is_superuser:
            raise CommandError(f"{username} is a user, and no administrator; name another address.")
        elif not user.must_change_password:
            return
        password = secrets.token_urlsafe(15)
        user.set_password(password)
        user.must_change_password = True
        user.save()
        self.stdout.write(password)

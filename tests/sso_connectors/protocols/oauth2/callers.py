"""Many callers of `access_token_for` in one process of their own; prints what each got, as JSON.

    python -m tests.sso_connectors.protocols.oauth2.callers USERNAME REFERENCE CALLERS

It says `ready`, and calls when a line comes in.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import django


def main(username: str, reference: str, callers: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.db import connection

    from sso_connectors.protocols.oauth2.tokens import TokenError, access_token_for
    from users.models import User

    user = User.objects.get(username=username)
    gate = threading.Barrier(int(callers) + 1)

    def call(number: int) -> str:
        gate.wait(timeout=60)
        try:
            return access_token_for(user, reference).value
        except TokenError as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(int(callers)) as pool:
        found = pool.map(call, range(int(callers)))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        gate.wait(timeout=60)
        sys.stdout.write(json.dumps(list(found)))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""nanoidp, a small identity provider from PyPI, as the other side of a SAML or OpenID Connect sign-in.

What it can't do, so that nobody looks for a fault of ours: its NameID is always the e-mail address
with the format *unspecified*, whatever was asked; it signs the assertion only, with RSA-SHA256, and puts
the Signature last in it, where the schema wants it after the Issuer; it ignores ForceAuthn; it has
no single logout. For all that there is `tests.rigs.simplesamlphp`.

As an OpenID provider its issuer is its address. It signs by RS256 alone, calls every e-mail address
verified, asks for the password each time and for consent never, names itself in no answer, since its
issuer is plain http, and doesn't decode the client secret in an Authorization header, which therefore
must have plain characters. For all that there is `tests.rigs.oidc_provider`.

    python -m tests.rigs.nanoidp --port 9400
"""

import importlib.util
import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.process import (
    PRACTICE_USERS,
    IdentityProvider,
    PracticeUser,
    ServerProcess,
    command_line,
    fetch,
    free_port,
    run_in_foreground,
)


@dataclass(frozen=True)
class Client:
    """What signs people in at its OpenID Connect side."""

    client_id: str
    client_secret: str
    redirect_uri: str


def available() -> str | None:
    """None when nanoidp can run here, else what is missing."""
    if importlib.util.find_spec("nanoidp") is None:
        return "nanoidp isn't installed: pip install -r requirements-practice.txt"
    return None


def start(
    *,
    folder: Path,
    sp_entity_id: str,
    acs_url: str,
    users: Sequence[PracticeUser] = PRACTICE_USERS,
    host: str = "127.0.0.1",
    port: int | None = None,
    client: Client | None = None,
) -> IdentityProvider:
    """Start nanoidp and return when it answers; without `port`, on a free one.

    `client` may use its OpenID Connect side. Its keys are made in `folder` at the first start and used again by every later one. Raises
    ServerFailedError.
    """
    port = port or free_port(host)
    base_url = f"http://{host}:{port}"
    folder = folder.resolve()
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    # nanoidp's files are YAML, and JSON is YAML.
    clients = [_registered(client)] if client else []
    settings = {
        "config_version": 1,
        "server": {"host": host, "port": port},
        "session": {"secret_key": secrets.token_hex(32)},
        "oauth": {"issuer": base_url, "audience": sp_entity_id, "clients": clients},
        "jwt": {"keys_dir": str(folder / "keys")},
        "saml": {"default_acs_url": acs_url, "sign_responses": True},
    }
    people = {user.login: {"password": user.password, "email": user.email} for user in users}
    (folder / "settings.yaml").write_text(json.dumps(settings, indent=2))
    (folder / "users.yaml").write_text(
        json.dumps({"config_version": 1, "users": people, "default_user": users[0].login}, indent=2)
    )
    command = [sys.executable, "-m", "nanoidp", "--strict-config", "--config", str(folder)]
    process = ServerProcess(command, log=folder / "log", folder=folder)
    process.wait_until_answering(f"{base_url}/health")
    return IdentityProvider(
        base_url=base_url,
        entity_id=f"{base_url}/saml",
        sso_url=f"{base_url}/saml/sso",
        sso_post_url=f"{base_url}/saml/sso",
        certificate_pem=fetch(f"{base_url}/saml/cert.pem"),
        users=tuple(users),
        process=process,
    )


def _registered(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "redirect_uris": [client.redirect_uri],
    }


def main() -> int:
    """Run nanoidp in the foreground until Ctrl-C."""
    options = command_line("nanoidp, until Ctrl-C", port=9400).parse_args()
    return run_in_foreground(
        lambda: start(
            folder=options.folder or Path("var", f"nanoidp-{options.port}"),
            sp_entity_id=options.sp_entity_id,
            acs_url=options.acs,
            users=options.users or PRACTICE_USERS,
            host=options.host,
            port=options.port,
        ),
        available(),
    )


if __name__ == "__main__":
    sys.exit(main())

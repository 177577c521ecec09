"""Try the product: start it, and an identity provider to sign in at, with two connectors between.

`make run` runs it when everything is installed. What it makes stays (`.env`, the database, and
`var/practice/`), so that the next run goes on where this one ended.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from cryptography.fernet import Fernet
from django.conf import settings

from tests.rigs import nanoidp
from tests.rigs.process import (
    IdentityProvider,
    ServerFailedError,
    ServerProcess,
    interrupt_on_signals,
    port_is_taken,
    say,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "practice"
ENVIRONMENT = ROOT / ".env"
KEYS = "FIELD_ENCRYPTION_KEYS"
ADMINISTRATOR = "admin@acme.example"
REFERENCE = "acme"
OPENID_REFERENCE = "acme-openid"
SECRET_VARIABLE = "PRACTICE_CLIENT_SECRET"
LINKED = {"alice@acme.example", "bob@acme.example"}
"""Carol isn't among them, so that the failure page can be seen."""
SECONDS_BETWEEN_LOOKS = 0.3


class PracticeError(Exception):
    """Why it can't go on, and what would cure it, in words for the terminal."""


def main() -> int:
    """Run everything until Ctrl-C; return the exit status."""
    os.chdir(ROOT)
    # The database, keys, logs and secrets that this and its servers write are for nobody else's eyes.
    os.umask(0o077)
    close_to_others()
    interrupt_on_signals()
    try:
        with ExitStack() as running:
            practise(running)
    except KeyboardInterrupt:
        return 0
    except (PracticeError, ServerFailedError) as error:
        say(str(error))
        return 1
    return 0


def practise(running: ExitStack) -> None:
    """Prepare, start both servers, and wait; whatever is started is ended with `running`."""
    port = chosen_port("PORT", 8000)
    idp_port = chosen_port("PRACTICE_IDP_PORT", 9400)
    make_environment(port)
    say("Preparing the database ...")
    manage("migrate", "--noinput")
    make_encryption_key()
    base_url = settings.PUBLIC_BASE_URL
    reply_url = f"{base_url}/api/sso/login/callback"
    client = nanoidp.Client(
        "maker", kept_client_secret(), f"{base_url}/api/sso/login/oauth/callback/acme-openid"
    )
    say("Collecting static files ...")
    manage("collectstatic", "--noinput")
    say("Starting the practice identity provider ...")
    provider = running.enter_context(
        nanoidp.start(
            folder=FOLDER / "nanoidp",
            sp_entity_id=f"{base_url}/api/saml/metadata",
            acs_url=reply_url,
            port=idp_port,
            client=client,
        )
    )
    say("Setting up the connectors and their users ...")
    apply_connectors(provider, client)
    password = manage("first_administrator", ADMINISTRATOR).strip()
    say("Starting the product ...")
    server = start_product(port)
    running.callback(server.stop)
    server.wait_until_answering(f"http://127.0.0.1:{port}/healthz")
    say(welcome(base_url, provider, password))
    wait_for_the_end({"The product": server, "The identity provider": provider.process})


def chosen_port(variable: str, default: int) -> int:
    """The port that the environment asks for; raises PracticeError when it can't be used."""
    text = os.environ.get(variable) or str(default)
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise PracticeError(f"{variable}={text} isn't a port number.")
    port = int(text)
    if port_is_taken(port):
        raise PracticeError(
            f"Port {port} is in use already. Free it, or choose another one: "
            f"make run {variable}={port + 1}"
        )
    return port


def make_environment(port: int) -> None:
    """Make `.env` where there is none, and tell the product the address that PORT gives it."""
    keys = {"SECRET_KEY": secrets.token_urlsafe(50), KEYS: Fernet.generate_key().decode()}
    if write_once(ENVIRONMENT, "".join(f"{name}={value}\n" for name, value in keys.items())):
        say("Made .env with keys of its own.")
    if os.environ.get("PORT"):
        os.environ.setdefault("PUBLIC_BASE_URL", f"http://localhost:{port}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maker.settings")


def close_to_others() -> None:
    """What an earlier version of this left readable for everybody."""
    for path, mode in (
        (ROOT / "var", 0o700),
        (FOLDER, 0o700),
        (ENVIRONMENT, 0o600),
        *((file, 0o600) for file in (ROOT / "var").glob("maker.sqlite3*")),
    ):
        if path.exists():
            path.chmod(mode)


def write_once(path: Path, text: str) -> bool:
    """Write a file for its owner's eyes only; False, and nothing is written, where there is one."""
    try:
        # Readable by its owner alone from the beginning, not only after a chmod.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(file, "w") as opened:
        opened.write(text)
    return True


def make_encryption_key() -> None:
    """Write one into a `.env` that is older than encryption.

    Raises PracticeError when a secret is stored already: its key was lost, and must come back.
    """
    if settings.FIELD_ENCRYPTION_KEYS:
        return
    manage("sso_rotate_keys", "--check")
    key = Fernet.generate_key().decode()
    lines = ENVIRONMENT.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(f"{KEYS}=")]  # an empty one would win
    ENVIRONMENT.write_text("\n".join([*kept, f"{KEYS}={key}", ""]))
    os.environ[KEYS] = key  # over an empty one there
    say(f"Added {KEYS} to .env.")


def kept_client_secret() -> str:
    """What the product proves itself with to the OpenID Connect side; made once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "client-secret"
    write_once(file, secrets.token_urlsafe(32))
    return file.read_text()


def manage(*arguments: str, **environment: str) -> str:
    """Run a command of manage.py; return what it printed, or raise PracticeError with it."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        output = f"{done.stdout}{done.stderr}".rstrip()
        raise PracticeError(f"manage.py {' '.join(arguments)} failed:\n{output}")
    return done.stdout


def apply_connectors(provider: IdentityProvider, client: nanoidp.Client) -> None:
    """Write the connectors and the users as code, and apply that."""
    content = {
        "connectors": [
            {
                "name": "Acme (practice identity provider)",
                "reference": REFERENCE,
                "type": "saml2",
                "enabled": True,
                "issuer_url": provider.entity_id,
                "endpoint": provider.sso_url,
                "identifier_format": "unspecified",
                "certificates": [provider.certificate_pem],
            },
            {
                "name": "Acme (practice OpenID provider)",
                "reference": OPENID_REFERENCE,
                "type": "oauth2",
                "enabled": True,
                "authentication_method": "oidc",
                "options": {"issuer": provider.base_url},
                "client_id": client.client_id,
                "client_secret": f"env:{SECRET_VARIABLE}",
            },
        ],
        "users": [
            {
                "username": user.email,
                "active": True,
                "connectors": [REFERENCE, OPENID_REFERENCE] if user.email in LINKED else [],
            }
            for user in provider.users
        ],
    }
    file = FOLDER / "connectors.json"
    file.write_text(json.dumps(content, indent=2) + "\n")
    manage("sso_apply", str(file.relative_to(ROOT)), **{SECRET_VARIABLE: client.client_secret})


def start_product(port: int) -> ServerProcess:
    """Start gunicorn, as in production but with one worker."""
    command = [sys.executable, "-m", "gunicorn", "maker.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "1", "--threads", "4", "--access-logfile", os.devnull]
    # It would lie in the home folder, where a second gunicorn would take it over.
    command += ["--no-control-socket"]
    return ServerProcess(command, log=FOLDER / "product.log", folder=ROOT)


def welcome(base_url: str, provider: IdentityProvider, password: str) -> str:
    """What to open and whom to be."""
    if password:
        secret = f"{password}  (one-time: choose your own at the first sign-in)"
    else:
        secret = "your own password"
    alice = provider.users[0]
    login = f"{base_url}/api/sso/login"
    return f"""
  The Maker           {base_url}/maker/
                      {ADMINISTRATOR}
                      {secret}

  Sign in as an agent {login}/{REFERENCE}  (SAML v2)
                      {login}/{OPENID_REFERENCE}  (OAUTH 2)
                      {alice.login} / {alice.password}  (bob / practice gets in too)
                      carol / practice is refused on purpose: she isn't linked to either
                      to be somebody else, first open {provider.base_url}/ui/logout

  Ctrl-C ends it all.
"""


def wait_for_the_end(servers: dict[str, ServerProcess]) -> None:
    """Return at Ctrl-C; raise PracticeError when a server ends by itself."""
    try:
        while True:
            for name, server in servers.items():
                if not server.running:
                    raise PracticeError(f"{name} ended by itself:\n{server.last_lines()}")
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        # A second Ctrl-C would leave a server running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say("\nEnding both servers ...")


if __name__ == "__main__":
    sys.exit(main())

"""npm's oidc-provider, a certified OpenID provider, as the other side of an OAUTH 2 sign-in.

It has one client for each signing algorithm of the ID token, all with one secret; PKCE is a must. Its
e-mail claims stand at the userinfo endpoint only, each answer names the issuer (RFC 9207), a refresh
token is replaced when it is used. What it knows of sessions and tokens it forgets when it stops.

    python -m tests.rigs.oidc_provider --host 127.0.0.3 --port 9600 --key 2
"""

import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.rigs.process import (
    PracticeProvider,
    PracticeUser,
    ServerProcess,
    command_line,
    free_port,
    run_in_foreground,
)

Algorithm: TypeAlias = Literal["RS256", "PS256", "ES256", "EdDSA"]
Key: TypeAlias = Literal[1, 2]
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
OLDEST_NODE = 18
FOLDER = Path(__file__).resolve().parent / "oidc_provider"
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
USERS = (
    PracticeUser("alice", "practice", "alice@acme.example"),
    PracticeUser("zoe", "practice", "zoe@acme.example", email_verified=False),
    PracticeUser("nomail", "practice", ""),
)


@dataclass(frozen=True, kw_only=True)
class OpenIdProvider(PracticeProvider):
    """The running provider; its issuer is its address."""

    issuer: str
    client_secret: str

    def facts(self) -> dict[str, str]:
        clients = {f"client_id ({name})": client_id(name) for name in ALGORITHMS}
        return {"issuer": self.issuer, "client_secret": self.client_secret, **clients}


def available() -> str | None:
    """None when oidc-provider can run here, else what is missing."""
    missing = lacks_node()
    if missing is None and not is_installed():
        return "oidc-provider isn't installed, or not as the lock says: python -m tests.prepare"
    return missing


def is_installed() -> bool:
    """Whether npm has installed what the lock file names, since that was last changed."""
    return INSTALLED.exists() and INSTALLED.stat().st_mtime >= LOCK.stat().st_mtime


def lacks_node() -> str | None:
    """None when Node.js and npm are here and not too old, else what is missing."""
    cure = "apt-get install nodejs npm"
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return f"Node.js and npm aren't both installed: {cure}"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    number = re.match(r"v(\d+)\.", version.stdout)
    if number is None or int(number[1]) < OLDEST_NODE:
        return (
            f"Node.js is {version.stdout.strip() or 'broken'}, not {OLDEST_NODE} or newer: {cure}"
        )
    return None


def start(
    *,
    folder: Path,
    redirect_uri: str,
    users: Sequence[PracticeUser] = USERS,
    host: str = "127.0.0.1",
    port: int | None = None,
    keys: Sequence[Key] = (1,),
    access_token_seconds: int = 300,
) -> OpenIdProvider:
    """Start oidc-provider and return when it answers; without `port`, on a free one.

    `keys` are the key sets that it publishes, of which the first signs: stop it and start it again
    with the same folder and port and other keys to play a roll-over. Raises ServerFailedError.
    """
    port = port or free_port(host)
    base_url = f"http://{host}:{port}"
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # With what must be encoded before it goes into an Authorization header (RFC 6749 section 2.3.1).
    client_secret = f"{_kept_secret(folder / 'client-secret')}:%2B+/"
    options = {
        "issuer": base_url,
        "host": host,
        "port": port,
        "cookie_key": _kept_secret(folder / "cookie-key"),
        "access_token_seconds": access_token_seconds,
        "people": [asdict(user) for user in users],
        "keys": [key for number in keys for key in _key_set(folder, number)],
        "clients": [
            {
                "client_id": client_id(algorithm),
                "client_secret": client_secret,
                "redirect_uris": [redirect_uri],
                "grant_types": ["authorization_code", "refresh_token"],
                "id_token_signed_response_alg": algorithm,
            }
            for algorithm in ALGORITHMS
        ],
    }
    (folder / "options.json").write_text(json.dumps(options, indent=2))
    command: list[str | Path] = ["node", FOLDER / "server.mjs", folder / "options.json"]
    process = ServerProcess(command, log=folder / "log", folder=folder)
    process.wait_until_answering(f"{base_url}/.well-known/openid-configuration")
    return OpenIdProvider(
        issuer=base_url, client_secret=client_secret, users=tuple(users), process=process
    )


def client_id(algorithm: Algorithm = "RS256") -> str:
    """The client whose ID tokens are signed so."""
    return f"maker-{algorithm.lower()}"


def _key_set(folder: Path, number: Key) -> list[dict[str, str]]:
    """A key for each kind of algorithm, made when it isn't there."""
    makers: dict[str, Callable[[], PrivateKey]] = {
        "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ed": ed25519.Ed25519PrivateKey.generate,
    }
    keys = []
    for kind, make in makers.items():
        file = folder / f"{kind}-{number}.pem"
        if not file.exists():
            file.write_bytes(
                make().private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        keys.append({"kid": file.stem, "pem": file.read_text()})
    return keys


def _kept_secret(file: Path) -> str:
    """A random text, made once."""
    if not file.exists():
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


def main() -> int:
    """Run oidc-provider in the foreground until Ctrl-C."""
    parser = command_line("oidc-provider, until Ctrl-C", port=9600)
    parser.add_argument("--key", type=int, choices=[1, 2], default=1, help="for a roll-over")
    options = parser.parse_args()
    return run_in_foreground(
        lambda: start(
            folder=options.folder or Path("var", f"oidc-provider-{options.port}"),
            redirect_uri=options.acs,
            users=options.users or USERS,
            host=options.host,
            port=options.port,
            keys=(options.key,),
        ),
        available(),
    )


if __name__ == "__main__":
    sys.exit(main())

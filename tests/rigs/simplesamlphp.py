"""SimpleSAMLphp 1.19, Debian's package, as the identity provider of a SAML sign-in.

It runs on PHP's built-in server with its whole configuration in a folder of its own, so neither a
web server nor the machine's own SimpleSAMLphp has a part in it. The response carries the attributes
`uid`, `mail` and `displayName`; the NameID has the format that the request asks for:

- emailAddress and unspecified: the e-mail address;
- persistent: the e-mail address too, or with `opaque_persistent` a hash, the same at each sign-in;
- any other, or none asked: the e-mail address as emailAddress.

    python -m tests.rigs.simplesamlphp --host 127.0.0.2 --port 9500 --sign both --key 2
"""

import datetime
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.rigs.process import (
    PRACTICE_USERS,
    IdentityProvider,
    PracticeUser,
    ServerProcess,
    command_line,
    free_port,
    run_in_foreground,
)

Sign: TypeAlias = Literal["response", "assertion", "both"]
Key: TypeAlias = Literal[1, 2]
Php: TypeAlias = "str | bool | int | Sequence[Php] | Mapping[str, Php] | None"

PACKAGES = ("simplesamlphp", "php-cli", "php-xml", "php-mbstring")
WEB_ROOT = Path("/usr/share/simplesamlphp/www")
PHP_MODULES = {"dom", "mbstring", "openssl"}

NAME_ID_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAME_ID_UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
NAME_ID_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BINDING_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
BINDING_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


def available() -> str | None:
    """None when SimpleSAMLphp can run here, else what is missing."""
    cure = f"apt-get install {' '.join(PACKAGES)}"
    php = shutil.which("php")
    if php is None:
        return f"php isn't installed: {cure}"
    if not WEB_ROOT.is_dir():
        return f"simplesamlphp isn't installed: {cure}"
    listed = subprocess.run([php, "-m"], capture_output=True, text=True, check=False).stdout
    lacking = sorted(PHP_MODULES - set(listed.split()))
    if lacking:
        return f"php lacks {', '.join(lacking)}: {cure}"
    return None


def start(
    *,
    folder: Path,
    sp_entity_id: str,
    acs_url: str,
    users: Sequence[PracticeUser] = PRACTICE_USERS,
    host: str = "127.0.0.1",
    port: int | None = None,
    sign: Sign = "assertion",
    key: Key = 1,
    opaque_persistent: bool = False,
) -> IdentityProvider:
    """Start SimpleSAMLphp and return when it answers; without `port`, on a free one.

    `sign` is what it signs. `key` is the key pair it signs with: stop it and start it again with
    the same folder and port and the other key to play a roll-over. Raises ServerFailedError.
    """
    port = port or free_port(host)
    base_url = f"http://{host}:{port}"
    entity_id = f"{base_url}/saml2/idp/metadata.php"
    sso_url = f"{base_url}/saml2/idp/SSOService.php"
    folder = folder.resolve()
    for name in ("config", "metadata", "keys", "sessions", "log", "data", "temporary"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    certificate_pem = _certificate(folder / "keys", key)
    _write_php(folder / "config" / "config.php", "config", _configuration(folder, base_url))
    _write_php(folder / "config" / "authsources.php", "config", _sign_in_page(users))
    _write_php(
        folder / "metadata" / "saml20-idp-hosted.php",
        "metadata",
        {entity_id: _identity_provider(key, opaque_persistent=opaque_persistent)},
    )
    _write_php(
        folder / "metadata" / "saml20-sp-remote.php",
        "metadata",
        {sp_entity_id: _service_provider(acs_url, sign)},
    )
    process = ServerProcess(
        ["php", "-d", "display_errors=0", "-S", f"{host}:{port}", "-t", WEB_ROOT],
        log=folder / "log" / "php",
        folder=folder,
        environment={
            "SIMPLESAMLPHP_CONFIG_DIR": str(folder / "config"),
            # A browser asks for several files of a page at once; one worker answers one at a time.
            "PHP_CLI_SERVER_WORKERS": "3",
        },
    )
    process.wait_until_answering(entity_id)
    return IdentityProvider(
        base_url=base_url,
        entity_id=entity_id,
        sso_url=sso_url,
        sso_post_url=sso_url,
        certificate_pem=certificate_pem,
        users=tuple(users),
        process=process,
    )


def _configuration(folder: Path, base_url: str) -> dict[str, Php]:
    """What stands in SimpleSAMLphp's config.php."""
    return {
        "baseurlpath": f"{base_url}/",
        "certdir": f"{folder}/keys/",
        "metadatadir": f"{folder}/metadata/",
        "loggingdir": f"{folder}/log/",
        "datadir": f"{folder}/data/",
        "tempdir": f"{folder}/temporary",
        "secretsalt": _kept_secret(folder / "keys" / "salt"),
        "auth.adminpassword": secrets.token_hex(16),
        "admin.checkforupdates": False,
        "timezone": "UTC",
        "logging.handler": "file",
        "logging.logfile": "simplesamlphp",
        "enable.saml20-idp": True,
        "module.enable": {"core": True, "exampleauth": True, "saml": True},
        "store.type": "phpsession",
        "session.phpsession.savepath": f"{folder}/sessions",
        # Names of its own, since browsers share cookies between the ports of a host.
        "session.phpsession.cookiename": "PracticeIdP",
        "session.cookie.name": "PracticeIdPSession",
        "session.cookie.secure": False,
        "language.available": ["en"],
        "language.default": "en",
        "metadata.sources": [{"type": "flatfile"}],
        "authproc.idp": {},
    }


def _sign_in_page(users: Sequence[PracticeUser]) -> dict[str, Php]:
    """The authentication source `people`: a page that asks for login and password."""
    people: dict[str, Php] = {
        f"{user.login}:{user.password}": {
            "uid": [user.login],
            "mail": [user.email],
            "displayName": [user.login.title()],
        }
        for user in users
    }
    # PHP's [0 => class, 'login:password' => attributes]; the key 0 is written as the string '0',
    # which PHP turns into the number.
    return {"people": {"0": "exampleauth:UserPass", **people}}


def _identity_provider(key: Key, *, opaque_persistent: bool) -> dict[str, Php]:
    """The identity provider itself, and how it makes a NameID of each format."""
    by_email: list[Php] = [
        {"class": "saml:AttributeNameID", "attribute": "mail", "Format": name_id_format}
        for name_id_format in (NAME_ID_EMAIL, NAME_ID_UNSPECIFIED, NAME_ID_PERSISTENT)
    ]
    opaque: list[Php] = [{"class": "saml:PersistentNameID", "attribute": "uid"}]
    return {
        "host": "__DEFAULT__",
        "auth": "people",
        "privatekey": f"key-{key}.pem",
        "certificate": f"certificate-{key}.pem",
        "signature.algorithm": RSA_SHA256,
        "SingleSignOnServiceBinding": [BINDING_REDIRECT, BINDING_POST],
        # The first is for a request that asks for none, or for one that isn't here.
        "NameIDFormat": [NAME_ID_EMAIL, NAME_ID_UNSPECIFIED, NAME_ID_PERSISTENT],
        "authproc": by_email + opaque if opaque_persistent else by_email,
    }


def _service_provider(acs_url: str, sign: Sign) -> dict[str, Php]:
    """What the identity provider knows of us, and what it signs for us."""
    return {
        "AssertionConsumerService": [{"Binding": BINDING_POST, "Location": acs_url, "index": 0}],
        "saml20.sign.response": sign in {"response", "both"},
        "saml20.sign.assertion": sign in {"assertion", "both"},
    }


def _write_php(file: Path, variable: str, value: dict[str, Php]) -> None:
    file.write_text(f"<?php\n${variable} = {_php(value)};\n")


def _php(value: Php) -> str:
    """The value as a PHP literal."""
    if value is None or isinstance(value, bool | int):
        return str(value).lower() if value is not None else "null"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, Mapping):
        pairs = (f"{_php(name)} => {_php(part)}" for name, part in value.items())
        return f"[{', '.join(pairs)}]"
    return f"[{', '.join(_php(part) for part in value)}]"


def _kept_secret(file: Path) -> str:
    """A random text, made once; persistent NameIDs follow from it."""
    if not file.exists():
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def _certificate(folder: Path, number: Key) -> str:
    """The PEM certificate of key pair `number`, which is made when it isn't there."""
    certificate_file = folder / f"certificate-{number}.pem"
    if certificate_file.exists():
        return certificate_file.read_text()
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, f"SimpleSAMLphp practice key {number}")]
    )
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(private_key, hashes.SHA256())
    )
    private_pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / f"key-{number}.pem").write_bytes(private_pem)
    certificate_pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    certificate_file.write_text(certificate_pem)
    return certificate_pem


def main() -> int:
    """Run SimpleSAMLphp in the foreground until Ctrl-C."""
    parser = command_line("SimpleSAMLphp, until Ctrl-C", port=9500)
    parser.add_argument("--sign", choices=["response", "assertion", "both"], default="assertion")
    parser.add_argument("--key", type=int, choices=[1, 2], default=1, help="for a roll-over")
    parser.add_argument(
        "--opaque-persistent", action="store_true", help="persistent NameIDs that say nothing"
    )
    options = parser.parse_args()
    return run_in_foreground(
        lambda: start(
            folder=options.folder or Path("var", f"simplesamlphp-{options.port}"),
            sp_entity_id=options.sp_entity_id,
            acs_url=options.acs,
            users=options.users or PRACTICE_USERS,
            host=options.host,
            port=options.port,
            sign=options.sign,
            key=options.key,
            opaque_persistent=options.opaque_persistent,
        ),
        available(),
    )


if __name__ == "__main__":
    sys.exit(main())

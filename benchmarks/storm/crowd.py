"""A part of the agents, in a process of their own: so many at a time, each signs in once.

Runs under benchmarks.worker; a message {"seconds": s} starts the storm, and whoever has not begun
after so many seconds is lost.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from tests.idp import IdP, SigningKey

from ..filled.roster import Roster, entity_id, reference, source
from ..worker import Answering, Message, Moment
from .browser import Browser, LoginLost
from .login import WrongPerson, sign_in


def start(setup: Message) -> Answering:
    roster = Roster(**setup["roster"])
    idps = [
        IdP(entity_id=entity_id(connector), key=_key(*pems))
        for connector, pems in enumerate(setup["keys"])
    ]
    login_address: str = setup["login_address"]

    def visit(agent: int, latest: float) -> Message:
        if time.monotonic() > latest:
            return {"lost": "not begun in time"}
        connector = roster.connector(agent)
        with closing(Browser(setup["host"], setup["port"], source=source(agent))) as browser:
            try:
                signing = sign_in(
                    browser,
                    login_address=login_address.format(reference=reference(connector)),
                    idp=idps[connector],
                    username=roster.username(agent),
                )
            except LoginLost as lost:
                return {"lost": str(lost)}
            except WrongPerson as wrong:
                return {"wrong": str(wrong)}
        return {"steps": browser.seconds, "signing": signing}

    def answer(message: Message) -> Message:
        agents = range(setup["part"], roster.agents, setup["parts"])
        moment, begun = Moment.now(), time.monotonic()
        latest = begun + message["seconds"]
        with ThreadPoolExecutor(setup["at_once"]) as pool:
            logins = list(pool.map(lambda agent: visit(agent, latest), agents))
        # The monotonic clock is the machine's, so the parts' times can be laid side by side.
        processor, _ = moment.since()
        return {
            "logins": logins,
            "begun": begun,
            "ended": time.monotonic(),
            "processor": processor,
        }

    return answer


def _key(private_pem: str, certificate_pem: str) -> SigningKey:
    private = load_pem_private_key(private_pem.encode(), password=None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("the storm's identity providers sign with RSA")
    return SigningKey(private, load_pem_x509_certificate(certificate_pem.encode()))

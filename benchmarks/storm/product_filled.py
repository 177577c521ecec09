"""Make the product's tables and fill them; runs under benchmarks.worker, and has no more to say."""

from django.core.management import call_command

from ..filled.product import fill
from ..filled.roster import Roster
from ..worker import Answering, Message


def start(setup: Message) -> Answering:
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", verbosity=0)
    fill(Roster(**setup["roster"]), setup["certificates"])
    return lambda message: message

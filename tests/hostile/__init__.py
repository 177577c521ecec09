"""Attacks in bulk, as commands: a scoreboard over HTTP, and a fuzzer of SAML responses.

Their modules import models, which need the settings first; under pytest this changes nothing.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

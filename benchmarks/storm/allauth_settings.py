"""django-allauth as in the comparison of logins, and a first page that says who is signed in."""

from ..logins.allauth_settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.storm.allauth_urls"

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SsoConnectorsConfig(AppConfig):
    name = "sso_connectors"
    verbose_name = _("Single sign-on")

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers the system checks
        from .protocols.oauth2 import revocation  # noqa: F401 - connects its signals

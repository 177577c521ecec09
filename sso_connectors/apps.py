from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _


class SsoConnectorsConfig(AppConfig):
    name = "sso_connectors"
    verbose_name = _("Single sign-on")

    def ready(self) -> None:
        from .login import password_sign_ins, sessions  # noqa: F401 - records them
        from .operations import system_checks  # noqa: F401 - registers the system checks
        from .protocols.oauth2 import revocation  # noqa: F401 - connects its signals

        user_logged_in.connect(sessions.limit_session, dispatch_uid="limit_session")

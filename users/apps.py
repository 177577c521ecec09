from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "users"
    verbose_name = _("People")

    def ready(self) -> None:
        from .models import note_login

        # The Maker shows Django's groups with our users. Another AppConfig could say so too, but
        # django-stubs knows the users' model only where "django.contrib.auth" is among the apps.
        apps.get_app_config("auth").verbose_name = self.verbose_name
        # Django's own would write to the history of the person's card at each login. Under its name,
        # ours is in its place whichever of the two apps is ready first.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(note_login, dispatch_uid="update_last_login")

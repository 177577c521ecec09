from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class MakerConfig(AppConfig):
    name = "maker"


class MakerAdminConfig(AdminConfig):
    default_site = "maker.site.MakerSite"

from django.urls import path

from . import views
from .protocols.saml2.metadata import metadata

app_name = "sso_connectors"
urlpatterns = [
    path("api/saml/metadata", metadata, name="metadata"),
    path("api/sso/login/callback", views.callback, name="callback"),
    path("api/sso/login/oauth/callback", views.callback, name="oauth-callback"),
    path("api/sso/login/oauth/callback/<str:reference>", views.callback),
    path("api/sso/login/<str:reference>", views.login_address, name="login"),
]

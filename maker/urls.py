from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from . import views

handler400 = views.bad_request
handler500 = views.server_error

urlpatterns = [
    path("", views.landing, name="landing"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-in/forget", views.forget_connector, name="forget-connector"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path("signed-out", views.signed_out, name="signed-out"),
    path("language", csrf_exempt(set_language), name="set-language"),
    path("maker/", admin.site.urls),
    path("", include("sso_connectors.urls")),
]

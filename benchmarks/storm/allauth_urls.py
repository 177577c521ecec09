from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.html import format_html


@login_required
def first_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(format_html("<p>{}</p>", request.user.get_username()))


urlpatterns = [path("", first_page), path("", include("allauth.urls"))]

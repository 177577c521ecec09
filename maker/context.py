"""What every template may show."""

from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest) -> dict[str, str]:
    return {"product_name": settings.PRODUCT_NAME, "support_contact": settings.SUPPORT_CONTACT}

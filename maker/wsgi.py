"""What a WSGI server (gunicorn) runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maker.settings")

application = get_wsgi_application()

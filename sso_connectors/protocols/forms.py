"""Reading a form that another site made the browser post."""

from typing import Final

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from ..results.errors import BadMessage

MAX_FORM_BYTES: Final = 512 * 1024


def posted(request: HttpRequest) -> QueryDict:
    """Return the fields of the form. Raises BadMessage when it is too large or can't be read."""
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_FORM_BYTES:  # before anything is read
            raise BadMessage(f"The form is larger than {MAX_FORM_BYTES} bytes.")
        return request.POST
    except (
        SuspiciousOperation,
        BadRequest,
        MultiPartParserError,
        UnreadablePostError,
        ValueError,
    ) as error:
        raise BadMessage("The form could not be read.") from error

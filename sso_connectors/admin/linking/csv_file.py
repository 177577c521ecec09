"""The file of links on its way: how it is read and written, and how it waits for its confirmation."""

import csv
import io
from typing import Any, Final

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from import_export.formats.base_formats import CSV
from import_export.forms import ConfirmImportForm, ImportForm
from import_export.tmp_storages import BaseStorage
from tablib import Dataset  # type: ignore[import-untyped]

from . import csv_lines
from .csv_lines import MOST_BYTES, escaped

_SALT: Final = "sso_connectors.link_import"
_HOUR: Final = 60 * 60


class LinkFile(CSV):  # type: ignore[misc] # no types
    """CSV as people really have it, each line with its number."""

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> Dataset:
        dataset = Dataset(headers=["line"])
        for line in csv_lines.read(in_stream):
            dataset.append([line])
        return dataset

    def is_binary(self) -> bool:
        return True  # the encoding is for us to judge

    def export_data(self, dataset: Dataset, **kwargs: Any) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(dataset.headers)
        # A username may begin with “=”, and a reference with “@”: whoever opens the file would run it.
        writer.writerows([escaped(str(cell)) for cell in row] for row in dataset)
        return out.getvalue()


class InPage(BaseStorage):  # type: ignore[misc] # no types
    """A file that is kept nowhere: its name is what it holds (see ConfirmForm)."""

    name: bytes

    def save(self, data: bytes) -> None:
        self.name = data

    def read(self) -> bytes:
        return self.name

    def remove(self) -> None:
        pass


class UploadForm(ImportForm):  # type: ignore[misc] # no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].widget = forms.HiddenInput()
        self.fields["import_file"].label = _("CSV file")
        self.fields["import_file"].widget.attrs["accept"] = ".csv,text/csv"

    @property
    def media(self) -> forms.Media:
        return forms.Media()  # theirs guesses the format

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > MOST_BYTES:  # not read at all
            raise csv_lines.too_long()
        return file


class ConfirmForm(ConfirmImportForm):  # type: ignore[misc] # no types
    """Carries the file back. Only the session that saw its preview can: the content is signed for it.

    Whoever could put a file of their own in the place of the one that was previewed would have links
    made in somebody else's name.
    """

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._salt = salt_of(request)
        # The file says all: there is one format and one resource, and nothing asks for the file's name.
        for name in ("original_file_name", "format", "resource"):
            del self.fields[name]
        self.fields["import_file_name"].error_messages["required"] = _(
            "There was nothing to confirm. Choose the file again."
        )

    def clean(self) -> dict[str, Any]:
        return {**super().clean(), "format": "0"}

    def clean_import_file_name(self) -> bytes:
        try:
            text = signing.loads(
                self.cleaned_data["import_file_name"], salt=self._salt, max_age=_HOUR
            )
        except signing.BadSignature as error:
            raise ValidationError(
                _("This preview has expired, or belongs to another session. Choose the file again.")
            ) from error
        return str(text).encode()


def salt_of(request: HttpRequest) -> str:
    return f"{_SALT}:{request.user.pk}:{request.session.session_key}"


def sealed(content: bytes, request: HttpRequest) -> str:
    """What ConfirmForm takes back from this session, for an hour."""
    return signing.dumps(content.decode("utf-8-sig"), salt=salt_of(request), compress=True)

"""Who wrote a row of a history, also once their account is gone."""

from typing import Any

from django.db import models


class AuthorField(models.CharField[str | None, str | None]):
    """Takes the name of `history_user` when the row is written, singly or in bulk."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        author = getattr(model_instance, "history_user", None)
        if add and author is not None:
            setattr(model_instance, self.attname, author.get_username())
        return super().pre_save(model_instance, add)


class Authored(models.Model):
    """Base of a history. `history_user` is set to NULL with the account, as if the product had done it."""

    # NULL and not "": the column then comes without a rewrite of a large table.
    history_author = AuthorField(max_length=254, null=True, editable=False)

    class Meta:
        abstract = True

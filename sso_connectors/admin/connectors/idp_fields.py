"""What each identity provider that we know calls a field, beside that field.

The names of all stand in the page, those of the chosen one shown; maker.js shows others when another
is chosen.
"""

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ...reader.idp_words import IDPS, Idp
from ..html import HIDDEN

# The name of the form's select: it chooses words and nothing else.
CHOSEN = "words_of"


def idps_words(word: str, *, chosen: str) -> SafeString:
    """What each calls it. `word` is a field of `Words`, `chosen` the key of the one to show."""
    return format_html_join(
        "",
        ' <span class="vendor" data-idp="{}"{}>{}</span>',
        (
            (
                idp.key,
                "" if idp.key == chosen else HIDDEN,
                _sentence(idp, getattr(idp.words, word)),
            )
            for idp in IDPS
        ),
    )


def _sentence(idp: Idp, words: str) -> str:
    if "<" in words:  # an address, to which no screen there gives a name
        return _("In %(idp)s: %(words)s.") % {"idp": idp.label, "words": words}
    return _("%(idp)s calls it “%(words)s”.") % {"idp": idp.label, "words": words}

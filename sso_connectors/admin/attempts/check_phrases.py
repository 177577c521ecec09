"""All that the code writes itself into an attempt's checks and its detail, as it writes it.

%(name)s stands where a value goes. Of two texts that fit, the first counts.
"""

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_stubs_ext import StrOrPromise

from ...models import State

_VALUES: Final[Sequence[StrOrPromise]] = (
    pgettext_lazy("in a check", "none"),
    pgettext_lazy("in a check", "any"),
    pgettext_lazy("in a check", "the same"),
    pgettext_lazy("in a check", "active"),
    pgettext_lazy("in a check", "active %(flag)s"),
    pgettext_lazy("in a check", "too long"),
    pgettext_lazy("in a check", "%(count)s more"),
    # As Python writes what a provider says in JSON.
    pgettext_lazy("in a check", "True"),
    pgettext_lazy("in a check", "False"),
    pgettext_lazy("in a check", "None"),
    # times
    _("after %(time)s and until %(until)s"),
    _("after %(time)s"),
    _("until %(time)s"),
    _("not in the future"),
    _("not after now (%(time)s)"),
    _("after now (%(time)s)"),
    _("between our request and now (%(time)s)"),
    _("after %(time)s, since the password was asked for again"),
    # the SAML answer
    _("one of the connector's certificates"),
    _("none, and none is needed where only the assertion is signed"),
    _("%(print)s or %(prints)s"),
    _("%(print)s, a certificate that ended on %(date)s"),
    _("%(print)s, a certificate that begins on %(date)s"),
    _("no certificate"),
    _("an unreadable certificate"),
    _("one Conditions"),
    _("known conditions"),
    _("at least one AuthnStatement"),
    _("one subject with a plain NameID"),
    _("%(count)s subjects, %(number)s NameIDs"),
    _("an encrypted one; switch off NameID encryption at the identity provider"),
    # the ID token
    _("a signed JWT"),
    _("Not enough segments"),
    _("Invalid header padding"),
    _("Invalid payload padding"),
    _("Invalid crypto padding"),
    _("Invalid header string: %(why)s"),
    _("Invalid payload string: %(why)s"),
    _("by a key in the provider's key set"),
    _("%(algorithm)s by the key “%(kid)s”, which doesn't verify"),
    _("%(algorithm)s by the key “%(kid)s”"),
    _("one of %(names)s, and no key in the header"),
    _("%(algorithm)s, header with %(names)s"),
    _("that of this browser's login"),
    # the person
    _("a permanent ID"),
    _("at most %(count)s characters"),
    _("text of 1 to 255 printable characters"),
    _("an e-mail address"),
    _("an e-mail address in the identifier or in one of the usual attributes"),
    _("one e-mail address in the attribute %(name)s"),
    _("identifier %(identifier)s; attributes %(names)s"),
    _("no such attribute; sent are: %(names)s"),
    _("an address that the provider has verified"),
    _("an address that Zendesk has verified"),
    _("a primary address that GitHub has verified"),
    _("an address of a Google Workspace domain, or of gmail.com"),
    _("the address that the person signs in to HubSpot with"),
    _("an agent or administrator who is neither suspended nor deleted"),
    _("role %(name)s, suspended %(flag)s, active %(other)s"),
    _("an active user of the type STANDARD"),
    _("active %(flag)s, type %(name)s"),
    _("not suspended"),
    _("suspended %(name)s"),
    _("that of an active user of Zoho CRM who has confirmed it"),
    _("the user of the account %(number)s"),
    _("%(address)s, email_verified %(verified)s"),
    _("%(address)s, user verified %(verified)s, address verified %(confirmed)s"),
    _("%(address)s, in Zoho CRM %(other)s, confirm %(confirmed)s, %(status)s"),
    _("%(address)s, verified %(verified)s"),
    _("a member, no guest (idp of the tenant or none, acct 0 or none, no #EXT#)"),
    _("%(name)s, upn %(upn)s, idp %(idp)s, acct %(acct)s"),
    _("the object identifier (oid)"),
    # who is admitted
    _("an active user linked to this connector, and no staff unless it may sign staff in"),
    _("linked"),
    _("no such user, or not linked to this connector"),
    _("the user is inactive"),
    _("the connector is disabled"),
    _("the user is staff, and the connector may not sign staff in"),
    _("a subject that no other user of this connector has"),
    _("not known yet"),
    _("none sent (noted)"),
    _("none sent"),
    _("any; %(format)s was asked for"),
    _("the claim %(name)s"),
)
_REASONS: Final[Sequence[StrOrPromise]] = (
    # what came is no message
    _("This is not an answer of an identity provider."),
    _("The form is larger than %(count)s bytes."),
    _("The form could not be read."),
    _("There are several SAMLResponse fields."),
    _("The response is larger than %(count)s bytes."),
    _("The response is not base64 text."),
    _("The response was not read."),
    _("The message is not a SAML 2.0 Response."),
    _("The parameter %(name)s is there twice."),
    _("The parameters of the answer are too long."),
    _("The answer has neither a code nor an error."),
    # network/safe_xml.py
    _("It has %(count)s bytes; at most %(number)s are read."),
    _("It is not UTF-8 text."),
    _("It has a DOCTYPE, an entity or a null character."),
    _("It says that it is %(encoding)s; it must be UTF-8."),
    _("It is not well-formed XML: %(why)s."),
    _("It has a comment or processing instruction."),
    _("It declares too many namespaces."),
    _("It has too many elements, or they are nested too deep."),
    _("An element has too many attributes."),
    _("It has a namespace with too long an address."),
    # the signature
    _("It answers no login under way, and no connector vouches for it: %(why)s"),
    _("The message shows: %(shown)s."),
    _("No certificate is known."),
    _("The signature is not valid for %(print)s."),
    _("The key of %(print)s is too short to be believed."),
    _("Neither the response nor the assertion is signed."),
    _("The assertion is encrypted."),
    _("Switch off assertion encryption at the identity provider."),
    _("Exactly one assertion is expected, there are %(count)s."),
    _("The assertion is in a namespace that is not SAML's."),
    _("There is a response inside the response."),
    _("The response has no ID."),
    _("The assertion has no ID."),
    _(
        "The ID of the response is “%(id)s”; accepted are at most 201 letters, digits and _.+:-, the first a "
        "letter, a digit or _."
    ),
    _(
        "The ID of the assertion is “%(id)s”; accepted are at most 201 letters, digits and _.+:-, the first a "
        "letter, a digit or _."
    ),
    _("The response and the assertion have the same ID."),
    _("A signature has the same ID as another element."),
    _("There is an attribute %(word)s on %(element)s, where no ID is accepted."),
    _("There is a signature where none belongs."),
    _("An element has two signatures."),
    _("The signature has parts that don't belong in it."),
    _("The signature must have exactly one reference."),
    _("The signature refers to something else than the element it stands in."),
    _("The signature's reference has parts that don't belong in it."),
    _(
        "The signature algorithm %(algorithm)s is not accepted; RSA or ECDSA with SHA-256 or better is."
    ),
    _("The digest algorithm %(algorithm)s is not accepted; SHA-256 or better is."),
    _("The transforms must be enveloped-signature and exclusive c14n."),
    _("The canonicalization must be exclusive c14n without comments."),
    _("The canonicalization lists too many namespaces."),
    # the provider's answer
    _("no status %(message)s"),
    _("no status"),
    _("The answer comes from %(named)s, and not from %(wanted)s."),
    _("The answer came to another redirect URI than its login began with."),
    _("A SAML response came to a redirect URI of OAuth 2."),
    _(
        "The answer doesn't say whom it comes from (iss), and its redirect URI is shared with other connectors."
    ),
    _("Register %(url)s at the provider."),
    _("The ID token can't be read."),
    _(
        "The discovery document says that the issuer is %(issuer)s; the connector trusts the tenant %(tenant)s."
    ),
    _(
        "The discovery document says that the issuer is %(issuer)s; the connector trusts %(trusted)s."
    ),
    _("The userinfo endpoint doesn't answer for the person who signed in."),
    _("The answer names %(server)s, which is no accounts server of Zoho's."),
    _("The provider's tokens, scope or instance hold what can't be kept."),
    _("The provider's tokens, scope or instance are too long to be kept."),
    _("It is nested too deeply."),
    # what our server asked the provider: when, and the errors it names
    _("(before sign-in)"),
    _("(at the exchange of the code)"),
    _("(at the ID token)"),
    _("(at the look-up of the person)"),
    _("(at the refresh of the token)"),
    _("(at the revocation)"),
    _("field %(word)s"),
    _("the client ID or the client secret is wrong"),
    _("the app there is not allowed to sign people in this way"),
    _("the code was used, is too old, or belongs to another app or redirect URI"),
    _("our redirect URI is not registered there, to the letter"),
    _("the app there lacks a scope that is asked for"),
    # social-core's
    _("A required authentication parameter is missing."),
    _("An authentication parameter is invalid."),
    _("The authentication session is unavailable."),
    _("The authentication response does not match the session."),
    _("The authentication provider returned an invalid response."),
    _("The authentication response is missing a required field."),
    _("An authentication response field could not be verified."),
    _("The authentication response signature could not be verified."),
    _("The authentication response could not be matched to the request."),
    _("The authentication response has expired."),
    _("The authentication response is not yet valid."),
    _("The provider did not supply an email address."),
    _("The authorization code was rejected."),
    _("Please restart login."),
    _("The authentication credentials were rejected."),
    _("The authentication token has been revoked."),
    _("The authentication provider could not be reached."),
    _("The authentication provider did not respond in time."),
    _("A secure connection to the authentication provider could not be established."),
    _("The authentication provider is temporarily limiting requests."),
    _("The authentication provider is temporarily unavailable."),
    _("The authentication provider rejected the request."),
    _("Authentication process canceled"),
    _("Authentication could not be completed."),
    # network/http_client.py
    _("%(host)s accepts no connection: %(why)s."),
    _("no answer in time"),
    _("%(host)s can't be found in the DNS."),
    _("%(host)s couldn't be looked up in time."),
    _("%(host)s has the address %(address)s, which is not public."),
    _("%(host)s failed to answer a moment ago, and is left alone for another."),
    _("%(host)s didn't answer in time (at most %(count)s seconds)."),
    _("%(host)s has a certificate that isn't trusted: %(why)s."),
    _("%(host)s can't be talked to by TLS: %(why)s."),
    _("%(host)s answers with a redirect (%(count)s)."),
    _("%(host)s answers with more than %(count)s bytes."),
    _("%(host)s answers with what can't be decompressed."),
    _("%(host)s broke off, or answers with what is not HTTP."),
    _("What is to be sent can't be put into a request."),
    # addresses.py and network/address_policy.py
    _("This is not a web address that a browser could open: %(url)s. It looks like %(example)s."),
    _(
        "The address starts with “%(scheme)s://”; it must start with “https://”, since sign-in goes there."
    ),
    _("This is not a web address that the server could fetch from. It looks like %(example)s."),
    _("The address starts with “%(scheme)s://”; it must start with “https://”."),
    _("The server doesn't fetch from “%(host)s”: that is not a public host."),
    # the connector, the login, the person
    _("No connector has this reference."),
    _("The connector is %(state)s by now."),
    _("The connector is %(state)s."),
    _("It lacks the option %(name)s."),
    *(state.label for state in State),
    _("The connector was disabled or deleted meanwhile."),
    _("The connector was deleted meanwhile."),
    _("The connector trusts another provider or app by now."),
    _("The provider names the person by a secret of this sign-in."),
    _("The connector no longer trusts the key that signed the answer."),
    _(
        "The client secret of %(reference)s can't be read: none of FIELD_ENCRYPTION_KEYS made it. Bring the lost "
        "key back, or type the secret anew."
    ),
    _("The identity provider answers too slowly: too many sign-ins are waiting for it already."),
    _("No login under way has this state."),
    _("The answer that led here is too old."),
    _("An answer to this request has been taken already, or time is up."),
    _("It has been used, has expired, or began in another browser."),
    _("The identity provider answers without naming our request (InResponseTo)."),
    _("Let it answer the request it gets, or let people start at the login address."),
    _("The identity provider's username is not an e-mail address."),
    _("The identity provider's name for this person is not the one remembered."),
    _("This person's permanent ID is remembered, and the answer has none."),
    _("The user was unlinked meanwhile."),
)
# One word of any kind beside a text of ours: they fit most, so they come last.
_PAIRS: Final[Sequence[StrOrPromise]] = (
    _("%(word)s: %(known)s"),
    _("%(word)s (%(known)s)"),
    _("%(word)s (%(known)s) %(description)s"),
)

PHRASES: Final = (*_VALUES, *_REASONS, *_PAIRS)

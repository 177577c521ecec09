// An OpenID provider for tests: oidc-provider with two pages of ours, one that asks for the password
// and one that asks for consent. The first argument is a JSON file, which tests/rigs/oidc_provider.py writes.

import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parse } from 'node:querystring';

import Provider from 'oidc-provider';

const MAX_FORM_BYTES = 4096;
const options = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const people = new Map(options.people.map((person) => [person.login, person]));
const algorithms = options.clients.map((client) => client.id_token_signed_response_alg);

const provider = new Provider(options.issuer, {
  clients: options.clients,
  jwks: {
    keys: options.keys.map(({ kid, pem }) => ({
      ...createPrivateKey(pem).export({ format: 'jwk' }),
      kid,
      use: 'sig',
    })),
  },
  cookies: { keys: [options.cookie_key] },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  pkce: { methods: ['S256'], required: () => true },
  // Without offline_access too, as many providers do.
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: options.access_token_seconds,
    AuthorizationCode: 60,
    Grant: 86400,
    IdToken: 300,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount(ctx, login) {
    const person = people.get(login);
    return person && { accountId: login, claims: () => claimsOf(person) };
  },
});

function claimsOf(person) {
  const address = person.email
    ? { email: person.email, email_verified: person.email_verified }
    : {};
  return { sub: person.login, name: person.login, ...address };
}

// --- pages --------------------------------------------------------------------------------------

const escaped = (text) =>
  String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function page(response, status, title, content) {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
  });
  response.end(
    `<!doctype html><html lang="en"><title>${escaped(title)}</title><h1>${escaped(title)}</h1>${content}</html>`,
  );
}

function signInPage(response, message = '') {
  const form =
    '<form method="post"><p><label>Login <input name="username" required autofocus></label>' +
    '<p><label>Password <input name="password" type="password" required></label>' +
    '<p><button>Sign in</button></form>';
  page(response, message ? 401 : 200, 'Practice sign-in', `<p>${escaped(message)}</p>${form}`);
}

function consentPage(response, { params }) {
  page(
    response,
    200,
    'Practice consent',
    `<p>${escaped(params.client_id)} asks for: ${escaped(params.scope)}</p><form method="post">` +
      '<button name="answer" value="allow">Allow</button> ' +
      '<button name="answer" value="decline">Decline</button></form>',
  );
}

// --- what they lead to --------------------------------------------------------------------------

async function form(request) {
  let text = '';
  for await (const part of request) {
    text += part;
    if (text.length > MAX_FORM_BYTES) throw new Error('the form is too large');
  }
  return parse(text);
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const asksForPassword = details.prompt.name === 'login';
  if (request.method !== 'POST') {
    return asksForPassword ? signInPage(response) : consentPage(response, details);
  }
  const filled = await form(request);
  if (asksForPassword) {
    const person = people.get(filled.username);
    return person && person.password === filled.password
      ? provider.interactionFinished(request, response, { login: { accountId: person.login } })
      : signInPage(response, 'Wrong login or password.');
  }
  return provider.interactionFinished(
    request,
    response,
    filled.answer === 'allow'
      ? { consent: { grantId: await granted(details) } }
      : { error: 'access_denied', error_description: 'The person declined.' },
  );
}

async function granted({ grantId, params, prompt, session }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope = [], missingOIDCClaims = [] } = prompt.details;
  grant.addOIDCScope(missingOIDCScope.join(' '));
  grant.addOIDCClaims(missingOIDCClaims);
  return grant.save();
}

const answer = provider.callback();

createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    answer(request, response);
    return;
  }
  interact(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) page(response, 400, 'Practice sign-in failed', escaped(error.message));
  });
}).listen(options.port, options.host);

for (const event of ['server_error', 'authorization.error', 'grant.error', 'userinfo.error']) {
  provider.on(event, (ctx, error) => console.error(event, error.error_detail ?? error.message));
}

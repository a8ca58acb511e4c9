// The HTTP API as functions. A refusal is thrown as a Problem that says what and why.

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.code = body.code || "UNKNOWN";
    this.status = status;
    this.body = body;
  }
}

// The access token is here and nowhere else; the refresh token is a cookie that no script reads.
let accessToken = null;
let renewing = null;
let renewal = null;

const EARLY_MS = 60_000; // so long before it expires a token is followed by the next

function use(session) {
  accessToken = session.access_token;
  clearTimeout(renewal);
  renewal = setTimeout(() => renew().catch(() => {}), Math.max(EARLY_MS, session.expires_in * 1000 - EARLY_MS));
  return session;
}

export function forgetToken() {
  accessToken = null;
  clearTimeout(renewal);
}

// A new access token by the cookie; whoever asks meanwhile waits for the same one.
export function renew() {
  renewing ??= send("POST", "/v1/auth/refresh").then(use).finally(() => (renewing = null));
  return renewing;
}

async function call(method, path, body, headers) {
  const used = accessToken;
  try {
    return await send(method, path, body, headers);
  } catch (problem) {
    if (problem.status !== 401 || !used) throw problem;
    // A computer that slept past the renewal; nothing was carried out, so it may be sent again.
    if (used === accessToken) await renew();
    return send(method, path, body, headers);
  }
}

async function send(method, path, body, headers = {}) {
  const answer = await fetch(path, {
    method,
    headers: {
      ...(accessToken ? { Authorization: `Bearer ${accessToken}` } : {}),
      ...(body ? { "Content-Type": "application/json" } : {}),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  const json = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(json || {}, answer.status);
  return json;
}

async function everyPage(path) {
  const rows = [];
  let cursor = null;
  do {
    const page = await call("GET", path + (cursor ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : ""));
    rows.push(...page.data);
    cursor = page.has_more ? page.next_cursor : null;
  } while (cursor);
  return rows;
}

export const signIn = (email) => send("POST", "/v1/auth/dev-login", { email, cookie: true }).then(use);
export const signOut = () => call("POST", "/v1/auth/logout");
export const webSocketTicket = () => call("POST", "/v1/ws-token");
export const status = () => call("GET", "/v1/status");
export const leaderboard = (which, wanted) => call("GET", `/v1/leaderboards/${which}?${new URLSearchParams(wanted)}`);
export const spinner = () => call("GET", "/v1/spinner/current");
export const instruments = () => everyPage("/v1/instruments?limit=200");
export const fixtures = () => everyPage("/v1/fixtures?limit=200");
export const ticks = (idx) => call("GET", `/v1/instruments/${idx}/ticks?limit=1000`);
export const portfolio = () => call("GET", "/v1/portfolio");
export const quote = (idx, wanted) => call("GET", `/v1/instruments/${idx}/quote?${new URLSearchParams(wanted)}`);

// One key per intention: a retry of the same command can never be carried out twice.
export const command = (path, body, key) => call("POST", path, body, { "Idempotency-Key": key });
export const changeStops = (id, version, body) =>
  call("PATCH", `/v1/positions/${id}`, body, { "If-Match": `W/"${version}"` });

// The HTTP API as functions. A refusal is thrown as a Problem that says what and why.

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.code = body.code || "UNKNOWN";
    this.status = status;
    this.body = body;
  }
}

let accessToken = null;

export function useToken(token) {
  accessToken = token;
}

async function call(method, path, body, headers = {}) {
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

export const signIn = (email) => call("POST", "/v1/auth/dev-login", { email });
export const webSocketTicket = () => call("POST", "/v1/ws-token");
export const status = () => call("GET", "/v1/status");
export const instruments = () => everyPage("/v1/instruments?limit=200");
export const fixtures = () => everyPage("/v1/fixtures?limit=200");
export const ticks = (idx) => call("GET", `/v1/instruments/${idx}/ticks?limit=1000`);
export const portfolio = () => call("GET", "/v1/portfolio");
export const quote = (idx, wanted) => call("GET", `/v1/instruments/${idx}/quote?${new URLSearchParams(wanted)}`);

// One key per intention: a retry of the same command can never be carried out twice.
export const command = (path, body, key) => call("POST", path, body, { "Idempotency-Key": key });
export const changeStops = (id, version, body) =>
  call("PATCH", `/v1/positions/${id}`, body, { "If-Match": `W/"${version}"` });

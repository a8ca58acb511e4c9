// The supervision tree, live: asked for once a second, shown without a reload.

const $ = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const SILENT_S = 10; // a replica that has not been heard of for so long
const opened = new Set(); // children whose details are shown
let report = null; // the last answer
let answeredAt = null;
let lost = null; // since when nothing answers
let chosen = location.hash.slice(1); // replica; empty is the one that serves this page
let token = null;

function element(tag, text = "", className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

const clock = (date) => date.toLocaleTimeString("en-GB");

function span(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

const since = (text) => {
  const at = new Date(text);
  return `since ${clock(at)}, ${span(Math.max(0, (Date.now() - at) / 1000))}`;
};

function* walk(children, depth = 0) {
  for (const child of children) {
    yield [child, depth];
    yield* walk(child.children, depth + 1);
  }
}

// ---- what is shown: this replica, or what another one last said of itself -------------

const subjectKey = () => chosen || report.replica;
const isOwn = () => !chosen || chosen === report.replica;

function shown() {
  if (isOwn()) return { ...report, silent_s: 0 };
  const member = report.fleet.find((one) => one.replica === chosen);
  return member?.report ? { ...member.report, silent_s: member.silent_s } : null;
}

function troubles(subject) {
  const children = new Map([...walk(subject.tree.children)].map(([child]) => [child.name, child]));
  const away = children.get("reachability")?.detail.away_since ?? {};
  const rows = Object.entries(subject.why).map(([name, reason]) => {
    return { name, reason, at: away[name] ?? children.get(name)?.troubled_since };
  });
  for (const child of children.values()) {
    const known = subject.why[child.name] || child.state !== "running" || !child.troubled_since;
    if (!known) rows.push({ name: child.name, reason: `back since ${span(child.uptime_s)}: ${child.last_error?.type}`, at: child.troubled_since });
  }
  return rows;
}

// ---- painting --------------------------------------------------------------------------

function paintBanner(subject) {
  const silent = subject.silent_s >= SILENT_S;
  const status = lost ? "unreachable" : silent ? "silent" : subject.status;
  $("banner").dataset.status = status;
  $("headline").textContent = {
    unreachable: `No answer since ${lost && clock(lost)}`,
    silent: `Silent for ${span(subject.silent_s)}`,
  }[status] ?? status[0].toUpperCase() + status.slice(1);
  $("subject").textContent = `${subject.service} ${subject.version} · ${subject.replica}`;
  $("asked").textContent = `loop lag ${subject.tree.loop_lag_ms.toFixed(1)} ms · ${lost ? "last answer" : "as of"} ${clock(answeredAt)}`;
  document.title = `${status} · ${subject.service}`;
  $("why").replaceChildren(...troubles(subject).map(({ name, reason, at }) => {
    const row = element("li");
    row.append(element("b", name), reason);
    if (at) row.append(element("time", since(at)));
    return row;
  }));
}

function paintFleet() {
  const own = { service: report.service, replica: report.replica, status: report.status, silent_s: 0 };
  const others = report.fleet.filter((one) => one.replica !== report.replica)
    .sort((a, b) => `${a.service} ${a.replica}`.localeCompare(`${b.service} ${b.replica}`));
  $("fleet").replaceChildren(...[own, ...others].map((one) => {
    const silent = one.silent_s >= SILENT_S;
    const card = element("button", one.service);
    card.type = "button";
    card.dataset.status = silent ? "silent" : one.status;
    card.setAttribute("aria-pressed", String((chosen || report.replica) === one.replica));
    card.append(element("small", `${silent ? `silent for ${span(one.silent_s)}` : one.status} · ${one.replica}`));
    card.onclick = () => {
      chosen = one.replica === report.replica ? "" : one.replica;
      history.replaceState(null, "", `#${chosen}`);
      paint();
    };
    return card;
  }));
}

function says(child) {
  const facts = Object.entries(child.detail).filter(([, value]) => value !== "" && value !== null && JSON.stringify(value) !== "{}");
  return facts.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ");
}

function restartButton(child) {
  const button = element("button", "Restart");
  button.type = "button";
  button.disabled = !token;
  button.title = token ? `Stop ${child.name} and start it again` : "Sign in as an admin first";
  button.onclick = (event) => {
    event.stopPropagation();
    restart(child.name);
  };
  return button;
}

function childRow(child, depth) {
  const row = element("tr", "", "child");
  row.dataset.child = child.name;
  if (child.state !== "running") row.classList.add("wrong");
  else if (child.troubled_since || child.detail.ailing) row.classList.add("healing");
  const name = element("td", child.name, "name");
  name.style.setProperty("--depth", depth);
  const ends = Object.entries(child.ends).map(([why, count]) => `${why} ${count}`).join(", ");
  const mailbox = child.depth ? `${child.depth} · ${span(child.oldest_s)}` : "0";
  const held = child.state === "running" ? span(child.uptime_s) : child.troubled_since ? since(child.troubled_since) : "";
  const action = element("td");
  if (canOrder()) action.append(restartButton(child));
  row.append(
    name, element("td", child.state, child.state), element("td", held, "for"),
    element("td", ends || "–", ends ? "ends" : "n"), element("td", mailbox, "n"), element("td", child.dropped, "n"), element("td", child.handled, "n"),
    element("td", child.busy_s ? span(child.busy_s) : "–", "n"), element("td", says(child), "says"), action,
  );
  row.onclick = () => {
    opened.has(child.name) ? opened.delete(child.name) : opened.add(child.name);
    paint();
  };
  return row;
}

function detailRow(child) {
  // Another error is another row, and so is one that an admin may read; until then the one that is read stays where it is.
  const key = `${subjectKey()} ${child.name} ${child.last_error?.at} ${token ? "told" : ""}`;
  const kept = $("tree").querySelector(`tr[data-key="${CSS.escape(key)}"]`);
  const row = kept ?? errorRow(child, key);
  row.querySelector("pre:last-of-type").textContent = JSON.stringify(
    { ends: child.ends, handling_s: child.handling_s, critical: child.critical, ...child.detail }, null, 1);
  return row;
}

function errorRow(child, key) {
  const cell = element("td");
  cell.colSpan = 10;
  const error = child.last_error;
  if (error) {
    const what = element("b", error.type);
    const trace = element("pre", "What it says is for admins: sign in on the page of an api-server, or read the log.");
    cell.append(what, ` at ${clock(new Date(error.at))}`, trace);
    if (token) tellAll(subjectKey(), child.name, what, trace);
  }
  cell.append(element("pre"));
  const row = element("tr");
  row.dataset.key = key;
  row.append(cell);
  return row;
}

// Once for each error that is opened: every look of an admin is in the log.
async function tellAll(replica, name, what, trace) {
  try {
    const answer = await fetch("/v1/admin/health/tree", { headers: { Authorization: `Bearer ${token}` } });
    const whole = await answer.json();
    if (!answer.ok) throw new Error(whole.detail);
    const subject = replica === whole.replica ? whole : whole.fleet.find((one) => one.replica === replica).report;
    const { last_error: error } = [...walk(subject.tree.children)].find(([child]) => child.name === name)[0];
    what.textContent = `${error.type}: ${error.message}`;
    trace.textContent = error.traceback;
  } catch (error) {
    trace.textContent = error.message;
  }
}

function paintTree(rows) {
  const tree = $("tree");
  // A button under the pointer must not be replaced between press and release.
  if (tree.matches(":active")) return;
  const before = [...tree.children];
  const alike = before.length === rows.length && rows.every((row, n) =>
    row === before[n] || (row.dataset.child && row.dataset.child === before[n].dataset.child));
  if (!alike) return tree.replaceChildren(...rows);
  // Row by row, for a row that is moved forgets how far it was scrolled.
  rows.forEach((row, n) => row !== before[n] && before[n].replaceWith(row));
}

function pairs(list, entries) {
  list.replaceChildren(...entries.flatMap(([name, value, className]) => [element("dt", name), element("dd", value, className)]));
}

function paint() {
  if (!report) return;
  const subject = shown();
  if (!subject) {
    chosen = "";
    return paint();
  }
  paintBanner(subject);
  paintFleet();
  paintTree([...walk(subject.tree.children)].flatMap(([child, depth]) =>
    opened.has(child.name) ? [childRow(child, depth), detailRow(child)] : [childRow(child, depth)]));
  pairs($("facts"), [
    ["up", span(subject.tree.uptime_s)],
    ...Object.entries(subject.checks).map(([name, ok]) => [name, ok === true ? "answers" : ok, ok === true ? "" : "bad"]),
    ["lost messages", Object.entries(subject.tree.undelivered).map(([name, count]) => `${name} ${count}`).join(", ") || "none"],
  ]);
  const leases = Object.entries(report.leases).sort();
  pairs($("leases"), leases.length ? leases : [["none held", ""]]);
  const heard = report.fleet_heard_s;
  $("leases-heard").textContent = heard === null ? " (not heard yet)" : heard > 5 ? ` (as of ${span(heard)} ago)` : "";
  $("operator").hidden = !canOrder();
}

// ---- the operator ----------------------------------------------------------------------

// Orders go to an api-server; the other services have no such path.
const canOrder = () => report.covers.includes("api-server");

async function post(path, body, headers = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.detail || `the server answered ${answer.status}`);
  return json;
}

async function restart(child) {
  const replica = shown().replica;
  try {
    const headers = { Authorization: `Bearer ${token}`, "Idempotency-Key": `restart-${Date.now()}` };
    await post(`/v1/admin/actors/${encodeURIComponent(child)}/restart`, { replica }, headers);
    $("said").textContent = `Restart of ${child} ordered at ${clock(new Date())}.`;
  } catch (error) {
    $("said").textContent = `${child}: ${error.message}`;
  }
}

$("sign-in").onsubmit = async (event) => {
  event.preventDefault();
  const pass = $("pass").value.trim();
  try {
    // With AUTH_DEV an address is enough; elsewhere it is a token of the API.
    token = pass.includes("@") ? (await post("/v1/auth/dev-login", { email: pass })).access_token : pass;
    $("pass").value = "";
    $("said").textContent = "Signed in: if you are an admin, children can be restarted and errors read.";
  } catch (error) {
    $("said").textContent = error.message;
  }
  paint();
};

// ---- asking ----------------------------------------------------------------------------

async function ask() {
  try {
    const answer = await fetch("/supervisor", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(3000) });
    // From a listener without room, or a proxy before one that is gone: no report to show.
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    report = await answer.json();
    answeredAt = new Date();
    lost = null;
  } catch {
    lost ??= new Date();
    if (!report) $("headline").textContent = "No answer";
  }
  setTimeout(ask, EVERY_MS); // first, for whatever another version reports may not fit the page
  paint();
}

ask();

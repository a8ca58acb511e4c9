// The page: what is on screen follows `state`; frames and answers change `state`, `paint…` shows it.

import * as api from "./api.js";
import { Chart } from "./chart.js";
import { Door } from "./door.js";
import { $, direction, element, money, showGain } from "./dom.js";
import { Leaderboard } from "./leaderboard.js";
import { heard } from "./orders.js";
import { Positions, tell } from "./positions.js";
import { Live } from "./socket.js";
import { Spinner } from "./spinner.js";
import { Ticket } from "./ticket.js";

const POLL_MS = 2000; // the clock always; prices and fixtures only while nobody is signed in
const LIST_POLLS = 15; // so often is looked for new fixtures while the others are pushed
const FIXTURES_SHOWN = 12;

const state = {
  clubs: new Map(), first: new Map(), fixtures: [], pushed: new Map(), portfolio: null, user: null,
  chosen: null, charted: null, // the club in view, and the one whose whole history the chart has
};
const chart = new Chart($("chart"));
const door = new Door((session) => signedIn(session), () => signedOut());
const ticket = new Ticket(state, () => door.leave());
const positions = new Positions(state.clubs, () => refreshPortfolio(), () => door.leave());
const spinner = new Spinner();
const leaderboard = new Leaderboard();
let live = null;
let polls = 0;

// ---- painting ------------------------------------------------------------

const percent = (from, to) => ((to / from - 1) * 100).toFixed(2);

function clubRow(club) {
  const row = element("tr");
  row.tabIndex = 0;
  row.dataset.idx = club.idx;
  const name = element("td", "", "name");
  name.title = club.name;
  name.append(element("b", club.symbol), " ", club.name);
  row.append(name, element("td", "", "number"), element("td", "", "number"), element("td", "", "number"));
  row.onclick = () => choose(club.idx);
  row.onkeydown = (event) => event.key === "Enter" && choose(club.idx);
  return row;
}

function paintClub(club) {
  let row = $("clubs").querySelector(`tr[data-idx="${club.idx}"]`);
  if (!row) $("clubs").append((row = clubRow(club)));
  const [name, bid, ask, move] = row.children;
  name.classList.toggle("live", club.phase === "live" || club.phase === "break");
  const before = Number(bid.textContent);
  bid.textContent = Number(club.bid).toFixed(2);
  ask.textContent = Number(club.ask).toFixed(2);
  const moved = percent(state.first.get(club.idx), Number(club.mid));
  move.textContent = `${moved > 0 ? "+" : ""}${moved} %`;
  move.className = `number ${direction(moved)}`;
  const flash = before && before !== Number(bid.textContent) ? (before < Number(club.bid) ? "flash-up" : "flash-down") : "";
  bid.className = "number";
  if (flash) {
    void bid.offsetWidth; // restarts the animation
    bid.classList.add(flash);
  }
  if (club.idx === state.chosen) paintChosen(club);
}

function paintChosen(club) {
  $("club-name").textContent = club.name;
  $("club-price").textContent = Number(club.mid).toFixed(4);
  const halted = (club.halt_reasons || []).length > 0;
  $("club-halt").hidden = !halted;
  $("club-halt").textContent = halted ? `halted: ${club.halt_reasons.join(", ").toLowerCase()}` : "";
}

const rank = { live: 0, break: 0, shootout: 0, suspended: 0, scheduled: 1, finished: 2, void: 3 };

function soonest() {
  const order = (f) => (rank[f.phase] === 2 ? -Date.parse(f.starting_at) : Date.parse(f.starting_at));
  const sorted = [...state.fixtures].sort((a, b) => rank[a.phase] - rank[b.phase] || order(a) - order(b));
  return sorted.slice(0, FIXTURES_SHOWN);
}

function paintFixtures() {
  $("fixtures").replaceChildren(
    ...soonest().map((fixture) => {
      const row = element("tr");
      const teams = element("td", `${fixture.home.name} – ${fixture.away.name}`, rank[fixture.phase] === 0 ? "live" : "");
      row.append(teams, element("td", score(fixture), "number"), element("td", when(fixture), "number quiet"));
      return row;
    }),
  );
  const match = matchOf(state.chosen);
  $("match").hidden = !match;
  if (!match) return;
  $("match-home").textContent = match.home.name;
  $("match-away").textContent = match.away.name;
  $("match-score").textContent = score(match) || "–";
  $("match-state").textContent = when(match);
}

const score = (fixture) => {
  if (fixture.phase === "scheduled" || !fixture.score) return "";
  const shootout = fixture.penalties ? ` (${fixture.penalties.home}:${fixture.penalties.away} pens)` : "";
  return `${fixture.score.home} : ${fixture.score.away}${shootout}`;
};

function when(fixture) {
  if (fixture.phase === "scheduled") return fixture.starting_at.slice(5, 16).replace("T", " ");
  if (fixture.phase === "live" && fixture.minute != null) return `${fixture.minute}'`;
  return fixture.phase;
}

function matchOf(idx) {
  const mine = state.fixtures.filter((f) => f.home.idx === idx || f.away.idx === idx);
  const playing = mine.find((f) => ["live", "break", "shootout", "suspended"].includes(f.phase));
  const coming = mine.filter((f) => f.phase === "scheduled").sort((a, b) => a.starting_at.localeCompare(b.starting_at));
  return playing || coming[0] || mine.at(-1);
}

function paintPortfolio() {
  const portfolio = state.portfolio;
  $("cash").textContent = portfolio ? money(portfolio.account.cash) : "–";
  $("reserved").textContent = portfolio ? money(portfolio.account.reserved) : "–";
  $("margin").textContent = portfolio ? money(portfolio.account.margin_used) : "–";
  positions.show(portfolio?.positions || []);
  let equity = portfolio ? Number(portfolio.account.cash) + positions.worth() : 0;
  const rows = (portfolio?.holdings || []).map((holding) => {
    const club = state.clubs.get(holding.idx);
    const value = Number(club?.mark ?? holding.mark) * Number(holding.quantity);
    const profit = value - Number(holding.avg_cost) * Number(holding.quantity);
    equity += value;
    const [row, gain] = [element("tr"), element("td")];
    row.dataset.idx = holding.idx;
    showGain(gain, profit);
    row.append(
      element("td", holding.symbol),
      element("td", Number(holding.quantity).toString(), "number"),
      element("td", money(value), "number"),
      gain,
    );
    return row;
  });
  $("equity").textContent = portfolio ? money(equity) : "–";
  $("holdings").replaceChildren(...rows);
}

function paintCalendar(now) {
  $("calendar").textContent = `${now.slice(0, 10)} ${now.slice(11, 16)} UTC`;
  chart.until(Date.parse(now));
}

function paintConnection(now) {
  $("connection").textContent = now === "polling" ? "prices by poll" : now;
  $("connection").dataset.state = now;
  if (now === "offline") state.charted = null; // prices are missed from here on
}

// ---- what happened ---------------------------------------------------------

function heardClub(change) {
  const club = { ...state.clubs.get(change.idx), ...change };
  state.clubs.set(club.idx, club);
  if (!state.first.has(club.idx)) state.first.set(club.idx, Number(club.mid));
  paintClub(club);
  if (club.idx === state.chosen && change.mid && club.ts) chart.add(Date.parse(club.ts), Number(club.mid));
}

function onFrame(frame) {
  if (frame.channel?.startsWith("price:")) {
    heardClub({ ...frame.data, idx: frame.data.idx ?? Number(frame.channel.slice(6)) });
    if (state.portfolio) paintPortfolio();
  } else if (frame.channel?.startsWith("fixture:")) {
    state.pushed.set(frame.data.id, frame.data);
    state.fixtures = state.fixtures.map((fixture) => state.pushed.get(fixture.id) ?? fixture);
    paintFixtures();
  } else if (frame.channel === "portfolio" && frame.op === "snapshot") {
    state.portfolio = frame.data;
    paintPortfolio();
  } else if (frame.channel === "portfolio" && frame.op === "update") {
    tell(frame.event, frame.data);
    heard(frame.data);
    ticket.hear(frame.data);
    positions.hear(frame.data);
    refreshPortfolio();
  }
}

async function refreshPortfolio() {
  state.portfolio = await api.portfolio();
  paintPortfolio();
}

function choose(idx) {
  state.chosen = idx;
  for (const row of $("clubs").children) row.setAttribute("aria-selected", Number(row.dataset.idx) === idx);
  paintChosen(state.clubs.get(idx));
  paintFixtures();
  chart.show([]); // the line of one club never stands under the name of another
  showHistory().catch(() => {}); // the next poll asks again
  ticket.show();
}

async function showHistory() {
  const idx = state.chosen;
  const history = await api.ticks(idx);
  if (state.chosen !== idx) return;
  state.charted = idx;
  chart.show(history.data.map((tick) => ({ at: Date.parse(tick.ts), price: Number(tick.mid) })));
}

// Somebody who has chosen nothing yet sees a club that is playing, if one is.
function firstToShow() {
  const playing = [...state.clubs.values()].find((club) => club.phase === "live");
  return (playing ?? state.clubs.values().next().value).idx;
}

// ---- signing in and out ------------------------------------------------------

function signedIn(session) {
  state.user = session.user;
  polls = 0; // lists the fixtures anew
  live = new Live(["price:*", "portfolio"], onFrame, (now) => (now === "signed-out" ? door.leave() : paintConnection(now)));
  followFixtures();
  ticket.show();
  rankings();
}

function signedOut() {
  live?.close();
  live = null;
  Object.assign(state, { user: null, portfolio: null, pushed: new Map() });
  $("stops").close();
  $("quote").textContent = "Sign in to trade.";
  $("trade").disabled = true;
  paintPortfolio();
  paintConnection("polling");
  rankings();
}

// ---- start ---------------------------------------------------------------------

async function listFixtures() {
  const listed = await api.fixtures();
  // Those that are pushed may be newer than the list by now.
  state.fixtures = listed.map((fixture) => (live && state.pushed.get(fixture.id)) || fixture);
  paintFixtures();
  followFixtures();
}

function followFixtures() {
  const going = soonest().filter((fixture) => !fixture.settled_at && fixture.phase !== "void");
  live?.follow("fixture:", going.map((fixture) => `fixture:${fixture.id}`));
}

function rankings() {
  leaderboard.look(state.user).catch(() => {}); // the next poll asks again
}

async function poll() {
  try {
    if (!live) {
      for (const club of await api.instruments()) heardClub(club);
      paintConnection("polling");
    }
    const status = await api.status();
    paintCalendar(status.calendar);
    spinner.look(status.calendar).catch(() => {}); // the next poll asks again
    rankings();
    door.offer(status.sign_in);
    if (!live || polls++ % LIST_POLLS === 0) await listFixtures();
    if (state.chosen === null && state.clubs.size) choose(firstToShow());
    else if (state.charted !== state.chosen) await showHistory();
  } catch {
    if (!live) paintConnection("offline");
  }
  setTimeout(poll, POLL_MS);
}

door.comeBack();
poll();

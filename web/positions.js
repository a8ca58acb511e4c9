// Open positions: a row each, priced as the club's prices come in, with its close and its stops.

import * as api from "./api.js";
import { $, element, money, notice, showGain } from "./dom.js";
import { inWords, orderOf, place } from "./orders.js";
import { stopsOf } from "./ticket.js";

const sign = (position) => (position.side === "long" ? 1 : -1);
const named = (position) => `${position.symbol} ${position.side} ×${position.leverage}`;
const short = (price) => Number(price).toFixed(2);

export class Positions {
  // `clubs` are the newest prices by idx; `refresh` reads the portfolio anew, `over` ends a session.
  constructor(clubs, refresh, over) {
    Object.assign(this, { clubs, refresh, over, rows: new Map(), edited: null, waiting: new Set() });
    $("stops-form").onsubmit = (event) => this.saveStops(event);
    $("stops-cancel").onclick = () => $("stops").close();
  }

  show(positions) {
    const gone = new Set(this.rows.keys());
    for (const position of positions) {
      gone.delete(position.position_id);
      if (!this.rows.has(position.position_id)) this.rows.set(position.position_id, this.row());
      this.paint(this.rows.get(position.position_id), position);
    }
    for (const id of gone) {
      this.rows.get(id).node.remove();
      this.rows.delete(id);
    }
    positions.forEach(({ position_id }, at) => {
      const { node } = this.rows.get(position_id);
      if ($("positions").children[at] !== node) $("positions").insertBefore(node, $("positions").children[at]);
    });
    $("no-positions").hidden = positions.length > 0;
    this.reprice();
  }

  // The row stays while its texts change: a button that is replaced under the pointer is no button.
  row() {
    const node = element("tr");
    const row = { node, name: element("b"), stops: element("div", "", "quiet") };
    for (const cell of ["shares", "now", "liquidation", "gain"]) row[cell] = element("td", "", "number");
    const edit = element("button", "Stops", "plain");
    const close = element("button", "Close", "plain close");
    edit.onclick = () => this.editStops(row.position);
    close.onclick = () => this.close(row.position, close);
    const [name, actions] = [element("td"), element("td", "", "actions")];
    name.append(row.name, row.stops);
    actions.append(edit, close);
    node.append(name, row.shares, row.now, row.liquidation, row.gain, actions);
    return row;
  }

  paint(row, position) {
    row.position = position;
    row.node.dataset.id = position.position_id;
    row.node.classList.toggle("called", position.margin_call);
    row.name.textContent = named(position);
    row.shares.textContent = Number(position.quantity);
    row.liquidation.textContent = short(position.liquidation_price);
    const { stop_loss, take_profit, trailing_stop } = position;
    row.stops.textContent = [
      `from ${short(position.entry_price)}`,
      stop_loss && `stop ${short(stop_loss.price)}`,
      take_profit && `profit ${short(take_profit.price)}`,
      trailing_stop && `trailing at ${short(trailing_stop.price)}`,
    ].filter(Boolean).join(", ");
  }

  reprice() {
    for (const row of this.rows.values()) {
      row.now.textContent = short(this.quote(row.position));
      showGain(row.gain, this.gain(row.position));
    }
  }

  // What would be paid to close it, size apart: the bid for a long, the ask for a short.
  quote(position) {
    const club = this.clubs.get(position.instrument);
    return Number((position.side === "long" ? club?.bid : club?.ask) ?? position.closing_quote);
  }

  gain(position) {
    return sign(position) * (this.quote(position) * Number(position.quantity) - Number(position.open_value));
  }

  // Of all positions: margin and gains, of which none can be worth less than nothing.
  worth() {
    const each = [...this.rows.values()].map(({ position }) => Number(position.margin) + this.gain(position));
    return each.reduce((sum, worth) => sum + Math.max(0, worth), 0);
  }

  async close(position, button) {
    button.disabled = true;
    try {
      const path = `/v1/positions/${position.position_id}/close`;
      const done = await place(path, { expected_version: position.version });
      if (done.status === "pending") {
        this.waiting.add(done.order_id);
        notice(`Accepted: ${named(position)} is closed in some seconds, at the price of then.`);
      } else this.ended(done);
      await this.refresh();
    } catch (problem) {
      this.refused(problem, (words) => notice(words, "refused"));
    } finally {
      button.disabled = false;
    }
  }

  // A push: perhaps the end of a close that waits.
  hear(data) {
    if (data.status !== "pending" && this.waiting.delete(orderOf(data))) this.ended(data);
  }

  ended({ status, problem, position, event }) {
    if (status === "rejected") notice(`Nothing was closed: ${problem?.code} when the wait was over.`, "refused");
    else notice(`Closed ${named(position)} at ${event.price}: ${money(event.pnl)}.`);
  }

  editStops(position) {
    this.edited = position;
    const { stop_loss, take_profit, trailing_stop } = $("stops-form").elements;
    $("stops-of").textContent = named(position);
    stop_loss.value = position.stop_loss ? short(position.stop_loss.price) : "";
    take_profit.value = position.take_profit ? short(position.take_profit.price) : "";
    trailing_stop.value = position.trailing_stop ? short(position.trailing_stop.distance) : "";
    $("stops-answer").textContent = "";
    $("stops").showModal();
  }

  async saveStops(event) {
    event.preventDefault();
    const { position_id, version } = this.edited;
    try {
      await api.changeStops(position_id, version, stopsOf($("stops-form"), null));
      $("stops").close();
      await this.refresh();
    } catch (problem) {
      this.refused(problem, (words) => ($("stops-answer").textContent = words));
    }
  }

  refused(problem, say) {
    say(inWords(problem));
    if (problem.status === 401) this.over();
    else this.refresh(); // it may have been closed, or changed elsewhere
  }
}

// What happened to positions without their owner's doing.
export function tell(event, data) {
  if (event === "margin_call") {
    const { position } = data;
    notice(`Margin call: ${named(position)} is close to its liquidation at ${short(position.liquidation_price)}.`, "warned");
  } else if (event === "position_closed" && data.event.by !== "client") {
    const why = data.event.reason.replace("_", " ");
    notice(`${named(data.position)} was closed at ${data.event.price} (${why}): ${money(data.event.pnl)}.`, "warned");
  } else if (event === "replay" && data.closed.length) {
    notice(`While you were away, positions were closed: ${data.closed.length}.`, "warned");
  }
}

// The order form: shares to buy and sell, positions to open.

import * as api from "./api.js";
import { $, money } from "./dom.js";
import { inWords, orderOf, place } from "./orders.js";

const LABELS = { buy: "Buy", sell: "Sell", long: "Open long", short: "Open short" };
const form = $("order");

export class Ticket {
  // `desk` has the user and the chosen club; `over` is called when the session is.
  constructor(desk, over) {
    Object.assign(this, { desk, over, asked: 0, waiting: null });
    form.onsubmit = (event) => this.submit(event);
    form.oninput = () => this.show();
  }

  get side() {
    return form.elements.side.value;
  }

  get forPosition() {
    return this.side === "long" || this.side === "short";
  }

  async show() {
    $("trade").textContent = LABELS[this.side];
    $("trade").disabled = !this.desk.user || !this.desk.chosen;
    $("terms").hidden = $("terms").disabled = !this.forPosition;
    if (!this.desk.chosen || !form.checkValidity()) return;
    const asked = ++this.asked;
    const said = await this.quote().catch(inWords);
    if (asked === this.asked) $("quote").textContent = said; // an older answer may come later
  }

  async quote() {
    const { chosen } = this.desk;
    if (!this.forPosition) {
      const quote = await api.quote(chosen, { side: this.side, quantity: $("quantity").value });
      return `About ${money(quote.value)} at ${quote.average_price}, fee ${quote.fee}`;
    }
    const quote = await api.quote(chosen, {
      kind: "cfd", side: this.side, quantity: $("quantity").value, leverage: $("leverage").value,
    });
    return `Margin ${money(quote.margin)} at ${quote.entry_price}, fee ${quote.fee}, liquidated at ${quote.liquidation_price}`;
  }

  async submit(event) {
    event.preventDefault();
    $("trade").disabled = true;
    $("answer").className = "";
    try {
      this.told(await (this.forPosition ? this.open() : this.trade()));
    } catch (problem) {
      if (problem.status === 401) this.over(); // and no new token was to be had
      $("answer").textContent = inWords(problem);
      $("answer").className = "refused";
    } finally {
      $("trade").disabled = !this.desk.user;
    }
  }

  trade() {
    return place("/v1/orders", this.basics());
  }

  open() {
    return place("/v1/positions", {
      ...this.basics(), leverage: Number($("leverage").value), ...stopsOf(form, undefined),
    });
  }

  // A push: perhaps the end of the order that waits.
  hear(order) {
    if (this.waiting && orderOf(order) === this.waiting) this.told(order);
  }

  told(order) {
    this.waiting = order.status === "pending" ? order.order_id : null;
    $("answer").textContent = {
      pending: "Accepted. In play an order waits some seconds and is carried out at the price of then.",
      rejected: `Nothing was traded: ${order.problem?.code} when the wait was over.`,
    }[order.status] ?? inShort(order);
    $("answer").className = { filled: "filled", rejected: "refused" }[order.status] ?? "";
  }

  basics() {
    return { instrument: this.desk.chosen, side: this.side, quantity: $("quantity").value };
  }
}

// What was traded.
function inShort({ position, side, quantity, symbol, average_price }) {
  if (position) {
    return `Opened ${position.side} ${Number(position.quantity)} ${position.symbol} at ${position.entry_price}.`;
  }
  return `${side === "buy" ? "Bought" : "Sold"} ${Number(quantity)} ${symbol} at ${average_price}.`;
}

// The stops typed into `fields`; `none` stands for those left empty.
export function stopsOf(fields, none) {
  const { stop_loss, take_profit, trailing_stop } = fields.elements;
  return {
    stop_loss: stop_loss.value ? { price: stop_loss.value } : none,
    take_profit: take_profit.value ? { price: take_profit.value } : none,
    trailing_stop: trailing_stop.value ? { distance: trailing_stop.value } : none,
  };
}

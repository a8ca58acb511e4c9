// The weekly spinner: what is promised for this week, and a wheel that shows the last draw.

import * as api from "./api.js";
import { $, element, money } from "./dom.js";

const EVERY_MS = 30_000; // between two looks, as long as nothing is expected
const HURRIES = 30; // looks at every poll, once a draw is due
const TURNS = 2; // at least, from one prize to the next
const SPIN_MS = 2200; // a little more than the wheel's transition takes
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const svg = (tag, attributes, text = "") => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
};
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const coins = (amount) => Number(amount).toLocaleString("en");
const minute = (instant) => `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;

export class Spinner {
  #round = null; // of this week
  #awaited = null; // of a week that is over and not announced
  #shown = null; // the draw that the wheel and the list show
  #askedAt = -Infinity;
  #hurries = 0;
  #angle = 0;
  #spinning = 0; // which of several shows is the last one

  constructor() {
    $("spin-again").onclick = () => this.#shown && this.show(this.#shown, true);
  }

  // Called at every poll of the page, with the calendar's time.
  async look(now) {
    const expected = this.#expected(now) && this.#hurries < HURRIES;
    if (!expected && performance.now() - this.#askedAt < EVERY_MS) return;
    this.#hurries += expected ? 1 : 0;
    this.#askedAt = performance.now();
    this.take(await api.spinner());
  }

  #expected(now) {
    const next = this.#awaited ?? this.#round;
    return !next || Date.parse(now) >= Date.parse(next.draws_at);
  }

  // What the server says of this week and of the last draw.
  take({ round, last }) {
    if (this.#round && round?.week !== this.#round.week) [this.#awaited, this.#hurries] = [this.#round, 0];
    if (this.#awaited && last?.week >= this.#awaited.week) this.#awaited = null;
    this.#round = round;
    this.#paintPromise();
    if (last && last.week !== this.#shown?.week) this.show(last, this.#shown !== null);
    else if (!this.#shown && round) this.#paintWheel(round.segments);
  }

  #paintPromise() {
    const round = this.#round;
    $("promise").hidden = !round;
    if (!round) return;
    $("promise-week").textContent = round.week;
    $("promise-at").textContent = minute(round.draws_at);
    $("promise-prizes").textContent = `${round.winners} prizes for the first 100 of the leaderboard`;
    $("promise-commit").textContent = round.commit;
  }

  #paintWheel(segments) {
    const [step, wheel] = [360 / segments.length, $("wheel")];
    const at = (degrees, radius) => {
      const turned = ((degrees - 90) * Math.PI) / 180;
      return `${(radius * Math.cos(turned)).toFixed(2)} ${(radius * Math.sin(turned)).toFixed(2)}`;
    };
    const most = Math.max(...segments.map(Number));
    wheel.replaceChildren(
      ...segments.map((amount, index) => {
        const slice = svg("g", { class: Number(amount) === most ? "slice best" : `slice tone-${index % 2}` });
        const [from, to] = [(index - 0.5) * step, (index + 0.5) * step];
        slice.append(
          svg("path", { d: `M0 0L${at(from, 96)}A96 96 0 0 1 ${at(to, 96)}Z` }),
          svg("text", { x: 0, y: -74, transform: `rotate(${index * step})` }, coins(amount)),
        );
        return slice;
      }),
    );
  }

  // Shows a draw: at once, or prize after prize as the wheel stops for it.
  async show(round, spun) {
    const mine = ++this.#spinning;
    this.#shown = round;
    this.#paintWheel(round.segments);
    $("draw").hidden = false;
    $("draw-week").textContent = round.week;
    $("draw-proof").href = `/v1/spinner/${encodeURIComponent(round.week)}/proof`;
    $("draw-none").hidden = round.results.length > 0;
    $("winners").replaceChildren();
    for (const prize of round.results) {
      if (spun && !STILL.matches) {
        this.#turnTo(prize.segment, round.segments.length);
        await pause(SPIN_MS);
        if (mine !== this.#spinning) return; // another show has begun meanwhile
      }
      const line = element("li");
      line.append(element("b", prize.display_name), ` ${money(prize.amount)}`);
      $("winners").append(line);
    }
    const last = round.results.at(-1);
    if (last && !(spun && !STILL.matches)) this.#turnTo(last.segment, round.segments.length);
  }

  #turnTo(segment, segments) {
    const stop = (360 - (segment * 360) / segments) % 360;
    const turned = this.#angle + TURNS * 360;
    this.#angle = turned + ((stop - (turned % 360) + 360) % 360);
    $("wheel").style.transform = `rotate(${this.#angle}deg)`; // set by script: no inline style
  }
}

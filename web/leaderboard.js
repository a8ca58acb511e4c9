// The leaderboard: the first of this week, of all time or among the bots, and who is around oneself.

import * as api from "./api.js";
import { $, element, showGain } from "./dom.js";

const EVERY_MS = 15_000; // as often as it is made
const FIRST = 10;
const AROUND = 3;
const BOARDS = {
  week: { path: "week", board: "people" },
  all: { path: "all", board: "people" },
  bots: { path: "week", board: "bots" },
};

export class Leaderboard {
  #chosen = "week";
  #user = null; // who is signed in
  #askedAt = -Infinity;
  #asked = 0; // which of several answers is the last one

  constructor() {
    for (const button of $("boards").children) button.onclick = () => this.choose(button.dataset.board);
  }

  choose(name) {
    this.#chosen = name;
    for (const button of $("boards").children) button.setAttribute("aria-pressed", button.dataset.board === name);
    this.#ask().catch(() => {}); // the next look asks again
  }

  // Called at every poll of the page, and when somebody comes or goes.
  async look(user) {
    if (this.#user?.id === user?.id && performance.now() - this.#askedAt < EVERY_MS) return;
    this.#user = user;
    await this.#ask();
  }

  async #ask() {
    const [mine, user, { path, board }] = [++this.#asked, this.#user, BOARDS[this.#chosen]];
    const person = user && board === "people";
    this.#askedAt = performance.now();
    try {
      const [first, around] = await Promise.all([
        api.leaderboard(path, { board, limit: FIRST }),
        person ? api.leaderboard(path, { board, limit: AROUND, around: "me" }) : null,
      ]);
      if (mine === this.#asked) this.show(first, around, user);
    } catch (problem) {
      this.#askedAt = -Infinity;
      throw problem;
    }
  }

  // What the server says: the first, and who is around `user`, if that is a person who is signed in.
  show(first, around, user) {
    const far = (around?.ranks ?? []).filter((one) => one.rank > FIRST);
    const gap = far.length && far[0].rank > FIRST + 1 ? [this.#gap()] : [];
    const row = (one) => this.#row(one, one.user_id === user?.id);
    $("ranks").replaceChildren(...first.ranks.map(row), ...gap, ...far.map(row));
    $("no-ranks").hidden = first.ranks.length > 0;
    $("own-rank").hidden = !around;
    const own = around?.ranks.find((one) => one.user_id === user.id);
    $("own-rank").textContent = own
      ? `You are number ${own.rank} of ${around.players}.`
      : "You are not ranked: it takes three trades.";
  }

  #row(one, own) {
    const [row, score] = [element("tr"), element("td")];
    if (own) row.setAttribute("aria-current", "true");
    showGain(score, Number(one.score));
    row.append(element("td", one.rank, "number quiet"), element("td", one.display_name, "name"), score);
    return row;
  }

  #gap() {
    const [row, cell] = [element("tr"), element("td", "…", "quiet")];
    cell.colSpan = 3;
    row.append(cell);
    return row;
  }
}

// A command keeps its Idempotency-Key until it is known whether it was carried out.

import * as api from "./api.js";

const unsettled = new Map(); // commands without an outcome: their keys by path and body

const ended = new Map(); // orders whose end was pushed, by id

// The order that a push is about: a position's event has the id of the order that it was.
export const orderOf = (data) => data.order_id ?? data.event?.event_id;

export function heard(data) {
  if (data.status !== "pending" && orderOf(data)) ended.set(orderOf(data), data);
}

export async function place(path, body) {
  const asked = path + JSON.stringify(body);
  if (!unsettled.has(asked)) unsettled.set(asked, crypto.randomUUID());
  try {
    const done = await api.command(path, body, unsettled.get(asked));
    unsettled.delete(asked);
    // What is answered is that it waits, even if that is over: the push may have been faster.
    return (done.status === "pending" && ended.get(done.order_id)) || done;
  } catch (problem) {
    // A refusal settles it; a token that is over says nothing of an earlier attempt.
    if (problem.status < 500 && problem.status !== 401) unsettled.delete(asked);
    throw problem;
  }
}

// No answer at all, or one of the server's own trouble.
const NOTHING_DONE = ["UNAVAILABLE", "NEW_TRADES_PAUSED"];
export const outcomeUnknown = (problem) =>
  !(problem.status < 500) && !NOTHING_DONE.includes(problem.code);

export function inWords(problem) {
  if (outcomeUnknown(problem))
    return "No answer: it may have been carried out. Send it again to find out; it will not happen twice.";
  const limit = problem.body?.limit;
  return limit === undefined ? problem.message : `${problem.message} (limit ${limit})`;
}

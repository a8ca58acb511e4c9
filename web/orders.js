// An order keeps its Idempotency-Key until it is known whether it was carried out.

import * as api from "./api.js";

let unsettled = null; // the last order without an outcome: its body as text, and its key

export async function place(body) {
  const asked = JSON.stringify(body);
  if (unsettled?.asked !== asked) unsettled = { asked, key: crypto.randomUUID() };
  try {
    const fill = await api.order(body, unsettled.key);
    unsettled = null;
    return fill;
  } catch (problem) {
    // A refusal settles it; a token that is over says nothing of an earlier attempt.
    if (problem.status < 500 && problem.status !== 401) unsettled = null;
    throw problem;
  }
}

// No answer at all, or one of the server's own trouble.
export const outcomeUnknown = (problem) => !(problem.status < 500) && problem.code !== "UNAVAILABLE";

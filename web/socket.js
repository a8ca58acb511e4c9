// The live connection: a fresh ticket for every attempt, backoff with jitter, resume on open.

import * as api from "./api.js";
import { Follower } from "./follower.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15000;
const ANSWER_MS = 10000; // for a ticket, and then for a connection to come up
const SILENCE_MS = 45000; // the server says something at least every 15 s
const RESTART = 1012; // its reason says when to come back

export class Live {
  constructor(channels, onFrame, onState) {
    Object.assign(this, { onFrame, onState, failures: 0, attempt: null, socket: null });
    this.follower = new Follower(channels);
    this.connect();
  }

  async connect() {
    const attempt = (this.attempt = {});
    this.onState("connecting");
    this.expect(ANSWER_MS);
    try {
      const { token, url } = await api.webSocketTicket();
      if (this.attempt === attempt) this.open(url, token);
    } catch (problem) {
      if (this.attempt === attempt) this.lost({ signedOut: problem.status === 401 });
    }
  }

  open(url, token) {
    const socket = (this.socket = new WebSocket(url, ["touchline.v1", `ticket.${token}`]));
    this.expect(ANSWER_MS);
    socket.onopen = () => {
      this.expect(SILENCE_MS);
      this.send(this.follower.opening());
    };
    socket.onmessage = (event) => this.heard(JSON.parse(event.data));
    socket.onclose = (event) => this.lost({ after: hint(event) });
  }

  // This attempt is over unless something comes within `ms`.
  expect(ms) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost({}), ms);
  }

  // Follow these channels besides those that stay, and no others that begin with `kind`.
  follow(kind, channels) {
    const over = [...this.follower.wanted].filter((name) => name.startsWith(kind) && !channels.includes(name));
    this.send([...this.follower.leave(over), ...this.follower.follow(channels)]);
  }

  send(requests) {
    if (this.socket?.readyState !== WebSocket.OPEN) return; // the next to open begins with all of it
    for (const request of requests) this.socket.send(JSON.stringify(request));
  }

  heard(frame) {
    this.expect(SILENCE_MS);
    if (frame.op === "ack" && frame.ok) {
      this.failures = 0;
      this.onState("live");
    }
    const { show, ask } = this.follower.hear(frame);
    this.send(ask);
    show.forEach(this.onFrame);
  }

  lost({ signedOut = false, after = 0 }) {
    this.drop();
    this.onState(signedOut ? "signed-out" : "offline");
    if (signedOut) return;
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures++);
    this.retry = setTimeout(() => this.connect(), after + longest * (0.5 + Math.random() / 2));
  }

  close() {
    clearTimeout(this.retry);
    this.drop();
    this.onState("offline");
  }

  // Nothing of this attempt counts any more, nor its end: a server that hangs does not answer a close.
  drop() {
    clearTimeout(this.silence);
    const { socket } = this;
    this.attempt = this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

function hint(event) {
  const named = event.code === RESTART && /^retry_ms=(\d{1,9})$/.exec(event.reason);
  return named ? Number(named[1]) : 0;
}

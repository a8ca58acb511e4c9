// The live connection: a fresh ticket for every attempt, backoff with jitter, resubscribe on open.
// Every subscription starts with a snapshot, so a reconnect needs no other repair.

import * as api from "./api.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15000;
const SILENCE_MS = 45000; // the server says something at least every 15 s

export class Live {
  constructor(channels, onFrame, onState) {
    Object.assign(this, { channels, onFrame, onState, failures: 0, closed: false, socket: null });
    this.connect();
  }

  async connect() {
    this.onState("connecting");
    try {
      const { token, url } = await api.webSocketTicket();
      if (this.closed) return;
      const socket = (this.socket = new WebSocket(url, ["touchline.v1", `ticket.${token}`]));
      socket.onopen = () => socket.send(JSON.stringify({ op: "subscribe", id: 1, channels: this.channels }));
      socket.onmessage = (event) => this.heard(JSON.parse(event.data));
      socket.onclose = () => this.lost();
    } catch (problem) {
      this.lost(problem.status === 401);
    }
  }

  heard(frame) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENCE_MS);
    if (frame.op === "ack" && frame.id === 1 && frame.ok) {
      this.failures = 0;
      this.onState("live");
    } else {
      this.onFrame(frame);
    }
  }

  lost(signedOut = false) {
    clearTimeout(this.silence);
    if (this.closed) return;
    this.onState(signedOut ? "signed-out" : "offline");
    if (signedOut) return;
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures++);
    this.retry = setTimeout(() => this.connect(), longest * (0.5 + Math.random() / 2));
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.socket?.close();
    this.onState("offline");
  }
}

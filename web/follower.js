// What is known of the channels that are followed, and what to ask to learn more: the rules of
// docs/protocol.md, "Channels" and "Requests", without a socket. Its twin is client/follower.py.

const PORTFOLIO = "portfolio";
const ALL_PRICES = "price:*";
const UNSUBSCRIBE = "unsubscribe";
const A_REQUEST = 100; // channels in one request, which has 4 KiB at most

export class Follower {
  constructor(channels) {
    this.wanted = new Set(channels);
    this.known = new Map(); // channel -> { epoch, seq }
    this.asked = new Map(); // request id -> its channels
    this.lastId = 0;
  }

  // What to ask on a new connection.
  opening() {
    this.asked.clear();
    return this.again([...this.wanted]);
  }

  follow(channels) {
    const added = channels.filter((channel) => !this.wanted.has(channel));
    for (const channel of added) this.wanted.add(channel);
    return this.subscribe(added);
  }

  leave(channels) {
    const left = channels.filter((channel) => this.wanted.delete(channel));
    for (const channel of left) this.forget(channel);
    return this.unsubscribe(left);
  }

  // What a frame means: the frames to show (none, or itself), and what to ask the server.
  hear(frame) {
    if (frame.channel && !this.follows(frame.channel)) return { show: [], ask: [] };
    if (frame.op === "snapshot") {
      this.known.set(frame.channel, { epoch: frame.epoch, seq: frame.seq });
      return { show: [frame], ask: [] };
    }
    if (frame.op === "update") return this.changed(frame);
    if (frame.op === "ack" && !frame.ok) return { show: [], ask: this.refused(frame) };
    return { show: [], ask: [] };
  }

  changed(frame) {
    const before = this.known.get(frame.channel);
    if (!before || frame.seq <= before.seq) return { show: [], ask: [] };
    if (frame.channel === PORTFOLIO && frame.seq !== before.seq + 1) {
      this.known.delete(PORTFOLIO); // something was missed: only a snapshot tells what there is now
      return { show: [], ask: this.subscribe([PORTFOLIO]) };
    }
    before.seq = frame.seq;
    return { show: [frame], ask: [] };
  }

  // All or none were refused: the others are asked for again without the one that is no more.
  refused(frame) {
    const { op, channels } = this.asked.get(frame.id) ?? { channels: [] };
    this.asked.delete(frame.id);
    const gone = frame.error.channel;
    if (!channels.includes(gone)) return [];
    const rest = channels.filter((channel) => channel !== gone);
    if (op === UNSUBSCRIBE) return this.unsubscribe(rest);
    if (this.wanted.delete(gone)) this.forget(gone); // else it was left meanwhile
    return this.again(rest.filter((channel) => this.wanted.has(channel)));
  }

  // Whether the channel has not been left while its message was on its way.
  follows(channel) {
    return this.wanted.has(channel) || (channel.startsWith("price:") && this.wanted.has(ALL_PRICES));
  }

  forget(channel) {
    for (const name of channel === ALL_PRICES ? [...this.known.keys()] : [channel])
      if (!this.follows(name)) this.known.delete(name);
  }

  again(channels) {
    const known = channels.filter((channel) => this.known.has(channel));
    return [...this.resume(known), ...this.subscribe(channels.filter((channel) => !this.known.has(channel)))];
  }

  subscribe(channels) {
    return portions(channels).map((some) => this.ask("subscribe", some, { channels: some }));
  }

  unsubscribe(channels) {
    return channels.length ? [this.ask(UNSUBSCRIBE, channels, { channels })] : [];
  }

  resume(channels) {
    return portions(channels).map((some) => {
      const members = { epoch: Math.min(...some.map((channel) => this.known.get(channel).epoch)) };
      for (const channel of some) {
        const [kind, name] = channel.split(":");
        const { seq } = this.known.get(channel);
        if (name === undefined) members[kind] = seq;
        else (members[kind] ??= {})[name] = seq;
      }
      return this.ask("resume", some, members);
    });
  }

  ask(op, channels, members) {
    const id = ++this.lastId;
    this.asked.set(id, { op, channels });
    return { op, id, ...members };
  }
}

function portions(channels) {
  const [sorted, found] = [[...channels].sort(), []];
  for (let at = 0; at < sorted.length; at += A_REQUEST) found.push(sorted.slice(at, at + A_REQUEST));
  return found;
}

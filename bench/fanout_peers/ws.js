// npm ws: one loop over the listeners of a channel. node ws.js PORT

const { WebSocketServer } = require("ws");
const port = Number(process.argv[2]);

const listeners = new Map();
const server = new WebSocketServer({
  host: "127.0.0.1", port, backlog: 1024, perMessageDeflate: false,
});
server.on("connection", (socket, request) => {
  if (request.url === "/publish") {
    socket.on("message", publish);
    return;
  }
  const channels = request.url.slice(5).split(",");
  for (const channel of channels) {
    if (!listeners.has(channel)) listeners.set(channel, new Set());
    listeners.get(channel).add(socket);
  }
  socket.on("error", () => {});
  socket.on("close", () => channels.forEach((channel) => listeners.get(channel).delete(socket)));
});

function publish(message) {
  const space = message.indexOf(0x20);
  const payload = message.subarray(space + 1);
  for (const socket of listeners.get(message.subarray(0, space).toString()) ?? []) {
    socket.send(payload, { binary: false });
  }
}

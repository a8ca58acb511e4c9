// uWebSockets: its own publish/subscribe. node uws.js PORT

const uws = require("@trufflesuite/uws-js-unofficial");
const port = Number(process.argv[2]);

const app = uws.App();
app.ws("/sub/*", {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxBackpressure: 64 * 1024, // as much as the hub lets a client be behind
  closeOnBackpressureLimit: true,
  upgrade: (response, request, context) => {
    response.upgrade(
      { channels: request.getUrl().slice(5).split(",") },
      request.getHeader("sec-websocket-key"),
      request.getHeader("sec-websocket-protocol"),
      request.getHeader("sec-websocket-extensions"),
      context,
    );
  },
  open: (socket) => socket.channels.forEach((channel) => socket.subscribe(channel)),
});
app.ws("/publish", {
  maxPayloadLength: 64 * 1024,
  idleTimeout: 0,
  message: (_, message) => {
    const text = Buffer.from(message).toString();
    const space = text.indexOf(" ");
    app.publish(text.slice(0, space), text.slice(space + 1), false, false);
  },
});
app.listen("127.0.0.1", port, () => {});

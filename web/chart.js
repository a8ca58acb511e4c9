// A price chart on a canvas: one line of mid prices over match-day time.

const LONGEST = 2000; // points kept; older ones have left the screen long ago
const SHORTEST_MS = 600_000; // of match-day time across the chart
const MARGIN = { top: 10, right: 64, bottom: 22, left: 8 };

export class Chart {
  constructor(canvas) {
    this.canvas = canvas;
    this.points = [];
    this.now = 0;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(points) {
    this.points = points.slice(-LONGEST);
    this.draw();
  }

  add(at, price) {
    const last = this.points.at(-1);
    if (last && at < last.at) return;
    this.points.push({ at, price });
    if (this.points.length > LONGEST) this.points.shift();
    this.draw();
  }

  // The last price still holds at `now`, so the line goes on to there.
  until(now) {
    this.now = now;
    this.draw();
  }

  draw() {
    const { canvas, points } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const empty = "No price history yet.";
    canvas.setAttribute("aria-label", points.length ? `Price chart, now at ${points.at(-1).price.toFixed(2)}` : empty);
    if (points.length === 0) {
      pen.fillStyle = colour("--quiet");
      pen.fillText(empty, MARGIN.left + 4, height / 2);
      return;
    }
    const scale = this.scale(width, height);
    this.grid(pen, scale, width, colour);
    this.line(pen, scale, colour);
  }

  scale(width, height) {
    const prices = this.points.map((point) => point.price);
    const low = Math.min(...prices), high = Math.max(...prices);
    const pad = Math.max((high - low) * 0.12, high * 0.0005);
    const to = Math.max(this.now, this.points.at(-1).at);
    const from = Math.min(this.points[0].at, to - SHORTEST_MS);
    return {
      low: low - pad,
      high: high + pad,
      from,
      to,
      x: (at) => MARGIN.left + ((at - from) / (to - from)) * (width - MARGIN.left - MARGIN.right),
      y: (price) => MARGIN.top + ((high + pad - price) / (high - low + 2 * pad)) * (height - MARGIN.top - MARGIN.bottom),
    };
  }

  grid(pen, { low, high, from, to, x, y }, width, colour) {
    pen.strokeStyle = colour("--line");
    pen.fillStyle = colour("--quiet");
    for (let i = 0; i <= 4; i++) {
      const price = low + ((high - low) * i) / 4;
      pen.beginPath();
      pen.moveTo(MARGIN.left, y(price));
      pen.lineTo(width - MARGIN.right, y(price));
      pen.stroke();
      pen.fillText(price.toFixed(2), width - MARGIN.right + 8, y(price) + 4);
    }
    for (let i = 0; i <= 3; i++) {
      const at = from + ((to - from) * i) / 3;
      const text = new Date(at).toISOString().slice(11, 16);
      pen.fillText(text, Math.min(x(at), width - MARGIN.right - 30), y(low) + 16);
    }
  }

  line(pen, { low, to, x, y }, colour) {
    const points = this.points;
    const rising = points.at(-1).price >= points[0].price;
    const stroke = colour(rising ? "--up" : "--down");
    // Prices hold until the next tick, so the line moves in steps.
    const path = new Path2D();
    points.forEach((point, i) => {
      if (i === 0) return path.moveTo(x(point.at), y(point.price));
      path.lineTo(x(point.at), y(points[i - 1].price));
      path.lineTo(x(point.at), y(point.price));
    });
    path.lineTo(x(to), y(points.at(-1).price));
    pen.strokeStyle = stroke;
    pen.lineWidth = 1.8;
    pen.stroke(path);
    path.lineTo(x(to), y(low));
    path.lineTo(x(points[0].at), y(low));
    pen.globalAlpha = 0.08;
    pen.fillStyle = stroke;
    pen.fill(path);
    pen.globalAlpha = 1;
  }
}

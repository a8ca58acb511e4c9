// What everything that shows something needs.

export const $ = (id) => document.getElementById(id);

export function element(tag, text = "", className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

export const direction = (number) => (number > 0 ? "up" : number < 0 ? "down" : "");
export const money = (text) =>
  Number(text).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

// Profit and loss: signed and coloured, and nothing at all for less than a hundredth.
export function showGain(node, gain) {
  node.textContent = money(gain);
  node.className = `number ${direction(Math.round(gain * 100))}`;
}

// A line that stays until it is dismissed; the oldest makes room.
const NOTICES_KEPT = 3;
export function notice(text, kind = "") {
  const line = element("p", text, kind);
  const button = element("button", "×", "plain");
  button.ariaLabel = "Dismiss";
  button.onclick = () => line.remove();
  line.append(button);
  $("notices").append(line);
  while ($("notices").children.length > NOTICES_KEPT) $("notices").firstChild.remove();
}

// The HTTP API for people to read: what /openapi.json says, and nothing else.

import { $, element } from "./dom.js";

let api = null;

// Headers that every answer may have.
const EVERYWHERE = ["X-Request-Id", "RateLimit-Policy", "RateLimit"];

// ---- texts -----------------------------------------------------------------------------

// Text with `code` in it, and nothing more of Markdown.
function prose(text, tag = "p") {
  const node = element(tag);
  text.split("`").forEach((part, at) => node.append(at % 2 ? element("code", part) : part));
  return node;
}

// Paragraphs, and lists whose lines begin with a star.
function words(text) {
  return text.split(/\n\s*\n/).filter(Boolean).map((block) => {
    if (!block.startsWith("* ")) return prose(block);
    const list = element("ul");
    list.append(...block.split(/^\* /m).filter(Boolean).map((line) => prose(line, "li")));
    return list;
  });
}

function link(text, id) {
  const node = element("a", text);
  node.href = `#${id}`;
  return node;
}

const resolved = (part) => {
  const steps = part.$ref?.slice(2).split("/") ?? [];
  return steps.length ? { ...steps.reduce((node, step) => node[step], api), ...part } : part;
};

// ---- schemas -----------------------------------------------------------------------------

const joined = (nodes, between) => nodes.flatMap((node, at) => (at ? [between, ...node] : node));
const codes = (values) => joined(values.map((value) => [element("code", JSON.stringify(value))]), ", ");

const LIMITS = {
  minimum: "from", maximum: "to", minLength: "at least", maxLength: "at most",
  minItems: "at least", maxItems: "at most", default: "without it",
};

// What a value looks like, as nodes to stand in one line.
function kind(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return [link(name, `type-${name}`)];
  }
  const said = plainKind(schema);
  const form = schema.format ?? schema.pattern;
  if (form) said.push(" ", element("code", form));
  for (const [name, word] of Object.entries(LIMITS)) {
    if (name in schema && !schema.prefixItems) said.push(`, ${word} ${JSON.stringify(schema[name])}`);
  }
  return said;
}

function plainKind(schema) {
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return joined(several.map(kind), " or ");
  if (schema.enum) return codes(schema.enum);
  if ("const" in schema) return codes([schema.const]);
  if (schema.prefixItems) return ["[", ...joined(schema.prefixItems.map(kind), ", "), "]"];
  if (schema.type === "array") return ["list of ", ...kind(schema.items ?? {})];
  const others = schema.additionalProperties;
  if (others instanceof Object) return ["object of ", ...kind(others)];
  return [schema.type ?? "anything"];
}

function row(name, required, type, text) {
  const node = element("tr");
  const [first, second, third] = [element("th"), element("td", "", "type"), element("td")];
  first.append(element("code", name), required ? "" : element("span", " ?", "quiet"));
  if (!required) first.title = "may be left out";
  second.append(...type);
  third.append(...words(text ?? ""));
  node.append(first, second, third);
  return node;
}

function table(rows) {
  const node = element("table");
  node.append(...rows);
  return node;
}

function members(schema) {
  const required = new Set(schema.required ?? []);
  return table(Object.entries(schema.properties).map(([name, member]) =>
    row(name, required.has(name), kind(member), member.description)));
}

// ---- operations ----------------------------------------------------------------------------

function parameters(list) {
  if (!list?.length) return [];
  const rows = list.map(resolved).map((one) => {
    const text = one.in === "header" ? `Header. ${one.description ?? ""}` : one.description;
    return row(one.name, one.required, kind(one.schema), text);
  });
  return [element("h4", "Parameters"), table(rows)];
}

function body(asked) {
  if (!asked) return [];
  const line = element("p", asked.required ? "" : "May be left out: ");
  line.append(...kind(asked.content["application/json"].schema));
  return [element("h4", "Body"), line];
}

function answer(status, said) {
  const node = element("tr");
  const [first, second, third] = [element("th"), element("td", "", "type"), element("td")];
  first.append(element("span", status, `status s${status[0]}`));
  const shapes = Object.values(said.content ?? {}).map((media) => kind(media.schema));
  second.append(...joined(shapes, " or "));
  third.append(...words(said.description));
  const headers = Object.keys(said.headers ?? {}).filter((name) => !EVERYWHERE.includes(name));
  if (headers.length) third.append(element("p", `With ${headers.join(", ")}.`, "quiet"));
  node.append(first, second, third);
  return node;
}

function operation(path, method, said) {
  const node = element("details");
  node.id = said.operationId;
  const head = element("summary");
  const asked = said.security.length && said.security.every((way) => Object.keys(way).length);
  if (asked) head.append(element("span", "token", "token"));
  head.append(element("span", method, `method ${method}`), element("span", path, "path"), prose(said.summary, "span"));
  const inside = element("div");
  const answers = Object.entries(said.responses).map(([status, one]) => answer(status, resolved(one)));
  inside.append(
    ...words(said.description ?? ""), ...parameters(said.parameters), ...body(said.requestBody),
    element("h4", "Answers"), table(answers),
  );
  node.append(head, inside);
  return node;
}

function type(name, schema) {
  const node = element("details");
  node.id = `type-${name}`;
  const head = element("summary");
  head.append(element("span", name, "path"));
  const inside = element("div");
  inside.append(...words(schema.description ?? ""));
  if (schema.properties) inside.append(members(schema));
  else inside.append(...kind(schema));
  node.append(head, inside);
  return node;
}

// ---- the page --------------------------------------------------------------------------------

function paint() {
  const all = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, said]) => ({ path, method, said })));
  for (const { name } of api.tags) {
    const here = all.filter(({ said }) => said.tags.includes(name));
    $("contents").append(element("h3", name), ...here.map(({ said }) => link(said.operationId, said.operationId)));
    $("operations").append(element("h2", name), ...here.map(({ path, method, said }) => operation(path, method, said)));
  }
  const types = Object.entries(api.components.schemas).sort(([one], [other]) => (one < other ? -1 : 1));
  $("types").append(...types.map(([name, schema]) => type(name, schema)));
  $("title").textContent = `${api.info.title} API`;
  $("version").textContent = api.info.version;
  $("about").append(...words(api.info.description));
}

function unfold() {
  const wanted = location.hash && $(location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) wanted.open = true;
  if (wanted) wanted.scrollIntoView();
}

function filter() {
  const text = $("filter").value.toLowerCase();
  for (const node of document.querySelectorAll("details")) {
    node.hidden = !node.textContent.toLowerCase().includes(text);
  }
}

async function main() {
  const answered = await fetch("/openapi.json");
  if (!answered.ok) throw new Error(`the server answers ${answered.status}`);
  api = await answered.json();
  paint();
  unfold();
}

addEventListener("hashchange", unfold);
$("filter").oninput = filter;
main().catch((why) => {
  $("trouble").textContent = `The document cannot be shown: ${why.message}`;
  $("trouble").hidden = false;
});

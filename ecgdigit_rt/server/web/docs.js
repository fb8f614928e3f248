// The interface, written from its own OpenAPI description.

import { html } from "./drawing.js";

const byId = (id) => document.getElementById(id);

function table(heads, rows) {
  const head = html("tr", {}, ...heads.map((text) => html("th", { scope: "col" }, text)));
  const body = rows.map((cells) => html("tr", {}, ...cells.map((cell) => html("td", {}, cell))));
  return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, head), html("tbody", {}, ...body)));
}

function code(text) {
  return html("code", {}, text);
}

function kind(schema, schemas) {
  const all = (schema.anyOf ?? schema.allOf ?? [schema]).filter((one) => one.type !== "null");
  const one = all[0]?.$ref ? schemas[all[0].$ref.split("/").pop()] : (all[0] ?? {});
  if (one.enum) return one.enum.join(", ");
  const limits = [one.minimum, one.maximum].every((limit) => limit != null) ? `, ${one.minimum} to ${one.maximum}` : "";
  return `${one.type ?? ""}${limits}`;
}

function operation(path, method, facts, schemas) {
  const title = html("h2", {}, html("span", { class: `method ${method}` }, method.toUpperCase()), path);
  const parts = [title, html("p", {}, (facts.description ?? facts.summary).replaceAll("`", ""))];
  if (facts.parameters) {
    parts.push(html("h3", {}, "Query"));
    const rows = facts.parameters.map((one) => {
      const preset = one.schema.default == null ? "" : ` (${one.schema.default})`;
      return [code(one.name), `${kind(one.schema, schemas)}${preset}`, (one.description ?? "").replaceAll("`", "")];
    });
    parts.push(table(["Name", "Value", "Meaning"], rows));
  }
  parts.push(html("h3", {}, "Answers"));
  const rows = Object.entries(facts.responses).map(([status, answer]) => {
    const types = Object.keys(answer.content ?? {}).join(", ");
    return [code(status), answer.description, types];
  });
  parts.push(table(["Status", "When", "Type"], rows));
  return html("article", {}, ...parts);
}

const schema = await (await fetch("openapi.json")).json();
byId("description").textContent = schema.info.description.replaceAll("`", "");
const header = schema.components.securitySchemes ? ' -H "Authorization: Bearer $ECGDIGIT_TOKEN"' : "";
const address = location.href.replace(/docs.*$/, "");
byId("example").textContent = `curl -F file=@scan.jpg${header} "${address}v1/digitize?format=csv" -o scan.csv`;
const schemas = schema.components.schemas;
for (const [path, operations] of Object.entries(schema.paths)) {
  for (const [method, facts] of Object.entries(operations)) {
    byId("operations").append(operation(path, method, facts, schemas));
  }
}

// API reference, generated from the OpenAPI description.

import { html } from "./drawing.js";

const byId = (id) => document.getElementById(id);

function table(headings, rows) {
  const header = html("tr", {}, ...headings.map((text) => html("th", { scope: "col" }, text)));
  const body = rows.map((cells) => html("tr", {}, ...cells.map((cell) => html("td", {}, cell))));
  return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, header), html("tbody", {}, ...body)));
}

function code(text) {
  return html("code", {}, text);
}

function typeName(schema, schemas) {
  const types = (schema.anyOf ?? schema.allOf ?? [schema]).filter((type) => type.type !== "null");
  const type = types[0]?.$ref ? schemas[types[0].$ref.split("/").pop()] : (types[0] ?? {});
  if (type.enum) return type.enum.join(", ");
  const hasLimits = [type.minimum, type.maximum].every((limit) => limit != null);
  return `${type.type ?? ""}${hasLimits ? `, ${type.minimum} to ${type.maximum}` : ""}`;
}

function operationArticle(path, method, operation, schemas) {
  const title = html("h2", {}, html("span", { class: `method ${method}` }, method.toUpperCase()), path);
  const parts = [title, html("p", {}, (operation.description ?? operation.summary).replaceAll("`", ""))];
  if (operation.parameters) {
    parts.push(html("h3", {}, "Query parameters"));
    const rows = operation.parameters.map(({ name, schema, description }) => {
      const byDefault = schema.default == null ? "" : `, default ${schema.default}`;
      return [code(name), `${typeName(schema, schemas)}${byDefault}`, (description ?? "").replaceAll("`", "")];
    });
    parts.push(table(["Name", "Type", "Description"], rows));
  }
  parts.push(html("h3", {}, "Responses"));
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    return [code(status), response.description, Object.keys(response.content ?? {}).join(", ")];
  });
  parts.push(table(["Status", "Description", "Media type"], rows));
  return html("article", {}, ...parts);
}

const description = await (await fetch("openapi.json")).json();
byId("description").textContent = description.info.description.replaceAll("`", "");
const authorization = description.components.securitySchemes ? ' -H "Authorization: Bearer $ECGDIGIT_TOKEN"' : "";
const baseUrl = location.href.replace(/docs.*$/, "");
byId("example").textContent = `curl -F file=@scan.jpg${authorization} "${baseUrl}v1/digitize?format=csv" -o scan.csv`;
for (const [path, operations] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    byId("operations").append(operationArticle(path, method, operation, description.components.schemas));
  }
}

// HTML and SVG elements, lead names, and the highlighted lead.

export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6",
  "V3R", "V4R", "V5R", "V6R", "V7", "V8", "V9"];

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Returns the path data of a line through the points x, y, x, y, …
export function pathData(flat, isClosed = false) {
  let path = "";
  for (let k = 0; k + 1 < flat.length; k += 2) path += `${k ? "L" : "M"}${flat[k]} ${flat[k + 1]}`;
  return isClosed ? `${path}Z` : path;
}

// Highlights a lead in the image and on the ECG paper. An empty name removes the highlight.
export function highlightLead(lead) {
  for (const element of document.querySelectorAll("[data-lead]")) {
    element.classList.toggle("highlighted", element.dataset.lead === lead);
  }
  document.body.classList.toggle("highlighting", Boolean(lead));
}

// SVG elements, and the colours of the leads.

export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];

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

// x, y, x, y, … as the path of a line.
export function line(flat, isClosed = false) {
  let path = "";
  for (let k = 0; k + 1 < flat.length; k += 2) path += `${k ? "L" : "M"}${flat[k]} ${flat[k + 1]}`;
  return isClosed ? `${path}Z` : path;
}

// Both drawings mark the lead that is pointed at in either.
export function pointAt(lead) {
  for (const one of document.querySelectorAll("[data-lead]")) {
    one.classList.toggle("hot", one.dataset.lead === lead);
  }
  document.body.classList.toggle("pointing", Boolean(lead));
}

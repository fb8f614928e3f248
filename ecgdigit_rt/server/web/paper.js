// The leads on ECG paper, in millimetre: rows as on the page, 25 mm/s and 10 mm/mV.

import { html, line, pointAt, svg } from "./drawing.js";

const LEFT = 14;
const SPEED = 25;
const GAIN = 10;
const ROOM = 3.5;
const NAME = 4.2;
const MOST = 32;

export function paper(page, rows) {
  const seconds = Math.max(2.5, ...rows.flat().map((one) => one.end_s));
  const width = Math.ceil((LEFT + seconds * SPEED + 4) / 5) * 5;
  const least = Math.max(8, Math.min(13, 62 / rows.length));
  const drawn = rows.map((row) => row.map((one) => ({ ...one, ...samples(page.leads[one.lead], one) })));
  let height = 2;
  const places = drawn.map((row) => {
    const values = row.flatMap((one) => [one.high, one.low]);
    const up = Math.min(Math.max(least, Math.max(0, ...values) * GAIN + ROOM), MOST) + NAME / 2;
    const down = Math.min(Math.max(least - 3, -Math.min(0, ...values) * GAIN + ROOM), MOST);
    height += up + down;
    return { top: height - up - down, zero: height - down };
  });
  height = Math.ceil((height + 6) / 5) * 5;
  const sheet = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "ecg-paper" });
  sheet.append(title(page, rows), grid(), svg("rect", { width, height, class: "ground" }));
  sheet.append(svg("rect", { width, height, fill: "url(#millimetres)" }));
  drawn.forEach((row, k) => sheet.append(...rowParts(row, places[k])));
  return sheet;
}

function title(page, rows) {
  const element = svg("title");
  element.textContent = `${Object.keys(page.leads).length} leads in ${rows.length} rows`;
  return element;
}

function grid() {
  const fine = svg("path", { d: "M1 0V5M2 0V5M3 0V5M4 0V5M0 1H5M0 2H5M0 3H5M0 4H5", class: "fine" });
  const bold = svg("path", { d: "M0 0V5M0 0H5", class: "bold" });
  const pattern = svg("pattern", { id: "millimetres", width: 5, height: 5, patternUnits: "userSpaceOnUse" }, fine, bold);
  return svg("defs", {}, pattern);
}

function samples(lead, { start_s, end_s }) {
  if (!lead) return { points: null, high: 0, low: 0 };
  const points = [];
  let high = 0;
  let low = 0;
  for (let k = 0; k < lead.mv.length; k += 1) {
    const at = lead.start_s + k / lead.rate_hz;
    if (at < start_s - 1e-6 || at >= end_s - 1e-6) continue;
    points.push(at, lead.mv[k]);
    high = Math.max(high, lead.mv[k]);
    low = Math.min(low, lead.mv[k]);
  }
  return { points, high, low };
}

function rowParts(row, { top, zero }) {
  const pulse = svg("path", { d: `M2.5 ${zero}H4V${zero - GAIN}H9V${zero}H10.5`, class: "trace" });
  const parts = [pulse];
  for (const one of row) {
    const x = LEFT + one.start_s * SPEED;
    const group = svg("g", { "data-lead": one.lead, class: "lead" });
    if (one.start_s > 0) group.append(svg("path", { d: `M${x} ${zero - 2.5}V${zero + 2.5}`, class: "seam" }));
    if (one.points) {
      const flat = one.points.map((value, k) => (k % 2 ? zero - value * GAIN : LEFT + value * SPEED).toFixed(2));
      group.append(svg("path", { d: line(flat), class: "trace" }), svg("path", { d: line(flat), class: "touch" }));
    }
    const name = svg("text", { x: x + 1, y: top + NAME, class: one.points ? "name" : "name absent" });
    name.textContent = one.points ? one.lead : `${one.lead} not found`;
    group.append(name);
    group.addEventListener("pointerenter", () => pointAt(one.lead));
    group.addEventListener("pointerleave", () => pointAt(""));
    parts.push(group);
  }
  return parts;
}

export function tableRows(page) {
  return Object.entries(page.leads).map(([name, lead]) => {
    const cells = [
      `${lead.start_s.toFixed(2)} to ${lead.end_s.toFixed(2)} s`,
      `${Math.round(lead.confidence * 100)} %`,
      lead.expected_error_mv == null ? "unknown" : `${Math.round(lead.expected_error_mv * 1000)} µV`,
    ];
    const head = html("th", { scope: "row", "data-lead": name }, name);
    return html("tr", {}, head, ...cells.map((text) => html("td", {}, text)));
  });
}

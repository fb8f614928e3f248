// Leads on ECG paper, in millimeters: rows as on the page, 25 mm/s and 10 mm/mV.

import { highlightLead, html, pathData, svg } from "./drawing.js";

// Left margin in millimeters, hand-picked. Standard paper speed in mm/s and gain in mm/mV.
const LEFT = 14;
const SPEED = 25;
const GAIN = 10;

// Distances around a row in millimeters: margin of the trace, height of the lead name, and maximum distance above
// and below the baseline.
// Hand-picked, not tuned.
const MARGIN = 3.5;
const NAME_HEIGHT = 4.2;
const MAX_SIDE = 32;

export function ecgPaper(page, rows) {
  const seconds = Math.max(2.5, ...rows.flat().map((segment) => segment.end_s));
  const width = Math.ceil((LEFT + seconds * SPEED + 4) / 5) * 5;
  const minSide = Math.max(8, Math.min(13, 62 / rows.length));
  const drawnRows = rows.map((row) =>
    row.map((segment) => ({ ...segment, ...segmentSamples(page.leads[segment.lead], segment) }))
  );
  let height = 2;
  const positions = drawnRows.map((row) => {
    const values = row.flatMap((segment) => [segment.max, segment.min]);
    const above = Math.min(Math.max(minSide, Math.max(0, ...values) * GAIN + MARGIN), MAX_SIDE) + NAME_HEIGHT / 2;
    const below = Math.min(Math.max(minSide - 3, -Math.min(0, ...values) * GAIN + MARGIN), MAX_SIDE);
    height += above + below;
    return { top: height - above - below, baseline: height - below };
  });
  height = Math.ceil((height + 6) / 5) * 5;
  const paper = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "ecg-paper" });
  paper.append(title(page, rows), gridPattern(), svg("rect", { width, height, class: "background" }));
  paper.append(svg("rect", { width, height, fill: "url(#millimetres)" }));
  drawnRows.forEach((row, k) => paper.append(...rowElements(row, positions[k])));
  return paper;
}

function title(page, rows) {
  const element = svg("title");
  element.textContent = `${Object.keys(page.leads).length} leads in ${rows.length} rows`;
  return element;
}

function gridPattern() {
  const minor = svg("path", { d: "M1 0V5M2 0V5M3 0V5M4 0V5M0 1H5M0 2H5M0 3H5M0 4H5", class: "minor" });
  const major = svg("path", { d: "M0 0V5M0 0H5", class: "major" });
  const attributes = { id: "millimetres", width: 5, height: 5, patternUnits: "userSpaceOnUse" };
  return svg("defs", {}, svg("pattern", attributes, minor, major));
}

// Returns the samples of a segment as time, mV, time, mV, … and the extremes in mV. The points of a missing lead
// are null.
function segmentSamples(lead, { start_s, end_s }) {
  if (!lead) return { points: null, max: 0, min: 0 };
  const points = [];
  let max = 0;
  let min = 0;
  for (let k = 0; k < lead.mv.length; k += 1) {
    const time = lead.start_s + k / lead.rate_hz;
    if (time < start_s - 1e-6 || time >= end_s - 1e-6) continue;
    points.push(time, lead.mv[k]);
    max = Math.max(max, lead.mv[k]);
    min = Math.min(min, lead.mv[k]);
  }
  return { points, max, min };
}

function rowElements(row, { top, baseline }) {
  const pulse = svg("path", { d: `M2.5 ${baseline}H4V${baseline - GAIN}H9V${baseline}H10.5`, class: "trace" });
  const elements = [pulse];
  for (const segment of row) {
    const x = LEFT + segment.start_s * SPEED;
    const group = svg("g", { "data-lead": segment.lead, class: "lead" });
    if (segment.start_s > 0) {
      group.append(svg("path", { d: `M${x} ${baseline - 2.5}V${baseline + 2.5}`, class: "separator" }));
    }
    if (segment.points) {
      const flat = segment.points.map((value, k) =>
        (k % 2 ? baseline - value * GAIN : LEFT + value * SPEED).toFixed(2)
      );
      const d = pathData(flat);
      group.append(svg("path", { d, class: "trace" }), svg("path", { d, class: "hit-area" }));
    }
    const name = svg("text", { x: x + 1, y: top + NAME_HEIGHT, class: segment.points ? "name" : "name missing" });
    name.textContent = segment.points ? segment.lead : `${segment.lead} not found`;
    group.append(name);
    group.addEventListener("pointerenter", () => highlightLead(segment.lead));
    group.addEventListener("pointerleave", () => highlightLead(""));
    elements.push(group);
  }
  return elements;
}

export function leadTableRows(page) {
  return Object.entries(page.leads).map(([name, lead]) => {
    const cells = [
      `${lead.start_s.toFixed(2)} to ${lead.end_s.toFixed(2)} s`,
      `${Math.round(lead.confidence * 100)} %`,
      lead.expected_error_mv == null ? "unknown" : `${Math.round(lead.expected_error_mv * 1000)} µV`,
    ];
    const heading = html("th", { scope: "row", "data-lead": name }, name);
    return html("tr", {}, heading, ...cells.map((text) => html("td", {}, text)));
  });
}

// Results of a page: summary, lead table, downloads and problems.

import { highlightLead, html, LEADS } from "./drawing.js";
import { ecgPaper, leadTableRows } from "./paper.js";

// Expected signal-to-noise ratios in dB: lower bounds of "good" and "fair", and the full scale of the meter.
// Hand-picked, not tuned.
const GOOD_DB = 18;
const FAIR_DB = 12;
const METER_DB = 30;

// Statuses for which the same request would fail again.
const PERMANENT_STATUSES = [413, 415, 422];

const FORMATS = [
  ["csv", "CSV", "table"],
  ["wfdb", "WFDB", "for PhysioNet"],
  ["parquet", "Parquet", "for pandas"],
  ["pdf", "PDF", "to print"],
  ["json", "JSON", "all results"],
];

// Extras whose names differ from the names of their formats.
const EXTRAS = { pdf: "serve" };

const byId = (id) => document.getElementById(id);

export function showPage(page, rows) {
  const names = Object.keys(page.leads);
  byId("page-name").textContent = page.page > 1 ? `${page.source}, page ${page.page}` : page.source;
  const isComplete = page.missing.length === 0;
  byId("badge").textContent = isComplete ? `${names.length} leads` : `${page.missing.join(", ")} missing`;
  byId("badge").className = isComplete ? "badge good" : "badge warn";
  showDoubts(page.doubts);
  byId("summary").replaceChildren(...summary(page));
  byId("notes").replaceChildren(...page.notes.map((note) => html("li", {}, note)));
  byId("paper").replaceChildren(ecgPaper(page, rows));
  byId("lead-table").replaceChildren(...leadTableRows(page));
  byId("provenance").textContent = `${page.software}, ${page.models}, ${page.device}.`;
}

// Shows the badge, the mark on the page image, and the sentences of a doubtful page. Without doubts, all are hidden.
export function showDoubts(doubts) {
  for (const id of ["doubt-badge", "doubts", "doubt-mark"]) byId(id).hidden = doubts.length === 0;
  byId("viewer").classList.toggle("doubtful", doubts.length > 0);
  byId("doubt-list").replaceChildren(
    ...doubts.map(({ id, message }) => html("li", {}, `${message} `, html("code", {}, id)))
  );
}

function summary(page) {
  const db = page.expected_db;
  const errors = Object.values(page.leads).map((lead) => lead.expected_error_mv).filter((error) => error != null);
  const median = errors.sort((a, b) => a - b)[Math.floor(errors.length / 2)];
  const { name, speed_mm_s: speed, gain_mm_mv: gain } = page.layout;
  return [
    summaryItem("Expected quality", db == null ? "unknown" : `${Math.round(db) || 0} dB`, qualityMeter(db)),
    summaryItem("Expected error", median == null ? "unknown" : `${Math.round(median * 1000)} µV`, "median lead"),
    summaryItem("Layout", name, `${page.duration_s.toFixed(1)} s`),
    summaryItem("Scale", `${speed} mm/s`, `${gain} mm/mV`),
  ];
}

function qualityMeter(db) {
  if (db == null) return "";
  const text = db >= GOOD_DB ? "good" : db >= FAIR_DB ? "fair" : "poor: check the traces";
  const kind = db >= GOOD_DB ? "good" : db >= FAIR_DB ? "fair" : "poor";
  const meter = html("span", { class: `meter ${kind}`, "aria-hidden": "true" }, html("i"));
  meter.firstChild.style.width = `${Math.round(100 * Math.min(Math.max(db / METER_DB, 0.04), 1))}%`;
  const parts = document.createDocumentFragment();
  parts.append(text, meter);
  return parts;
}

function summaryItem(term, value, remark) {
  const item = html("div", {}, html("dt", {}, term), html("dd", {}, value));
  item.append(html("dd", { class: "remark" }, remark));
  return item;
}

export function showLeadChips(names, onToggle) {
  const chips = LEADS.filter((name) => names.includes(name)).map((name) => {
    const chip = html("button", { type: "button", class: "chip lead", "aria-pressed": "true", "data-lead": name }, name);
    chip.addEventListener("click", () => {
      const isShown = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(isShown));
      onToggle(name, isShown);
    });
    for (const event of ["pointerenter", "focus"]) chip.addEventListener(event, () => highlightLead(name));
    for (const event of ["pointerleave", "blur"]) chip.addEventListener(event, () => highlightLead(""));
    return chip;
  });
  byId("lead-chips").replaceChildren(...chips);
}

export function showDownloads(available, onClick) {
  const buttons = FORMATS.map(([format, label, purpose]) => {
    const button = html("button", { type: "button", class: "button small", "data-format": format }, label);
    button.append(html("small", {}, purpose));
    if (!available[format]) {
      button.disabled = true;
      button.title = `Not installed on the server: pip install "ecgdigit-rt[${EXTRAS[format] ?? format}]"`;
    }
    button.addEventListener("click", () => onClick(format, button));
    return button;
  });
  byId("downloads").replaceChildren(...buttons);
}

export function showProblem(problem) {
  byId("problem").hidden = !problem;
  if (!problem) return;
  const isPage = /^E-(PAGE|GRID|ROWS|LAYOUT|LEADS|QUALITY|DOUBT|INPUT)/.test(problem.error_id);
  byId("problem-title").textContent = isPage ? "The page cannot be digitized" : problem.title || "The request failed";
  byId("problem-detail").textContent = capitalized(problem.detail ?? problem.message);
  byId("problem-hint").textContent = capitalized(withFieldNames(problem.hint ?? ""));
  byId("problem-id").textContent = problem.error_id;
  byId("retry").hidden = PERMANENT_STATUSES.includes(problem.status);
}

// Replaces the command-line options in a hint with the names of the form fields.
function withFieldNames(hint) {
  return hint.replace(/--(?:layout|speed|gain) (?=[\dI])/g, "").replace(/--(layout|speed|gain)/g, "the $1");
}

function capitalized(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}

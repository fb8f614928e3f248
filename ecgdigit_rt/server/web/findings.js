// What was read, in words and figures.

import { html, LEADS, pointAt } from "./drawing.js";
import { paper, tableRows } from "./paper.js";

const CLEAR_DB = 18;
const FAIR_DB = 12;
const MOST_DB = 30;
const LASTING = [413, 415, 422];

const FORMATS = [
  ["csv", "CSV", "a table"],
  ["wfdb", "WFDB", "for PhysioNet"],
  ["parquet", "Parquet", "for pandas"],
  ["pdf", "PDF", "to print"],
  ["json", "JSON", "everything"],
];

const byId = (id) => document.getElementById(id);

export function showPage(page, rows) {
  const found = Object.keys(page.leads);
  byId("name").textContent = page.page > 1 ? `${page.source}, page ${page.page}` : page.source;
  const isWhole = page.missing.length === 0;
  byId("badge").textContent = isWhole ? `${found.length} leads` : `without ${page.missing.join(", ")}`;
  byId("badge").className = isWhole ? "badge good" : "badge warn";
  byId("figures").replaceChildren(...figures(page));
  byId("notes").replaceChildren(...page.notes.map((note) => html("li", {}, note)));
  byId("paper").replaceChildren(paper(page, rows));
  byId("table").replaceChildren(...tableRows(page));
  byId("made").textContent = `${page.software}, ${page.models}, ${page.device}.`;
}

function figures(page) {
  const db = page.expected_db;
  const errors = Object.values(page.leads).map((lead) => lead.expected_error_mv).filter((one) => one != null);
  const error = errors.sort((a, b) => a - b)[Math.floor(errors.length / 2)];
  const { name, speed_mm_s: speed, gain_mm_mv: gain } = page.layout;
  return [
    figure("Expected quality", db == null ? "unknown" : `${db.toFixed(0)} dB`, quality(db)),
    figure("Expected error", error == null ? "unknown" : `${Math.round(error * 1000)} µV`, "in a typical lead"),
    figure("Layout", name, `${page.duration_s.toFixed(1)} s in all`),
    figure("Scale", `${speed} mm/s`, `${gain} mm/mV`),
  ];
}

function quality(db) {
  if (db == null) return "";
  const word = db >= CLEAR_DB ? "clear" : db >= FAIR_DB ? "fair" : "look closely";
  const kind = db >= CLEAR_DB ? "good" : db >= FAIR_DB ? "fair" : "poor";
  const meter = html("span", { class: `meter ${kind}`, "aria-hidden": "true" }, html("i"));
  meter.firstChild.style.width = `${Math.round(100 * Math.min(Math.max(db / MOST_DB, 0.04), 1))}%`;
  const both = document.createDocumentFragment();
  both.append(word, meter);
  return both;
}

function figure(term, value, aside) {
  const box = html("div", {}, html("dt", {}, term), html("dd", {}, value));
  box.append(html("dd", { class: "aside" }, aside));
  return box;
}

export function chips(names, toggled) {
  const made = LEADS.filter((name) => names.includes(name)).map((name) => {
    const chip = html("button", { type: "button", class: "chip lead", "aria-pressed": "true", "data-lead": name }, name);
    chip.addEventListener("click", () => {
      const isShown = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(isShown));
      toggled(name, isShown);
    });
    for (const begin of ["pointerenter", "focus"]) chip.addEventListener(begin, () => pointAt(name));
    for (const end of ["pointerleave", "blur"]) chip.addEventListener(end, () => pointAt(""));
    return chip;
  });
  byId("chips").replaceChildren(...made);
}

export function downloads(ready, wanted) {
  const made = FORMATS.map(([format, label, what]) => {
    const button = html("button", { type: "button", class: "button small", "data-format": format }, label);
    button.append(html("small", {}, what));
    if (!ready[format]) {
      button.disabled = true;
      button.title = `Where the service runs: pip install "ecgdigit-rt[${format}]"`;
    }
    button.addEventListener("click", () => wanted(format, button));
    return button;
  });
  byId("downloads").replaceChildren(...made);
}

export function showProblem(problem) {
  byId("problem").hidden = !problem;
  if (!problem) return;
  const isPage = /^E-(PAGE|GRID|ROWS|LAYOUT|LEADS|QUALITY|INPUT)/.test(problem.error_id);
  byId("problem-title").textContent = isPage ? "This page cannot be read" : problem.title || "That did not work";
  byId("problem-detail").textContent = sentence(problem.detail ?? problem.message);
  byId("problem-hint").textContent = sentence(inThisForm(problem.hint ?? ""));
  byId("problem-id").textContent = problem.error_id;
  byId("retry").hidden = LASTING.includes(problem.status);
}

// Hints name options of the command line; here they are fields of the form.
function inThisForm(hint) {
  return hint.replace(/--layout (\S+?)([,.;]|$| for)/g, "layout $1$2").replace(/use --layout/g, "name the layout");
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}

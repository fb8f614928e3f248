// The page: what was given, what is being done with it, what came out. The file itself stays here.

import { about, download, setToken, stream, takeTokenFromAddress } from "./client.js";
import { html } from "./drawing.js";
import { chips, downloads, showPage, showProblem } from "./findings.js";
import { Steps } from "./steps.js";
import { Viewer } from "./viewer.js";

const byId = (id) => document.getElementById(id);
const viewer = new Viewer(byId("viewer"), byId("scene"));
const steps = new Steps(byId("steps"), say);
const given = { file: null, wish: {}, pages: 1, running: null, rows: [] };

function say(text) {
  byId("status").textContent = text;
  byId("waiting-text").textContent = text;
}

function state(name) {
  document.body.dataset.state = name;
  byId("start").hidden = name !== "empty";
  byId("work").hidden = name === "empty";
  byId("work").setAttribute("aria-busy", String(name === "busy"));
}

function open(file) {
  if (!file) return;
  given.file = file;
  given.pages = 1;
  byId("correct").reset();
  byId("rows-field").hidden = true;
  byId("page-field").hidden = true;
  viewer.clear();
  byId("findings").classList.add("fresh");
  byId("figures").replaceChildren();
  byId("paper").replaceChildren();
  read({});
}

async function read(wish) {
  given.running?.abort();
  const running = (given.running = new AbortController());
  given.wish = wish;
  showProblem(null);
  byId("save-error").hidden = true;
  byId("name").textContent = given.file.name || "photo";
  byId("work").classList.remove("blind");
  state("busy");
  steps.begin();
  say("Sending the page");
  try {
    await stream(given.file, wish, hear, running.signal);
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
  }
}

function hear(event, data) {
  if (event === "waiting") say("Waiting for a free place");
  if (event === "step") {
    if (data.pages) severalPages(data.pages);
    steps.done(data.step, data.seconds);
  }
  if (event === "sketch") {
    if (data.of === "picture") viewer.picture(data);
    else viewer.sketch(data);
    if (data.rows) given.rows = data.rows;
    byId("viewer").dataset.after = data.of;
  }
  if (event === "result") finished(data);
}

function finished(page) {
  state("done");
  byId("findings").classList.remove("fresh");
  showPage(page, given.rows);
  chips(Object.keys(page.leads), (lead, isShown) => viewer.showLead(lead, isShown));
  const { name, speed_mm_s: speed, gain_mm_mv: gain } = page.layout;
  say(`${Object.keys(page.leads).length} leads read: ${name}, ${speed} mm/s, ${gain} mm/mV`);
}

function failed(problem) {
  state("failed");
  byId("findings").classList.remove("fresh");
  steps.fail();
  if (problem.status === 401) {
    login(() => read(given.wish));
    return;
  }
  byId("work").classList.toggle("blind", !viewer.size);
  showProblem(problem);
  say("This page cannot be read");
}

function severalPages(count) {
  given.pages = count;
  byId("page-field").hidden = count < 2;
  byId("page").max = count;
  byId("page-count").textContent = `of ${count}`;
}

function login(then) {
  const dialog = byId("login");
  byId("login-error").hidden = !sessionStorage.getItem("token");
  byId("login-form").onsubmit = () => {
    setToken(byId("token").value.trim());
    byId("token").value = "";
    then();
  };
  if (!dialog.open) dialog.showModal();
}

async function save(format, button) {
  button.setAttribute("aria-busy", "true");
  byId("save-error").hidden = true;
  try {
    const { name, blob } = await download(given.file, given.wish, format);
    const link = html("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    say(`${name} saved`);
  } catch (problem) {
    byId("save-error").textContent = [problem.message, problem.hint].filter(Boolean).join(". ");
    byId("save-error").hidden = false;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function introduce() {
  try {
    const service = await about();
    const { inputs, limits, layouts, formats } = service;
    byId("kinds").textContent = inputs.join(", ");
    byId("limit").textContent = `up to ${limits.upload_mb} MB.`;
    downloads(formats, save);
    const named = layouts.map((name) => html("option", { value: name }, name));
    byId("layout").append(...named, html("option", { value: "/" }, "spelled out"));
  } catch (problem) {
    if (problem.status === 401) login(introduce);
    else byId("limit").textContent = "";
  }
}

function listen() {
  for (const input of [byId("file"), byId("photo")]) {
    input.addEventListener("change", () => {
      open(input.files[0]);
      input.value = "";
    });
  }
  addEventListener("paste", (event) => open(event.clipboardData?.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    open(event.dataTransfer?.files[0]);
  });
  byId("another").addEventListener("click", () => {
    given.running?.abort();
    state("empty");
  });
  byId("retry").addEventListener("click", () => read(given.wish));
  byId("zoom-in").addEventListener("click", () => viewer.zoom(1.35));
  byId("zoom-out").addEventListener("click", () => viewer.zoom(1 / 1.35));
  byId("zoom-all").addEventListener("click", () => viewer.all());
  byId("layers").addEventListener("click", (event) => {
    const layer = event.target.dataset.layer;
    if (!layer) return;
    const isShown = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", String(isShown));
    viewer.show(layer, isShown);
  });
  byId("all-leads").addEventListener("click", () => {
    const all = [...byId("chips").children];
    const isShown = all.some((chip) => chip.getAttribute("aria-pressed") !== "true");
    all.filter((chip) => (chip.getAttribute("aria-pressed") === "true") !== isShown).forEach((chip) => chip.click());
  });
  byId("layout").addEventListener("change", () => {
    byId("rows-field").hidden = byId("layout").value !== "/";
  });
  byId("correct").addEventListener("submit", (event) => {
    event.preventDefault();
    const { layout, rows, speed, gain, page } = Object.fromEntries(new FormData(event.target));
    read({ layout: layout === "/" ? rows : layout, speed, gain, page: given.pages > 1 ? page : "" });
  });
}

takeTokenFromAddress();
listen();
introduce();

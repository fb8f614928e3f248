// Web page: file selection, progress, results and downloads.

import { digitizeStream, download, serviceInfo, setToken, takeTokenFromUrl } from "./client.js";
import { html } from "./drawing.js";
import { showDoubts, showDownloads, showLeadChips, showPage, showProblem } from "./results.js";
import { Steps } from "./steps.js";
import { Viewer } from "./viewer.js";

// Zoom factor of one click. Hand-picked, not tuned.
const ZOOM_STEP = 1.35;
const CUSTOM_LAYOUT = "/";

const byId = (id) => document.getElementById(id);
const viewer = new Viewer(byId("viewer"), byId("scene"));
const steps = new Steps(byId("steps"), announce);
const current = { file: null, query: {}, pageCount: 1, request: null, rows: [] };

function announce(text) {
  byId("status").textContent = text;
  byId("progress-text").textContent = text;
}

function setState(name) {
  document.body.dataset.state = name;
  byId("start").hidden = name !== "empty";
  byId("work").hidden = name === "empty";
  byId("work").setAttribute("aria-busy", String(name === "busy"));
}

function openFile(file) {
  if (!file) return;
  current.file = file;
  current.pageCount = 1;
  byId("overrides").reset();
  byId("rows-field").hidden = true;
  byId("page-field").hidden = true;
  viewer.clear();
  byId("results").classList.add("loading");
  byId("summary").replaceChildren();
  byId("paper").replaceChildren();
  digitize({});
}

async function digitize(query) {
  current.request?.abort();
  const request = (current.request = new AbortController());
  current.query = query;
  showProblem(null);
  showDoubts([]);
  byId("download-error").hidden = true;
  byId("page-name").textContent = current.file.name || "photo";
  byId("work").classList.remove("no-image");
  setState("busy");
  steps.start();
  announce("Uploading the page");
  try {
    await digitizeStream(current.file, query, handleEvent, request.signal);
  } catch (error) {
    if (error.name !== "AbortError") showFailure(error);
  }
}

function handleEvent(event, data) {
  if (event === "waiting") announce("Waiting for a free worker");
  if (event === "step") {
    if (data.pages) setPageCount(data.pages);
    steps.complete(data.step, data.seconds);
  }
  if (event === "preview") {
    if (data.kind === "image") viewer.showImage(data);
    else viewer.showPreview(data);
    if (data.rows) current.rows = data.rows;
    byId("viewer").dataset.preview = data.kind;
  }
  if (event === "result") showResult(data);
}

function showResult(page) {
  setState("done");
  byId("results").classList.remove("loading");
  showPage(page, current.rows);
  showLeadChips(Object.keys(page.leads), (lead, isShown) => viewer.toggleLead(lead, isShown));
  const { name, speed_mm_s: speed, gain_mm_mv: gain } = page.layout;
  const doubtful = page.status === "doubtful" ? " The signals may be wrong." : "";
  announce(`${Object.keys(page.leads).length} leads digitized: ${name}, ${speed} mm/s, ${gain} mm/mV.${doubtful}`);
}

function showFailure(problem) {
  setState("failed");
  byId("results").classList.remove("loading");
  steps.fail();
  if (problem.status === 401) {
    askForToken(() => digitize(current.query));
    return;
  }
  byId("work").classList.toggle("no-image", !viewer.size);
  showProblem(problem);
  announce("The page cannot be digitized");
}

function setPageCount(count) {
  current.pageCount = count;
  byId("page-field").hidden = count < 2;
  byId("page").max = count;
  byId("page-count").textContent = `of ${count}`;
}

function askForToken(retry) {
  const dialog = byId("login");
  byId("login-error").hidden = !sessionStorage.getItem("token");
  byId("login-form").onsubmit = () => {
    setToken(byId("token").value.trim());
    byId("token").value = "";
    retry();
  };
  if (!dialog.open) dialog.showModal();
}

async function saveAs(format, button) {
  button.setAttribute("aria-busy", "true");
  byId("download-error").hidden = true;
  try {
    const { name, blob } = await download(current.file, current.query, format);
    const link = html("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    announce(`${name} saved`);
  } catch (problem) {
    byId("download-error").textContent = [problem.message, problem.hint].filter(Boolean).join(". ");
    byId("download-error").hidden = false;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function showServiceInfo() {
  try {
    const { inputs, limits, layouts, formats } = await serviceInfo();
    byId("input-types").textContent = inputs.join(", ");
    byId("upload-limit").textContent = `up to ${limits.upload_mb} MB.`;
    showDownloads(formats, saveAs);
    const options = layouts.map((name) => html("option", { value: name }, name));
    byId("layout").append(...options, html("option", { value: CUSTOM_LAYOUT }, "custom rows"));
  } catch (problem) {
    if (problem.status === 401) askForToken(showServiceInfo);
    else byId("upload-limit").textContent = "";
  }
}

function addFileListeners() {
  for (const input of [byId("file"), byId("photo")]) {
    input.addEventListener("change", () => {
      openFile(input.files[0]);
      input.value = "";
    });
  }
  addEventListener("paste", (event) => openFile(event.clipboardData?.files[0]));
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
    openFile(event.dataTransfer?.files[0]);
  });
  byId("new-page").addEventListener("click", () => {
    current.request?.abort();
    setState("empty");
  });
  byId("retry").addEventListener("click", () => digitize(current.query));
}

function addViewListeners() {
  byId("zoom-in").addEventListener("click", () => viewer.zoom(ZOOM_STEP));
  byId("zoom-out").addEventListener("click", () => viewer.zoom(1 / ZOOM_STEP));
  byId("zoom-fit").addEventListener("click", () => viewer.fit());
  byId("layers").addEventListener("click", (event) => {
    const layer = event.target.dataset.layer;
    if (!layer) return;
    const isShown = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", String(isShown));
    viewer.toggleLayer(layer, isShown);
  });
  byId("all-leads").addEventListener("click", () => {
    const all = [...byId("lead-chips").children];
    const isShown = all.some((chip) => chip.getAttribute("aria-pressed") !== "true");
    all.filter((chip) => (chip.getAttribute("aria-pressed") === "true") !== isShown).forEach((chip) => chip.click());
  });
}

function addOverrideListeners() {
  byId("layout").addEventListener("change", () => {
    byId("rows-field").hidden = byId("layout").value !== CUSTOM_LAYOUT;
  });
  byId("overrides").addEventListener("submit", (event) => {
    event.preventDefault();
    const { layout, rows, speed, gain, page } = Object.fromEntries(new FormData(event.target));
    digitize({
      layout: layout === CUSTOM_LAYOUT ? rows : layout,
      speed,
      gain,
      page: current.pageCount > 1 ? page : "",
    });
  });
}

takeTokenFromUrl();
addFileListeners();
addViewListeners();
addOverrideListeners();
showServiceInfo();

// HTTP client of the service. The token comes from the URL fragment or the form, and is stored for this tab only.

const TOKEN_KEY = "token";

export class Problem extends Error {
  constructor(details) {
    super(details.detail ?? "The service does not respond");
    Object.assign(this, { hint: "", error_id: "", status: 0 }, details);
  }
}

export function takeTokenFromUrl() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  setToken(token);
  history.replaceState(null, "", location.pathname);
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
}

function headers() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { authorization: `Bearer ${token}` } : {};
}

// Returns a response with a successful status. Otherwise throws a Problem, or an AbortError.
async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: headers(), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No connection",
      detail: "The service does not respond.",
      hint: "Check that it is running, then try again. The file is still selected.",
    });
  }
  if (response.ok) return response;
  const isProblem = (response.headers.get("content-type") ?? "").includes("json");
  throw new Problem(isProblem ? await response.json() : { detail: `HTTP ${response.status}`, status: response.status });
}

function form(file) {
  const body = new FormData();
  body.append("file", file, file.name || "photo.jpg");
  return body;
}

function queryString(query) {
  const specified = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return new URLSearchParams(specified).toString();
}

export async function serviceInfo() {
  return (await request("v1/about")).json();
}

// Calls onEvent(name, data) for every event of a page except `problem`, which is thrown as a Problem.
export async function digitizeStream(file, query, onEvent, signal) {
  const path = `v1/digitize/stream?${queryString({ ...query, previews: true })}`;
  const response = await request(path, { method: "POST", body: form(file), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let isComplete = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (!name) continue;
      if (name === "problem") throw new Problem(JSON.parse(data));
      isComplete ||= name === "result";
      onEvent(name, JSON.parse(data));
    }
  }
  if (!isComplete) {
    throw new Problem({ title: "Connection lost", detail: "The response is incomplete.", hint: "Try again." });
  }
}

export async function download(file, query, format) {
  const path = `v1/digitize?${queryString({ ...query, format })}`;
  const response = await request(path, { method: "POST", body: form(file) });
  const name = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("content-disposition") ?? "")?.[1];
  return { name: decodeURIComponent(name ?? `page.${format}`), blob: await response.blob() };
}

// What talks to the service. The token stays in this tab: it comes behind # or from the form.

const STORED = "token";

export class Problem extends Error {
  constructor(facts) {
    super(facts.detail ?? "the service does not answer");
    Object.assign(this, { hint: "", error_id: "", status: 0 }, facts);
  }
}

export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  setToken(given);
  history.replaceState(null, "", location.pathname);
}

export function setToken(token) {
  sessionStorage.setItem(STORED, token);
}

function headers() {
  const token = sessionStorage.getItem(STORED);
  return token ? { authorization: `Bearer ${token}` } : {};
}

async function answered(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers(), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No connection",
      detail: "The service does not answer.",
      hint: "Is it still running? The page is still here: try again.",
    });
  }
  if (answer.ok) return answer;
  const isProblem = (answer.headers.get("content-type") ?? "").includes("json");
  const facts = isProblem ? await answer.json() : { detail: `HTTP ${answer.status}`, status: answer.status };
  throw new Problem(facts);
}

function form(file) {
  const body = new FormData();
  body.append("file", file, file.name || "photo.jpg");
  return body;
}

function query(wish) {
  const given = Object.entries(wish).filter(([, value]) => value !== "" && value != null);
  return new URLSearchParams(given).toString();
}

export async function about() {
  return (await answered("v1/about")).json();
}

// Calls hear(name, data) for every event of a page, until the last one.
export async function stream(file, wish, hear, signal) {
  const path = `v1/digitize/stream?${query({ ...wish, sketches: true })}`;
  const answer = await answered(path, { method: "POST", body: form(file), signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let isOver = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    waiting += value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (!name) continue;
      if (name === "problem") throw new Problem(JSON.parse(data));
      isOver ||= name === "result";
      hear(name, JSON.parse(data));
    }
  }
  if (!isOver) throw new Problem({ title: "Cut short", detail: "The answer ended before its end.", hint: "Try again." });
}

export async function download(file, wish, format) {
  const path = `v1/digitize?${query({ ...wish, format })}`;
  const answer = await answered(path, { method: "POST", body: form(file) });
  const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") ?? "")?.[1];
  return { name: decodeURIComponent(name ?? `page.${format}`), blob: await answer.blob() };
}

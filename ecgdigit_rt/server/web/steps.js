// The row of steps: which is done, which is being done, and how long each took.

import { html } from "./drawing.js";

const STEPS = [
  { label: "Open", done: "Picture opened", of: ["decode"] },
  { label: "Page", done: "Page found", of: ["locate"] },
  { label: "Grid", done: "Grid measured", of: ["grid", "rectify"] },
  { label: "Text", done: "Text read", of: ["closer"] },
  { label: "Layout", done: "Layout understood", of: ["layout"] },
  { label: "Curves", done: "Curves traced", of: ["trace"] },
  { label: "Leads", done: "Leads assembled", of: ["assemble"] },
];
const ORDER = STEPS.flatMap((step) => step.of);

export class Steps {
  constructor(list, say) {
    this.list = list;
    this.say = say;
    this.items = STEPS.map((step) => {
      const item = html("li", {}, html("span", { class: "dot" }), html("span", { class: "label" }, step.label));
      item.append(html("span", { class: "seconds" }));
      return item;
    });
    list.replaceChildren(...this.items);
  }

  begin() {
    this.seconds = {};
    this.items.forEach((item) => {
      item.className = "";
      item.querySelector(".seconds").textContent = "";
    });
    this.mark(0, "now");
  }

  done(name, seconds) {
    this.seconds[name] = (this.seconds[name] ?? 0) + seconds;
    const place = STEPS.findIndex((step) => step.of.includes(name));
    if (place < 0) return;
    const step = STEPS[place];
    if (ORDER.indexOf(name) < ORDER.indexOf(step.of.at(-1))) return;
    const took = step.of.reduce((sum, one) => sum + (this.seconds[one] ?? 0), 0);
    this.mark(place, "done");
    this.items[place].querySelector(".seconds").textContent = `${took.toFixed(2)} s`;
    if (place + 1 < STEPS.length) this.mark(place + 1, "now");
    this.say(step.done);
  }

  fail() {
    this.items.filter((item) => item.className === "now").forEach((item) => (item.className = "failed"));
  }

  mark(place, state) {
    this.items[place].className = state;
    if (state === "now") this.items[place].setAttribute("aria-current", "step");
    else this.items[place].removeAttribute("aria-current");
  }
}

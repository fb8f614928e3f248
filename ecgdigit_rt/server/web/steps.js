// Progress bar: completed and current steps, and the duration of each.

import { html } from "./drawing.js";

// Dots of the progress bar. `steps` are the names of the `step` events of a dot: "decode" and the pipeline steps.
const DOTS = [
  { label: "Open", completed: "Image decoded", steps: ["decode"] },
  { label: "Page", completed: "Page located", steps: ["locate"] },
  { label: "Grid", completed: "Grid detected", steps: ["grid", "rectify"] },
  { label: "Text", completed: "Text read", steps: ["text"] },
  { label: "Layout", completed: "Layout detected", steps: ["predict", "layout"] },
  { label: "Traces", completed: "Leads traced", steps: ["extent", "trace"] },
  { label: "Leads", completed: "Leads assembled", steps: ["assemble"] },
];

export class Steps {
  constructor(list, announce) {
    this.list = list;
    this.announce = announce;
    this.items = DOTS.map((dot) => {
      const item = html("li", {}, html("span", { class: "dot" }), html("span", { class: "label" }, dot.label));
      item.append(html("span", { class: "seconds" }));
      return item;
    });
    list.replaceChildren(...this.items);
  }

  start() {
    this.seconds = {};
    this.items.forEach((item) => {
      item.className = "";
      item.querySelector(".seconds").textContent = "";
    });
    this.mark(0, "current");
  }

  complete(step, seconds) {
    this.seconds[step] = seconds;
    const index = DOTS.findIndex((dot) => dot.steps.includes(step));
    if (index < 0 || step !== DOTS[index].steps.at(-1)) return;
    const total = DOTS[index].steps.reduce((sum, name) => sum + (this.seconds[name] ?? 0), 0);
    this.mark(index, "done");
    this.items[index].querySelector(".seconds").textContent = `${total.toFixed(2)} s`;
    if (index + 1 < DOTS.length) this.mark(index + 1, "current");
    this.announce(DOTS[index].completed);
  }

  fail() {
    this.items.filter((item) => item.className === "current").forEach((item) => (item.className = "failed"));
  }

  mark(index, state) {
    this.items[index].className = state;
    if (state === "current") this.items[index].setAttribute("aria-current", "step");
    else this.items[index].removeAttribute("aria-current");
  }
}

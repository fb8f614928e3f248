// The page and what is drawn over it; zoom and pan by wheel, fingers, keys and buttons.

import { LEADS, line, pointAt, svg } from "./drawing.js";

const MOST = 24;
const STEP = 1.35;

export class Viewer {
  constructor(box, scene) {
    this.box = box;
    this.scene = scene;
    this.fingers = new Map();
    this.clear();
    this.listen();
  }

  clear() {
    this.size = null;
    this.scene.classList.remove("understood");
    this.box.style.aspectRatio = "";
    this.layers = {};
    this.scene.replaceChildren();
    this.frame = svg("rect");
    this.scene.append(svg("clipPath", { id: "frame" }, this.frame));
    for (const name of ["picture", "shade", "mesh", "boxes", "marks", "curves"]) {
      this.layers[name] = svg("g", { class: name, "clip-path": "url(#frame)" });
      this.scene.append(this.layers[name]);
    }
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }

  async picture({ width, height, jpeg }) {
    const bytes = Uint8Array.from(atob(jpeg), (letter) => letter.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = url;
    this.size = { width, height };
    this.layers.picture.replaceChildren(svg("image", { href: url, width, height, preserveAspectRatio: "none" }));
    this.frame.setAttribute("width", width);
    this.frame.setAttribute("height", height);
    this.box.style.aspectRatio = `${width} / ${height}`;
    this.all();
  }

  // What one step found.
  sketch(facts) {
    const { width, height } = this.size ?? { width: 0, height: 0 };
    if (facts.picture) this.picture(facts.picture);
    if (facts.sheet) {
      const [left, top, right, bottom] = facts.sheet;
      const all = `M0 0H${width}V${height}H0Z`;
      const hole = `M${left} ${top}V${bottom}H${right}V${top}Z`;
      this.layers.shade.replaceChildren(svg("path", { d: all + hole, "fill-rule": "evenodd" }));
    }
    if (facts.marks) {
      const unit = width / 100;
      this.layers.marks.replaceChildren(...facts.marks.map((mark) => tag(mark, unit)));
    }
    if (facts.mesh) this.layers.mesh.replaceChildren(...facts.mesh.map((one) => svg("path", { d: line(one) })));
    if (facts.boxes) {
      this.layers.boxes.replaceChildren(...facts.boxes.map((one) => boxOf(one, width / 100)));
      this.scene.classList.add("understood");
    }
    if (facts.curves) this.curves(facts.curves);
  }

  curves(curves) {
    const names = LEADS.filter((name) => name in curves);
    const made = names.map((name) => {
      const d = line(curves[name]);
      const group = svg("g", { "data-lead": name, class: "curve" });
      group.append(svg("path", { d, class: "halo" }), svg("path", { d, class: "ink" }), svg("path", { d, class: "touch" }));
      group.addEventListener("pointerenter", () => pointAt(name));
      group.addEventListener("pointerleave", () => pointAt(""));
      return group;
    });
    this.layers.curves.replaceChildren(...made);
  }

  show(layer, isShown) {
    this.scene.classList.toggle(`with-${layer}`, isShown);
  }

  showLead(lead, isShown) {
    this.layers.curves.querySelector(`[data-lead="${lead}"]`)?.classList.toggle("off", !isShown);
  }

  all() {
    if (!this.size) return;
    this.view = { x: 0, y: 0, width: this.size.width, height: this.size.height };
    this.apply();
  }

  apply() {
    const { width, height } = this.size;
    const view = this.view;
    const factor = Math.min(Math.max(view.width, width / MOST), width * 1.25) / view.width;
    view.width *= factor;
    view.height *= factor;
    view.x = Math.min(Math.max(view.x, -0.4 * view.width), width - 0.6 * view.width);
    view.y = Math.min(Math.max(view.y, -0.4 * view.height), height - 0.6 * view.height);
    this.box.classList.toggle("near", view.width < 0.98 * width);
    this.scene.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  }

  place(clientX, clientY) {
    return new DOMPoint(clientX, clientY).matrixTransform(this.scene.getScreenCTM().inverse());
  }

  // A factor above 1 comes nearer; what is at the place stays there.
  zoom(factor, at) {
    if (!this.size) return;
    const view = this.view;
    const middle = at ?? { x: view.x + view.width / 2, y: view.y + view.height / 2 };
    const before = view.width;
    view.width /= factor;
    const limited = Math.min(Math.max(view.width, this.size.width / MOST), this.size.width * 1.25) / before;
    view.width = before * limited;
    view.height *= limited;
    view.x = middle.x - (middle.x - view.x) * limited;
    view.y = middle.y - (middle.y - view.y) * limited;
    this.apply();
  }

  move(dx, dy) {
    if (!this.size) return;
    this.view.x += dx * this.view.width;
    this.view.y += dy * this.view.height;
    this.apply();
  }

  listen() {
    const box = this.box;
    box.addEventListener("wheel", (event) => {
      if (!this.size) return;
      event.preventDefault();
      const speed = event.ctrlKey ? 0.01 : 0.0016;
      this.zoom(Math.exp(-event.deltaY * speed), this.place(event.clientX, event.clientY));
    }, { passive: false });
    box.addEventListener("keydown", (event) => {
      const actions = {
        "+": () => this.zoom(STEP), "=": () => this.zoom(STEP), "-": () => this.zoom(1 / STEP), 0: () => this.all(),
        ArrowLeft: () => this.move(-0.1, 0), ArrowRight: () => this.move(0.1, 0),
        ArrowUp: () => this.move(0, -0.1), ArrowDown: () => this.move(0, 0.1),
      };
      if (event.target !== box || event.ctrlKey || event.metaKey || !(event.key in actions)) return;
      event.preventDefault();
      actions[event.key]();
    });
    box.addEventListener("dblclick", (event) => this.zoom(2, this.place(event.clientX, event.clientY)));
    box.addEventListener("pointerdown", (event) => {
      if (!this.size || event.target.closest("button")) return;
      box.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, event);
    });
    box.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      box.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
  }

  // One finger moves the page, two also zoom it.
  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const others = [...this.fingers.values()].filter((one) => one.pointerId !== event.pointerId);
    const was = this.place(before.clientX, before.clientY);
    const is = this.place(event.clientX, event.clientY);
    this.fingers.set(event.pointerId, event);
    const share = 1 / (1 + others.length);
    this.view.x -= (is.x - was.x) * share;
    this.view.y -= (is.y - was.y) * share;
    this.apply();
    if (others.length === 1) {
      const apart = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      const x = (event.clientX + others[0].clientX) / 2;
      const y = (event.clientY + others[0].clientY) / 2;
      this.zoom(apart(event) / Math.max(apart(before), 1), this.place(x, y));
    }
  }
}

// A lead's stretch of a row, with its name in the corner.
function boxOf({ lead, outline }, unit) {
  const group = svg("g", { "data-lead": lead }, svg("path", { d: line(outline, true) }));
  const name = svg("text", { x: outline[0] + 0.5 * unit, y: outline[1] + 1.7 * unit, "font-size": 1.5 * unit });
  name.textContent = lead;
  group.append(name);
  return group;
}

function tag(mark, unit) {
  const group = svg("g", { transform: `translate(${mark.x} ${mark.y})` });
  const ring = svg("circle", { r: 1.5 * unit });
  const text = svg("text", { "font-size": 1.4 * unit, x: 2 * unit, y: 0.5 * unit });
  text.textContent = mark.lead;
  group.append(ring, text);
  return group;
}

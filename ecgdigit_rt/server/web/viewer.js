// Page image with overlays. It can be zoomed and panned with wheel, touch, keys and buttons.

import { highlightLead, LEADS, pathData, svg } from "./drawing.js";

const LAYERS = ["image", "shade", "mesh", "boxes", "marks", "curves"];
// Maximum zoom factor, and factor of one key press. Hand-picked, not tuned.
const MAX_ZOOM = 24;
const KEY_ZOOM = 1.35;

export class Viewer {
  constructor(box, scene) {
    this.box = box;
    this.scene = scene;
    this.pointers = new Map();
    this.clear();
    this.addListeners();
  }

  clear() {
    this.size = null;
    this.scene.classList.remove("has-layout");
    this.box.style.aspectRatio = "";
    this.layers = {};
    this.scene.replaceChildren();
    this.frame = svg("rect");
    this.scene.append(svg("clipPath", { id: "frame" }, this.frame));
    for (const name of LAYERS) {
      this.layers[name] = svg("g", { class: name, "clip-path": "url(#frame)" });
      this.scene.append(this.layers[name]);
    }
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }

  async showImage({ width, height, jpeg }) {
    const bytes = Uint8Array.from(atob(jpeg), (character) => character.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = url;
    this.size = { width, height };
    this.layers.image.replaceChildren(svg("image", { href: url, width, height, preserveAspectRatio: "none" }));
    this.frame.setAttribute("width", width);
    this.frame.setAttribute("height", height);
    this.box.style.aspectRatio = `${width} / ${height}`;
    this.fit();
  }

  // Draws the items that a `preview` event contains.
  showPreview(preview) {
    const { width, height } = this.size ?? { width: 0, height: 0 };
    if (preview.image) this.showImage(preview.image);
    if (preview.sheet) {
      const [left, top, right, bottom] = preview.sheet;
      const outside = `M0 0H${width}V${height}H0Z`;
      const hole = `M${left} ${top}V${bottom}H${right}V${top}Z`;
      this.layers.shade.replaceChildren(svg("path", { d: outside + hole, "fill-rule": "evenodd" }));
    }
    if (preview.marks) {
      this.layers.marks.replaceChildren(...preview.marks.map((mark) => markElement(mark, width / 100)));
    }
    if (preview.mesh) {
      this.layers.mesh.replaceChildren(...preview.mesh.map((flat) => svg("path", { d: pathData(flat) })));
    }
    if (preview.boxes) {
      this.layers.boxes.replaceChildren(...preview.boxes.map((box) => boxElement(box, width / 100)));
      this.scene.classList.add("has-layout");
    }
    if (preview.curves) this.showCurves(preview.curves);
  }

  showCurves(curves) {
    const names = LEADS.filter((name) => name in curves);
    const groups = names.map((name) => {
      const d = pathData(curves[name]);
      const group = svg("g", { "data-lead": name, class: "curve" });
      for (const part of ["halo", "line", "hit-area"]) group.append(svg("path", { d, class: part }));
      group.addEventListener("pointerenter", () => highlightLead(name));
      group.addEventListener("pointerleave", () => highlightLead(""));
      return group;
    });
    this.layers.curves.replaceChildren(...groups);
  }

  toggleLayer(layer, isShown) {
    this.scene.classList.toggle(`with-${layer}`, isShown);
  }

  toggleLead(lead, isShown) {
    this.layers.curves.querySelector(`[data-lead="${lead}"]`)?.classList.toggle("off", !isShown);
  }

  fit() {
    if (!this.size) return;
    this.view = { x: 0, y: 0, width: this.size.width, height: this.size.height };
    this.apply();
  }

  // Restricts the view to the image with a margin, and shows it.
  apply() {
    const { width, height } = this.size;
    const view = this.view;
    const factor = this.limitedWidth(view.width) / view.width;
    view.width *= factor;
    view.height *= factor;
    view.x = Math.min(Math.max(view.x, -0.4 * view.width), width - 0.6 * view.width);
    view.y = Math.min(Math.max(view.y, -0.4 * view.height), height - 0.6 * view.height);
    this.box.classList.toggle("zoomed", view.width < 0.98 * width);
    this.scene.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  }

  limitedWidth(width) {
    return Math.min(Math.max(width, this.size.width / MAX_ZOOM), this.size.width * 1.25);
  }

  imagePoint(clientX, clientY) {
    return new DOMPoint(clientX, clientY).matrixTransform(this.scene.getScreenCTM().inverse());
  }

  // Zooms by the factor around a point of the image. The default is the center of the view.
  zoom(factor, around) {
    if (!this.size) return;
    const view = this.view;
    const centre = around ?? { x: view.x + view.width / 2, y: view.y + view.height / 2 };
    const scale = this.limitedWidth(view.width / factor) / view.width;
    view.width *= scale;
    view.height *= scale;
    view.x = centre.x - (centre.x - view.x) * scale;
    view.y = centre.y - (centre.y - view.y) * scale;
    this.apply();
  }

  // Moves the view by fractions of its size.
  move(dx, dy) {
    if (!this.size) return;
    this.view.x += dx * this.view.width;
    this.view.y += dy * this.view.height;
    this.apply();
  }

  addListeners() {
    const box = this.box;
    box.addEventListener("wheel", (event) => {
      if (!this.size) return;
      event.preventDefault();
      const speed = event.ctrlKey ? 0.01 : 0.0016;
      this.zoom(Math.exp(-event.deltaY * speed), this.imagePoint(event.clientX, event.clientY));
    }, { passive: false });
    box.addEventListener("keydown", (event) => {
      const actions = {
        "+": () => this.zoom(KEY_ZOOM), "=": () => this.zoom(KEY_ZOOM), "-": () => this.zoom(1 / KEY_ZOOM),
        0: () => this.fit(),
        ArrowLeft: () => this.move(-0.1, 0), ArrowRight: () => this.move(0.1, 0),
        ArrowUp: () => this.move(0, -0.1), ArrowDown: () => this.move(0, 0.1),
      };
      if (event.target !== box || event.ctrlKey || event.metaKey || !(event.key in actions)) return;
      event.preventDefault();
      actions[event.key]();
    });
    box.addEventListener("dblclick", (event) => this.zoom(2, this.imagePoint(event.clientX, event.clientY)));
    box.addEventListener("pointerdown", (event) => {
      if (!this.size || event.target.closest("button")) return;
      box.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event);
    });
    box.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      box.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
  }

  // Pans with one pointer, pans and zooms with two.
  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers.values()].filter((pointer) => pointer.pointerId !== event.pointerId);
    const from = this.imagePoint(before.clientX, before.clientY);
    const to = this.imagePoint(event.clientX, event.clientY);
    this.pointers.set(event.pointerId, event);
    const fraction = 1 / (1 + others.length);
    this.view.x -= (to.x - from.x) * fraction;
    this.view.y -= (to.y - from.y) * fraction;
    this.apply();
    if (others.length === 1) {
      const other = others[0];
      const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      const centre = this.imagePoint((event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
      this.zoom(distance(event) / Math.max(distance(before), 1), centre);
    }
  }
}

// Returns the outline of a segment with its lead name in the corner. `unit` is 1 % of the image width.
function boxElement({ lead, outline }, unit) {
  const group = svg("g", { "data-lead": lead }, svg("path", { d: pathData(outline, true) }));
  const name = svg("text", { x: outline[0] + 0.5 * unit, y: outline[1] + 1.7 * unit, "font-size": 1.5 * unit });
  name.textContent = lead;
  group.append(name);
  return group;
}

// Returns a ring at a detected lead name, with the name next to it.
function markElement(mark, unit) {
  const group = svg("g", { transform: `translate(${mark.x} ${mark.y})` });
  const ring = svg("circle", { r: 1.5 * unit });
  const text = svg("text", { "font-size": 1.4 * unit, x: 2 * unit, y: 0.5 * unit });
  text.textContent = mark.lead;
  group.append(ring, text);
  return group;
}

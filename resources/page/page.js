// A page that shows a graph: pan, zoom, groups, search and details. It computes nothing and loads
// nothing. All texts come from a file that may be hostile, so they are only set as textContent.
"use strict";

const graph = JSON.parse(document.getElementById("graph").textContent);
const stage = document.getElementById("stage");
const side = document.getElementById("side");
const path = document.getElementById("path");
const search = document.getElementById("search");
const status = document.getElementById("status");

const SMALLEST = 0.03, LARGEST = 4, STEP = 1.25;
const FAR = 0.36; // below this scale, cards show only their names

// ---- scopes: the graph, and the inside of each group -------------------------------------------

const EMPTY = { // what the file leaves out
  about: "", problem: "", value: "", figures: [], attributes: [], inputs: [], outputs: [],
  inside: null,
};
const scopes = graph.scopes.map((scope, index) => {
  const nodes = scope.nodes.map((node) => ({ ...EMPTY, near: false, ...node }));
  const world = document.getElementById("scope" + index);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return { ...scope, index, nodes, world, byId, view: null, sharp: 0 };
});
let here = scopes[0];
let chosen = null; // a node of the current scope

function element(scope, node) {
  return document.getElementById("s" + scope.index + "-" + node.id);
}

function enter(index, nodeId) {
  here.world.hidden = true;
  here = scopes[index];
  here.world.hidden = false;
  choose(null);
  if (here.view === null) fit(); else place();
  showCards(Infinity);
  showPath();
  if (nodeId !== undefined) {
    choose(here.byId.get(nodeId));
    center(chosen);
  }
}

function showPath() {
  path.replaceChildren();
  const line = [];
  for (let at = here; at; at = at.parent === null ? null : scopes[at.parent]) line.unshift(at);
  line.forEach((scope, place) => {
    if (place) path.append(" › ");
    const button = make("button", scope.title);
    if (scope === here) button.setAttribute("aria-current", "page");
    button.addEventListener("click", () => enter(scope.index));
    path.append(button);
  });
}

// ---- pan and zoom --------------------------------------------------------------------------------

const REST = 160; // milliseconds without a move
let settle = 0;

function place() {
  const { x, y, scale } = here.view;
  here.world.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  clearTimeout(settle);
  settle = setTimeout(rest, REST);
}

function rest() {
  settle = 0;
  const { world, view, sharp } = here;
  if (view.scale !== sharp) { // so far, a picture of another scale was moved
    here.sharp = view.scale;
    world.classList.add("sharp");
    requestAnimationFrame(() => requestAnimationFrame(() => world.classList.remove("sharp")));
  }
  requestAnimationFrame(() => showCards(MOST_CHANGED));
}

// Only the cards in sight and near it are drawn with their contents. They change at rest, some in
// each frame: all cards of a large graph at once would stop the page for half a second.

const MOST_CHANGED = 40;

function showCards(most) {
  if (settle !== 0 && most < Infinity) return; // moved again
  const { x, y, scale } = here.view;
  const wide = stage.clientWidth, high = stage.clientHeight;
  const wrong = [];
  for (const node of here.nodes) {
    const [left, top, width, height] = node.rect;
    const atX = x + (left - here.area[0]) * scale, atY = y + (top - here.area[1]) * scale;
    const outside = Math.max(-atX - width * scale, atX - wide, -atY - height * scale, atY - high);
    const near = scale >= FAR && outside < (node.near ? wide : wide / 4);
    if (near !== node.near) wrong.push([near ? outside : Infinity, node]);
  }
  wrong.sort((one, other) => one[0] - other[0]);
  for (const [, node] of wrong.slice(0, most)) {
    node.near = !node.near;
    element(here, node).classList.toggle("close", node.near);
  }
  if (wrong.length > most) requestAnimationFrame(() => showCards(most));
}

addEventListener("resize", () => showCards(Infinity));

function fit() {
  const room = stage.getBoundingClientRect();
  const [, , width, height] = here.area;
  const scale = Math.min(room.width / width, room.height / height, 1.25);
  const limited = Math.max(scale, SMALLEST);
  here.view = {
    scale: limited,
    x: (room.width - width * limited) / 2,
    y: (room.height - height * limited) / 2,
  };
  place();
}

function pan(dx, dy) {
  here.view.x += dx;
  here.view.y += dy;
  place();
}

function zoom(factor, x, y) {
  const room = stage.getBoundingClientRect();
  const view = here.view;
  const scale = Math.min(Math.max(view.scale * factor, SMALLEST), LARGEST);
  const atX = x === undefined ? room.width / 2 : x;
  const atY = y === undefined ? room.height / 2 : y;
  view.x = atX - ((atX - view.x) * scale) / view.scale;
  view.y = atY - ((atY - view.y) * scale) / view.scale;
  view.scale = scale;
  place();
}

function center(node) {
  const room = stage.getBoundingClientRect();
  const view = here.view;
  view.scale = Math.max(view.scale, 0.8);
  const [left, top, width, height] = node.rect;
  view.x = room.width / 2 - (left - here.area[0] + width / 2) * view.scale;
  view.y = room.height / 2 - (top - here.area[1] + height / 2) * view.scale;
  place();
}

const pointers = new Map();
let travelled = 0;

function inStage(event) {
  const room = stage.getBoundingClientRect();
  return { x: event.clientX - room.left, y: event.clientY - room.top };
}

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const at = inStage(event);
  if (event.shiftKey) pan(-event.deltaY, 0);
  else zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), at.x, at.y);
}, { passive: false });

stage.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, inStage(event));
  if (pointers.size === 1) travelled = 0;
});

stage.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (before === undefined) return;
  const now = inStage(event);
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
  pointers.set(event.pointerId, now);
  travelled += Math.hypot(now.x - before.x, now.y - before.y);
  if (travelled > 4 && !stage.classList.contains("dragged")) {
    stage.classList.add("dragged"); // a glass covers the graph: no card is searched at each move
    stage.setPointerCapture(event.pointerId);
  }
  if (others.length === 0) {
    if (travelled > 4) pan(now.x - before.x, now.y - before.y);
    return;
  }
  const other = others[0];
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  const is = Math.hypot(now.x - other.x, now.y - other.y);
  if (was > 0) zoom(is / was, (now.x + other.x) / 2, (now.y + other.y) / 2);
});

for (const kind of ["pointerup", "pointercancel"]) {
  stage.addEventListener(kind, (event) => {
    pointers.delete(event.pointerId);
    if (pointers.size === 0) stage.classList.remove("dragged");
  });
}

// ---- nodes ---------------------------------------------------------------------------------------

function nodeAt(target) {
  const found = target.closest ? target.closest(".n") : null;
  return found === null ? null : here.byId.get(found.dataset.id);
}

stage.addEventListener("click", (event) => {
  if (travelled > 4) return;
  choose(nodeAt(event.target));
});

stage.addEventListener("dblclick", (event) => {
  const node = nodeAt(event.target);
  if (node && node.inside !== null) enter(node.inside);
  else if (!node) fit();
});

function ring(node, kind) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const [, , width, height] = node.rect;
  const place = { x: -4, y: -4, width: width + 8, height: height + 8, rx: 14, class: "ring " + kind };
  for (const [name, value] of Object.entries(place)) made.setAttribute(name, value);
  element(here, node).append(made);
}

function clear(kind) {
  for (const each of document.querySelectorAll(".ring." + kind)) each.remove();
}

function choose(node) {
  clear("chosen");
  chosen = node ?? null;
  if (chosen === null) {
    showList(search.value);
    return;
  }
  ring(chosen, "chosen");
  showDetails(chosen);
}

function nearest(from, dx, dy) {
  const middle = ([left, top, width, height]) => [left + width / 2, top + height / 2];
  const [x, y] = middle(from.rect);
  let best = null, least = Infinity;
  for (const node of here.nodes) {
    if (node === from) continue;
    const [otherX, otherY] = middle(node.rect);
    const along = (otherX - x) * dx + (otherY - y) * dy;
    const aside = Math.abs((otherX - x) * dy) + Math.abs((otherY - y) * dx);
    const cost = along > 0 ? along + 2 * aside : Infinity;
    if (cost < least) [best, least] = [node, cost];
  }
  return best;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) pan(-60 * arrow[0], -60 * arrow[1]);
  else if (arrow) {
    const next = chosen === null ? here.nodes[0] : nearest(chosen, ...arrow);
    if (next) {
      choose(next);
      keepVisible(next);
    }
  } else if (event.key === "Enter" && chosen !== null && chosen.inside !== null) {
    enter(chosen.inside);
  } else if (event.key === "Escape") {
    if (chosen !== null) choose(null);
    else if (here.parent !== null) enter(here.parent);
  } else if (event.key === "+" || event.key === "=") zoom(STEP);
  else if (event.key === "-") zoom(1 / STEP);
  else if (event.key === "0") fit();
  else if (event.key === "/") search.focus();
  else return;
  event.preventDefault();
});

function keepVisible(node) {
  const room = stage.getBoundingClientRect();
  const place = element(here, node).getBoundingClientRect();
  const outside = place.left < room.left || place.right > room.right
    || place.top < room.top || place.bottom > room.bottom;
  if (outside || here.view.scale < FAR) center(node);
}

// ---- the panel at the side -----------------------------------------------------------------------

function make(kind, text, className) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function rows(title, pairs) {
  if (pairs.length === 0) return [];
  const list = make("dl");
  for (const [name, value] of pairs) list.append(make("dt", name), make("dd", value));
  return [make("h3", title), list];
}

function showDetails(node, again = false) {
  const back = make("button", "All nodes");
  back.addEventListener("click", () => choose(null));
  const parts = [back, make("h2", node.name), make("p", node.op, "muted")];
  if (node.problem) parts.push(make("p", node.problem, "problem"));
  if (node.inside !== null) {
    const open = make("button", "Open the group");
    open.id = "open-group";
    open.addEventListener("click", () => enter(node.inside));
    parts.push(open);
  }
  if (node.about) parts.push(make("p", node.about));
  if (node.value) parts.push(make("h3", "Value"), make("p", node.value, "value"));
  parts.push(...rows("Value in figures", node.figures));
  parts.push(...rows("Settings", node.attributes));
  parts.push(...rows("Inputs", node.inputs), ...rows("Outputs", node.outputs));
  side.replaceChildren(...parts);
  if (again) return; // only its value has changed
  side.scrollTop = 0;
  status.textContent = [node.name, node.op, node.value].filter(Boolean).join(", ");
}

function showList(words) {
  const wanted = words.trim().toLowerCase();
  const list = make("ul");
  let count = 0;
  clear("found");
  for (const scope of wanted ? scopes : [here]) {
    for (const node of scope.nodes) {
      if (!(node.name + "\n" + node.op).toLowerCase().includes(wanted)) continue;
      count += 1;
      if (wanted && scope === here) ring(node, "found");
      if (count > 500) continue;
      const button = make("button", node.name);
      button.append(" ", make("small", scope === here ? node.op : node.op + " in " + scope.title));
      button.addEventListener("click", () => {
        if (scope === here) {
          choose(node);
          center(node);
        } else enter(scope.index, node.id);
      });
      const item = make("li");
      item.append(button);
      list.append(item);
    }
  }
  const title = wanted ? `${count} found` : `${count} nodes`;
  const parts = [make("h2", title), list];
  if (!wanted && here.parent === null && graph.about) parts.unshift(make("p", graph.about, "muted"));
  side.replaceChildren(...parts);
  if (wanted) status.textContent = title;
}

search.addEventListener("input", () => choose(null));
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") side.querySelector("li button")?.click();
  else if (event.key === "Escape") {
    search.value = "";
    choose(null);
    stage.focus();
  }
});

// ---- buttons -------------------------------------------------------------------------------------

function isDark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const actions = {
  "zoom-in": () => zoom(STEP),
  "zoom-out": () => zoom(1 / STEP),
  fit,
  theme: () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; },
  save: () => {
    const text = document.querySelector("metadata").textContent;
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = graph.file;
    link.click();
    URL.revokeObjectURL(link.href);
  },
};
for (const [id, run] of Object.entries(actions)) {
  document.getElementById(id).addEventListener("click", run);
}
addEventListener("resize", () => place());

// ---- the recording of a training -----------------------------------------------------------------

const FRAME = 130; // milliseconds between played steps
const recording = graph.recording;
const player = recording && recording.steps.length ? startPlayer() : null;

function startPlayer() {
  const slider = document.getElementById("step");
  const text = document.getElementById("step-text");
  const play = document.getElementById("play");
  let timer = 0;

  function show(index) {
    slider.value = index;
    const found = document.getElementById("step" + index).content.cloneNode(true);
    for (const part of found.querySelectorAll("[data-slot]")) {
      document.getElementById("slot" + part.dataset.slot).replaceChildren(...part.childNodes);
    }
    const [step, epoch, figures] = recording.steps[index];
    const said = [`step ${step}`, `epoch ${epoch}`, ...figures.map(([name, value]) => `${name} ${value}`)];
    text.textContent = said.join(" · ");
    slider.setAttribute("aria-valuetext", said.join(", "));
    recording.charts.forEach(([left, right, first, last], place) => {
      const x = left + ((step - first) / (last - first)) * (right - left);
      const line = document.querySelector(`#curves${place} .now`);
      line.setAttribute("transform", `translate(${x - right} 0)`);
    });
    scopes.forEach((scope, place) => {
      for (const [id, facts] of Object.entries(recording.facts[place])) {
        Object.assign(scope.byId.get(id), facts[index]);
      }
    });
    if (chosen !== null) showDetails(chosen, true);
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  }

  function toggle() {
    if (timer) return pause();
    if (Number(slider.value) === recording.steps.length - 1) show(0);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => {
      const next = Number(slider.value) + 1;
      if (next < recording.steps.length) show(next);
      if (next >= recording.steps.length - 1) pause();
    }, FRAME);
  }

  slider.addEventListener("input", () => {
    pause();
    show(Number(slider.value));
  });
  play.addEventListener("click", toggle);
  addEventListener("keydown", (event) => {
    const typed = ["INPUT", "BUTTON"].includes(event.target.tagName) && event.target !== slider;
    if (event.key !== " " || typed) return;
    event.preventDefault();
    toggle();
  });
  document.querySelectorAll(".curves").forEach((curves, place) => {
    curves.addEventListener("click", (event) => {
      const [left, right, first, last] = recording.charts[place];
      const at = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(curves.getScreenCTM().inverse()).x;
      const wanted = first + ((at - left) / (right - left)) * (last - first);
      const far = recording.steps.map(([step]) => Math.abs(step - wanted));
      pause();
      show(far.indexOf(Math.min(...far)));
    });
  });
  show(recording.steps.length - 1);
  return { show, toggle };
}

showPath();
showList("");
fit();
showCards(Infinity);

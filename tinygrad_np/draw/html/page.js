// The page: levels, details, search, keys. It says nothing of its own that is not in the data of the drawing.

const drawing = JSON.parse(document.getElementById("drawing").textContent);
const at = (id) => document.getElementById(id);
const canvas = at("canvas");
for (const id of ["head", "head-forward", "head-backward"]) {
  const marker = svg(canvas, "marker", { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, orient: "auto", markerUnits: "userSpaceOnUse" });
  svg(marker, "path", { d: "M0 0.5 L10 5 L0 9.5 z" });
}
const view = new View(canvas, svg(canvas, "g", { id: "world" }));
let level, picture, player, levelNumber;
let chosen = null; // the number of the box that was clicked on
let matches = [];
let match = -1;

// --- levels -----------------------------------------------------------------------------------------------------------

function showLevel(number) {
  levelNumber = Math.max(0, Math.min(drawing.levels.length - 1, number));
  level = drawing.levels[levelNumber];
  player?.pause();
  chosen = null;
  picture = drawPicture(view.world, level);
  [view.width, view.height] = level.size;
  [...at("levels").children].forEach((button, i) => button.setAttribute("aria-pressed", i === levelNumber));
  player = new Player(level, picture, showStep);
  view.begin(level.boxes[player.steps[0]?.box ?? 0].at);
  search();
  showDetails();
}

document.querySelector(".levels").hidden = drawing.levels.length < 2;
drawing.levels.forEach((each, number) => {
  const button = document.createElement("button");
  button.textContent = each.label;
  button.title = `${each.boxes.length.toLocaleString("en")} boxes`;
  button.onclick = () => showLevel(number);
  at("levels").append(button);
});

// --- details ----------------------------------------------------------------------------------------------------------

/** Make an HTML element; its content is text, or elements. */
function html(name, content = [], attributes = {}) {
  const element = document.createElement(name);
  element.append(...[content].flat());
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function goTo(number) {
  chosen = number;
  view.reveal(level.boxes[number].at);
  showDetails();
}

/** Show what is known of a box: of the one under the mouse or, without one, of the one that was clicked on. */
function showDetails(number = chosen) {
  picture.boxes.forEach((element, i) => element.classList.toggle("chosen", i === chosen));
  at("details").replaceChildren(...(number === null ? overview() : detailsOf(number)));
}

function detailsOf(number) {
  const box = level.boxes[number];
  const facts = { operation: box.operation, shape: box.shape, dtype: box.dtype, bytes: box.bytes, module: box.module, "stands for": box.stands_for, "computed at": box.where };
  const list = html("dl");
  for (const [name, value] of Object.entries(facts)) if (value != null) list.append(html("dt", name), html("dd", value));
  const shown = [html("h2", box.title), html("p", box.kind), list];
  const section = (title, text) => text && shown.push(html("h3", title), html("pre", text));
  section("formula", box.formula);
  section("derivative: what each operand gets of the gradient g", Object.entries(box.rules ?? {}).map(([name, rule]) => `${name}: ${rule}`).join("\n"));
  section("value", box.value);
  section("gradient", box.grad);
  const links = (title, numbers) => {
    if (numbers.length) shown.push(html("h3", title), html("div", numbers.map((i) => {
      const button = html("button", level.boxes[i].title);
      button.onclick = () => goTo(i);
      return button;
    })));
  };
  links("computed from", level.arrows.filter((arrow) => arrow.head === number).map((arrow) => arrow.tail));
  links("used by", level.arrows.filter((arrow) => arrow.tail === number).map((arrow) => arrow.head));
  return shown;
}

function overview() {
  const kinds = [...new Set(level.boxes.map((box) => box.kind))];
  const legend = kinds.map((kind) => {
    const count = level.boxes.filter((box) => box.kind === kind).length;
    const swatch = html("span", [], { class: "swatch", style: `background: var(--${kind}); border-color: var(--${kind}-line)` });
    return html("p", [swatch, `${kind} (${count.toLocaleString("en")})`]);
  });
  const keys = { "space": "play or pause", "← →": "step", "/": "search", "+ − 0": "zoom, show all", "[ ]": "open less, more", "esc": "begin again" };
  const list = html("dl");
  for (const [key, what] of Object.entries(keys)) list.append(html("dt", html("kbd", key)), html("dd", what));
  const notes = level.notes.map((note) => html("p", note));
  if (!level.boxes.some((box) => box.value)) notes.push(html("p", "Values and gradients are here if they are drawn: draw(..., values=True, grads=True)."));
  return [html("h2", drawing.title), ...notes, html("h3", "kinds"), ...legend, html("h3", "keys"), list,
    html("p", "Point at a box to see its shape, formula and source line; click to keep it.")];
}

const numberOf = (event) => {
  const element = event.target.closest(".box");
  return element ? Number(element.dataset.number) : null;
};
canvas.addEventListener("pointerover", (event) => !event.buttons && showDetails(numberOf(event) ?? chosen));
canvas.addEventListener("focusin", (event) => showDetails(numberOf(event) ?? chosen));
canvas.addEventListener("click", (event) => {
  if (view.moved) return;
  chosen = numberOf(event);
  showDetails();
});

// --- search -----------------------------------------------------------------------------------------------------------

/** The numbers of the boxes of a level in which the words are to be found. */
function matchesIn({ boxes }, words) {
  const text = (box) => [box.title, box.operation, box.module, box.where, ...box.rows.map((row) => row[1])].join("\n");
  return [...boxes.keys()].filter((number) => text(boxes[number]).toLowerCase().includes(words));
}

const sought = () => at("search").value.trim().toLowerCase();

function search() {
  matches = sought() ? matchesIn(level, sought()) : [];
  match = -1;
  const found = new Set(matches);
  picture.boxes.forEach((element, number) => element.classList.toggle("found", found.has(number)));
  view.world.classList.toggle("searching", found.size > 0);
  at("found").textContent = sought() ? `${matches.length} found` : "";
}

/** Go from match to match. Where there is none, they may be in what is closed. */
function nextMatch(direction) {
  if (!sought()) return;
  if (!matches.length) {
    const deeper = drawing.levels.findIndex((each) => matchesIn(each, sought()).length);
    if (deeper < 0) return;
    showLevel(deeper);
  }
  match = (match + direction + matches.length) % matches.length;
  at("found").textContent = `${match + 1} of ${matches.length}`;
  goTo(matches[match]);
}

at("search").addEventListener("input", search);
at("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
  if (event.key === "Escape") {
    event.target.value = "";
    event.target.blur();
    search();
  }
  event.stopPropagation();
});

// --- steps ------------------------------------------------------------------------------------------------------------

function showStep(player) {
  const { now } = player;
  at("slider").max = player.last;
  at("slider").value = player.number;
  at("play").textContent = player.timer ? "Pause" : "Play";
  const count = `${Math.min(player.number, player.steps.length)} of ${player.steps.length}`;
  at("step").textContent = now ? `${count} · ${now.phase} · ${player.tell(now)}` : player.number ? "all is computed" : "nothing is computed yet";
  at("step").title = at("step").textContent;
  if (now) view.reveal(level.boxes[now.box].at);
}

function step(difference) {
  player.pause();
  player.go(player.number === player.last && difference > 0 ? 0 : player.number + difference);
}

function play() {
  if (player.timer) {
    player.pause();
    player.go(player.number);
  } else {
    player.play(Number(at("speed").value));
  }
}

at("back").onclick = () => step(-1);
at("next").onclick = () => step(1);
at("play").onclick = play;
at("slider").oninput = (event) => {
  player.pause();
  player.go(Number(event.target.value));
};
at("speed").onchange = () => player.timer && player.play(Number(at("speed").value));

// --- keys, zoom, light and dark ---------------------------------------------------------------------------------------

at("zoom-in").onclick = () => view.zoom(1.25);
at("zoom-out").onclick = () => view.zoom(0.8);
at("zoom-fit").onclick = () => view.fit();

const KEYS = {
  " ": play,
  ArrowRight: () => step(1),
  ArrowLeft: () => step(-1),
  Home: () => step(-player.last),
  End: () => step(player.last - player.number),
  "+": () => view.zoom(1.25),
  "=": () => view.zoom(1.25),
  "-": () => view.zoom(0.8),
  0: () => view.fit(),
  "[": () => showLevel(levelNumber - 1),
  "]": () => showLevel(levelNumber + 1),
  "/": () => at("search").focus(),
  Escape: () => showLevel(levelNumber),
};
document.addEventListener("keydown", (event) => {
  const element = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || element.matches?.("input, select")) return;
  if (event.key === "Enter" && element.closest?.(".box")) goTo(Number(element.dataset.number));
  if (!(event.key in KEYS) || (event.key === " " && element.matches?.("button"))) return;
  event.preventDefault();
  KEYS[event.key]();
});

const root = document.documentElement;
root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
at("theme").onclick = () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; };

/** The address can say where to begin: page.html#level=0&step=8. */
function begin() {
  const address = new URLSearchParams(location.hash.slice(1));
  showLevel(Number(address.get("level") ?? drawing.shown));
  if (address.has("step")) player.go(Number(address.get("step")));
}

addEventListener("hashchange", begin);
begin();

// The picture of one level: boxes, arrows and groups as SVG, at the places that were found when the page was made.

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element inside of another. */
function svg(parent, name, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

/** Draw a level, and return its elements: one for each box and arrow, in their order. */
function drawPicture(world, level) {
  world.replaceChildren();
  const layer = (name) => svg(world, "g", { class: name });
  const [groups, arrows, boxes, rules] = ["groups", "arrows", "boxes", "rules"].map(layer);
  level.groups.forEach((group) => drawGroup(groups, group));
  return {
    arrows: level.arrows.map((arrow) => drawArrow(arrows, arrow)),
    boxes: level.boxes.map((box, number) => drawBox(boxes, box, number)),
    rules,
  };
}

function drawGroup(layer, group) {
  const element = svg(layer, "g", { class: "group" });
  const [x, y, width, height] = group.at;
  svg(element, "rect", { x, y, width, height });
  squeeze(svg(element, "text", { x: x + 10, y: y + 17 }, group.label), "600 12.5px", width - 20);
}

function drawArrow(layer, arrow) {
  const element = svg(layer, "g", { class: arrow.back ? "arrow back" : "arrow" });
  svg(element, "path", { d: arrow.path, "marker-end": "url(#head)" });
  if (arrow.label) {
    const [x, y] = arrow.labelAt;
    svg(element, "text", { x, y: y + 4, "text-anchor": "middle" }, arrow.label);
  }
  return element;
}

function drawBox(layer, box, number) {
  const element = svg(layer, "g", { class: `box ${box.family ?? ""} ${box.kind}`, tabindex: 0, role: "button", "aria-label": box.title, "data-number": number });
  if (box.marked) element.classList.add("marked");
  const [x, y, width, height] = box.at;
  const frame = svg(element, "rect", { x, y, width, height });
  if (box.heat !== undefined) {
    element.classList.add("heated");
    frame.style.fill = `color-mix(in srgb, var(--hot) ${100 * box.heat}%, var(--operation))`;
  }
  // The rows stand on lines of their own height, as layout.py reckoned with.
  let baseline = y + 7;
  for (const [kind, text] of box.rows) {
    baseline += kind === "title" ? 19 : 16.5;
    const row = svg(element, "text", { class: kind, x: x + width / 2, y: baseline - 3, "text-anchor": "middle" }, text);
    squeeze(row, kind === "title" ? "600 15px" : "13px", width - 10);
  }
  return element;
}

/** How wide a text is. To ask the picture would have the browser lay all of it out, for each text anew. */
const ruler = document.createElement("canvas").getContext("2d");
const letters = getComputedStyle(document.body).fontFamily;
function widthOf(text, font, family = letters) {
  ruler.font = `${font} ${family}`;
  return ruler.measureText(text).width;
}

/** Squeeze a text that is wider than its room: the width of letters is the browser's, and was a guess before. */
function squeeze(text, font, room) {
  if (widthOf(text.textContent, font) > room) {
    text.setAttribute("textLength", room);
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
}

/** Write something on a small plate at the middle of an arrow. */
function plate(layer, arrow, text) {
  const path = arrow.firstChild;
  const { x, y } = path.getPointAtLength(path.getTotalLength() / 2);
  const element = svg(layer, "g", { class: "rule" });
  const width = widthOf(text, "13px", "monospace") + 14;
  svg(element, "rect", { x: x - width / 2, y: y - 11, width, height: 22 });
  svg(element, "text", { x, y: y + 4.5, "text-anchor": "middle" }, text);
}

// The animation: boxes are computed in order, then gradients flow back; each value and gradient appears in its step.

/** Whether gradients flow to a box: where they are not drawn, nobody asks for those of the data. */
const wantsGradient = (box) => box.grad !== undefined || (box.kind !== "input" && box.kind !== "constant");

/**
 * The steps of a level. In a forward step, the value of a box appears. In a backward step, the rules of a box turn its
 * gradient into shares for its operands; the gradient of an operand appears when its last share has come.
 */
function stepsOf(level) {
  const inflow = level.boxes.map(() => []);
  level.arrows.forEach((arrow, number) => inflow[arrow.head].push(number));
  const isGradient = (number) => level.boxes[number].kind === "gradient";
  const all = [...level.boxes.keys()].filter((number) => inflow[number].length);
  const computed = all.filter((number) => !isGradient(number));
  const forward = computed.map((box) => ({ phase: "forward", box, arrows: inflow[box], gradients: [] }));
  if (computed.length < all.length) { // the gradients are boxes of their own
    const gradients = all.filter(isGradient).reverse();
    return [...forward, ...gradients.map((box) => ({ phase: "backward", box, arrows: inflow[box], gradients: [] }))];
  }
  const some = (property) => level.boxes.some(property);
  const failed = some((box) => box.marked) && !some((box) => box.kind === "result");
  if (failed || !some((box) => box.rules || box.kind === "module")) return forward; // there is no way back
  const backward = [];
  for (const box of [...computed].reverse()) {
    const arrows = inflow[box].filter((number) => wantsGradient(level.boxes[level.arrows[number].tail]));
    backward.push({ phase: "backward", box, arrows, gradients: arrows.map((number) => level.arrows[number].tail) });
  }
  const used = new Set(level.arrows.map((arrow) => arrow.tail));
  const seeds = computed.filter((box) => !used.has(box));
  backward.unshift(...seeds.map((box) => ({ phase: "backward", box, arrows: [], gradients: [box], seed: true })));
  return [...forward, ...backward];
}

/** Plays the steps of a level in its picture. Step 0 is before all, and the last shows everything again. */
class Player {
  constructor(level, picture, show) {
    Object.assign(this, { level, picture, show, steps: stepsOf(level), timer: null, now: null });
    this.last = this.steps.length + 1;
    // When the value and the gradient of each box appear: what is not computed in a step is there from the beginning.
    this.valued = level.boxes.map(() => 0);
    this.graded = level.boxes.map(() => this.last);
    this.steps.forEach((step, number) => {
      if (step.phase === "forward" || level.boxes[step.box].kind === "gradient") this.valued[step.box] = number + 1;
      for (const box of step.gradients) this.graded[box] = number + 1; // the last share counts
    });
    this.go(this.last);
  }

  /** Show the picture as it is after a number of steps. Only what changes is touched: there may be thousands of boxes. */
  go(number) {
    const before = this.number ?? this.last;
    this.number = Math.max(0, Math.min(this.last, number));
    this.picture.boxes.forEach((element, box) => {
      const valued = this.number >= this.valued[box];
      if (valued !== before >= this.valued[box]) {
        element.classList.toggle("waiting", !valued);
        const rows = element.querySelectorAll(this.level.boxes[box].kind === "gradient" ? ".grad" : ".value");
        for (const row of rows) row.classList.toggle("hidden", !valued);
      }
      const graded = this.number >= this.graded[box];
      if (this.level.boxes[box].kind !== "gradient" && graded !== before >= this.graded[box]) {
        for (const row of element.querySelectorAll(".grad")) row.classList.toggle("hidden", !graded);
      }
    });
    this.light(false);
    this.now = this.steps[this.number - 1] ?? null;
    this.light(true);
    this.show(this);
  }

  /** Let the box and the arrows of this step stand out, or no longer. */
  light(on) {
    this.picture.rules.replaceChildren();
    if (this.now === null) return;
    const { phase, box, arrows } = this.now;
    this.picture.boxes[box].classList.toggle("now", on);
    this.picture.boxes[box].classList.toggle(phase, on);
    for (const number of arrows) {
      const element = this.picture.arrows[number];
      element.classList.toggle(phase, on);
      element.firstChild.setAttribute("marker-end", on && phase === "forward" ? "url(#head-forward)" : "url(#head)");
      const rule = on && phase === "backward" && this.ruleOf(number);
      if (rule) plate(this.picture.rules, element, rule);
    }
  }

  /** What turns the gradient of the box at the head of an arrow into a share for the box at its tail. */
  ruleOf(number) {
    const { head, argument } = this.level.arrows[number];
    return this.level.boxes[head].rules?.[argument];
  }

  /** What happens in a step, in words. */
  tell(step) {
    const box = this.level.boxes[step.box];
    const what = box.title;
    const short = (text) => (text?.length <= 24 ? text : undefined);
    if (step.phase === "forward") return [what, box.formula ?? box.operation ?? "…", short(box.value)].filter(Boolean).join(" = ");
    if (step.seed) return `the gradient of ${what} with respect to itself is 1`;
    if (box.kind === "gradient") return `${box.title} = ${step.arrows.map((number) => this.level.arrows[number].label ?? "its share").join(" + ")}`;
    const shares = step.arrows.map((number) => {
      const { tail, argument } = this.level.arrows[number];
      return `${argument ?? this.level.boxes[tail].title} ← ${this.ruleOf(number) ?? "its share"}`;
    });
    return `${what}: ${short(box.grad) ? `g = ${box.grad},  ` : ""}${shares.join(",  ")}`;
  }

  play(interval) {
    if (this.number === this.last) this.go(0);
    this.pause();
    this.timer = setInterval(() => {
      this.go(this.number + 1);
      if (this.number === this.last) this.pause();
    }, interval);
    this.show(this);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
  }
}

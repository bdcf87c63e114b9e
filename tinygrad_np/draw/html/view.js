// What part of the picture is to be seen: pan and zoom, by mouse, touch and keys.

/** The view of `world`, whose size is `size()`, through the window `canvas`. */
class View {
  constructor(canvas, world) {
    Object.assign(this, { canvas, world, x: 0, y: 0, scale: 1, width: 0, height: 0 });
    this.window = [canvas.clientWidth, canvas.clientHeight]; // asking each time would lay the page out each time
    new ResizeObserver(() => { this.window = [canvas.clientWidth, canvas.clientHeight]; }).observe(canvas);
    const pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      this.moved = false;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
      if (!this.moved && Math.hypot(dx, dy) < 4) return; // a click with a trembling hand
      if (!this.moved) canvas.setPointerCapture(event.pointerId);
      this.moved = true;
      canvas.classList.add("dragged");
      const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
      pointers.set(event.pointerId, event);
      if (!other) return this.move(this.x + dx, this.y + dy);
      // Two fingers: the picture grows as they part.
      const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      this.zoom(distance(event) / distance(before), other.offsetX, other.offsetY);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        pointers.delete(event.pointerId);
        canvas.classList.remove("dragged");
      });
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
      this.zoom(Math.exp(-Math.max(-200, Math.min(200, pixels)) * 0.0025), event.offsetX, event.offsetY);
    }, { passive: false });
  }

  move(x, y, scale = this.scale) {
    Object.assign(this, { x, y, scale });
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  }

  /** Magnify by a factor, around a point of the window: its middle, if none is given. */
  zoom(factor, x = this.window[0] / 2, y = this.window[1] / 2) {
    const scale = Math.max(0.02, Math.min(8, this.scale * factor));
    const ratio = scale / this.scale;
    this.move(x - (x - this.x) * ratio, y - (y - this.y) * ratio, scale);
  }

  /** Show all of it. */
  fit(least = 0) {
    const [width, height] = this.window;
    const scale = Math.max(least, Math.min((width - 40) / this.width, (height - 40) / this.height, 1.25));
    // What does not fit is shown from where it begins.
    const begin = (room, size) => (size * scale <= room ? (room - size * scale) / 2 : 20);
    this.move(begin(width, this.width), begin(height, this.height), scale);
  }

  /** Begin: show all, unless the letters became too small to be read; then begin at a box. */
  begin(box) {
    this.fit(0.85);
    this.reveal(box);
  }

  /** Bring a box into the window, if it is not there. */
  reveal([x, y, width, height]) {
    const [right, bottom] = this.window;
    const [left, top] = [x * this.scale + this.x, y * this.scale + this.y];
    const inside = left > 30 && top > 30 && left + width * this.scale < right - 30 && top + height * this.scale < bottom - 30;
    if (inside) return;
    const scale = Math.max(this.scale, 0.85);
    // In the middle, but no further than the picture reaches.
    const place = (room, middle, size) => (
      size * scale + 40 <= room ? (room - size * scale) / 2 : Math.min(20, Math.max(room - size * scale - 20, room / 2 - middle * scale))
    );
    this.move(place(right, x + width / 2, this.width), place(bottom, y + height / 2, this.height), scale);
  }
}

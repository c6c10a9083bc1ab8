"use strict";
const page = JSON.parse(document.getElementById("document").textContent);
const skeleton = page.skeleton;
const SIDES = ["middle", "left", "right"];
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["left", "right", "middle", "second", "panel", "ink", "muted"])
    colours[name] = style.getPropertyValue("--" + name).trim();
}
readColours();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  for (const redraw of redraws) redraw();
});
const redraws = [];

// (persons, frames, joints, 3) in the clip's units with y down; missing joints are NaN.
function decode(clip) {
  if (clip.points) return clip;
  const bytes = Uint8Array.from(atob(clip.data), (letter) => letter.charCodeAt(0));
  const words = new DataView(bytes.buffer);
  const channels = skeleton.channels, count = bytes.length / 2 / channels;
  const points = new Float32Array(count * 3);
  for (let i = 0; i < count; i++)
    for (let c = 0; c < channels; c++) {
      const word = words.getInt16(2 * (i * channels + c), true);
      let value = word === -32768 ? NaN : clip.low[c] + word * clip.scale;
      if (c === 1 && skeleton.up) value = -value;
      points[3 * i + c] = value;
    }
  clip.points = points;
  clip.bounds = bounds(points);
  return clip;
}

function bounds(points) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 3) {
    if (Number.isNaN(points[i])) continue;
    for (let c = 0; c < 3; c++) {
      low[c] = Math.min(low[c], points[i + c]);
      high[c] = Math.max(high[c], points[i + c]);
    }
  }
  if (low[0] === Infinity) return null;
  const middle = low.map((value, c) => (value + high[c]) / 2);
  const size = low.map((value, c) => high[c] - value);
  return { middle, size };
}

function fit(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

// The scale holds at every turn, so that turning a figure does not make it grow.
function camera(box, width, height, yaw, solid) {
  const across = solid ? Math.max(box.size[0], box.size[2]) : box.size[0];
  const largest = Math.max(across, box.size[1]) || 1;
  const wide = Math.max(across, largest / 3) * 1.14, tall = Math.max(box.size[1], largest / 3) * 1.14;
  const scale = Math.min(width / wide, height / tall);
  const cos = Math.cos(yaw * Math.PI / 180), sin = Math.sin(yaw * Math.PI / 180);
  return (x, y, z) => [
    width / 2 + scale * (cos * (x - box.middle[0]) + sin * (z - box.middle[2])),
    height / 2 + scale * (y - box.middle[1]),
  ];
}

function draw(canvas, clip, frame, options = {}) {
  decode(clip);
  const { pen, width, height } = fit(canvas);
  if (!clip.bounds) {
    pen.fillStyle = colours.muted;
    pen.font = "13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText("nobody in this clip", width / 2, height / 2);
    return;
  }
  const place = camera(clip.bounds, width, height, options.yaw || 0, skeleton.channels === 3);
  const joints = skeleton.joints.length;
  for (let person = 0; person < clip.persons; person++) {
    const start = 3 * joints * (person * clip.shown + frame);
    const at = skeleton.joints.map((_, j) => {
      const [x, y, z] = clip.points.subarray(start + 3 * j, start + 3 * j + 3);
      return Number.isNaN(x) ? null : place(x, y, z);
    });
    figure(pen, at, person, Math.max(1.8, height / 130));
    if (options.names) names(pen, at);
  }
}

function figure(pen, at, person, thick) {
  const shade = (side) => colours[side === "middle" && person % 2 ? "second" : side];
  pen.lineCap = "round";
  pen.lineWidth = thick;
  for (const side of SIDES) {
    pen.strokeStyle = shade(side);
    pen.beginPath();
    for (const [child, parent] of skeleton.bones) {
      if (skeleton.sides[child] !== side || !at[child] || !at[parent]) continue;
      pen.moveTo(...at[parent]);
      pen.lineTo(...at[child]);
    }
    pen.stroke();
  }
  at.forEach((joint, j) => {
    if (!joint) return;
    const head = ["head", "face"].includes(skeleton.joints[j]);
    pen.fillStyle = shade(skeleton.sides[j]);
    pen.beginPath();
    pen.arc(joint[0], joint[1], thick * (head ? 2.1 : 0.95), 0, 2 * Math.PI);
    pen.fill();
  });
}

function names(pen, at) {
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.lineWidth = 3;
  pen.strokeStyle = colours.panel;
  pen.fillStyle = colours.ink;
  at.forEach((joint, j) => {
    if (!joint) return;
    const name = skeleton.joints[j].replaceAll("_", " ");
    pen.strokeText(name, joint[0] + 7, joint[1] + 4);
    pen.fillText(name, joint[0] + 7, joint[1] + 4);
  });
}

// Frames a second of what is shown; 30 where a clip does not say.
const pace = (clip) => (clip.rate || 30) / clip.step;

class Player {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.canvas = find("canvas");
    this.scrub = find(".scrub");
    this.where = find(".where");
    this.button = find(".play");
    this.speed = find(".speed");
    this.yaw = find(".yaw");
    this.names = find(".names");
    this.clip = null;
    this.playing = false;
    this.button.addEventListener("click", () => this.toggle());
    this.scrub.addEventListener("input", () => { this.stop(); this.show(Number(this.scrub.value)); });
    this.names.addEventListener("change", () => this.show(this.frame));
    if (this.yaw) this.turning(find(".front"));
    new ResizeObserver(() => this.clip && this.show(this.frame)).observe(this.canvas);
    redraws.push(() => this.clip && this.show(this.frame));
  }

  turning(front) {
    let from = null;
    this.yaw.addEventListener("input", () => this.show(this.frame));
    front.addEventListener("click", () => this.turn(-Number(this.yaw.value)));
    this.canvas.addEventListener("pointerdown", (event) => {
      from = event.clientX;
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (from === null) return;
      this.turn((event.clientX - from) * 0.6);
      from = event.clientX;
    });
    for (const end of ["pointerup", "pointercancel"])
      this.canvas.addEventListener(end, () => { from = null; });
  }

  turn(degrees) {
    if (!this.yaw) return;
    const yaw = Number(this.yaw.value) + degrees;
    this.yaw.value = ((yaw + 540) % 360) - 180;
    this.show(this.frame);
  }

  open(clip) {
    this.clip = decode(clip);
    this.scrub.max = Math.max(clip.shown - 1, 0);
    if (this.yaw) this.yaw.value = 0;
    this.show(0);
    if (clip.shown > 1 && !still) this.play();
    else this.stop();
  }

  show(frame) {
    this.frame = frame;
    this.scrub.value = Math.floor(frame);
    const whole = Math.floor(frame), clip = this.clip;
    const number = whole * clip.step;
    const time = clip.rate ? ` · ${(number / clip.rate).toFixed(2)} s` : "";
    this.where.textContent = clip.shown ? `frame ${number} of ${clip.frames}${time}` : "no frames";
    this.scrub.setAttribute("aria-valuetext", this.where.textContent);
    draw(this.canvas, clip, Math.min(whole, Math.max(clip.shown - 1, 0)),
      { yaw: this.yaw ? Number(this.yaw.value) : 0, names: this.names.checked });
  }

  step(frames) {
    this.stop();
    const count = Math.max(this.clip.shown, 1);
    this.show((Math.floor(this.frame) + frames + count) % count);
  }

  toggle() { this.playing ? this.stop() : this.play(); }

  stop() {
    this.playing = false;
    this.button.textContent = "Play";
  }

  play() {
    if (this.playing || !this.clip || this.clip.shown < 2) return;
    this.playing = true;
    this.button.textContent = "Pause";
    let last = null;
    const tick = (now) => {
      if (!this.playing) return;
      if (last !== null) {
        const rate = pace(this.clip) * Number(this.speed.value);
        this.show((this.frame + rate * (now - last) / 1000) % this.clip.shown);
      }
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
}

const player = new Player(document.querySelector(".player"));
const dialog = document.querySelector("dialog");

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("select, input, button");
  if (busy || !player.clip || (dialog && !dialog.open) || event.ctrlKey || event.metaKey) return;
  const actions = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.step(-1),
    ArrowRight: () => player.step(1),
    "[": () => player.turn(-10),
    "]": () => player.turn(10),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});

if (!dialog) player.open(page.clips[0]);
else {
  dialog.addEventListener("close", () => player.stop());
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) entry.isIntersecting ? seen.add(entry.target) : seen.delete(entry.target);
  }, { rootMargin: "120px" });
  const started = performance.now();
  const paint = (card, now) => {
    const clip = page.clips[card.dataset.clip];
    const seconds = still ? 0 : (now - started) / 1000;
    const frame = clip.shown ? Math.floor(seconds * pace(clip)) % clip.shown : 0;
    if (card.frame === frame && card.wide === card.clientWidth) return;
    card.frame = frame;
    card.wide = card.clientWidth;
    draw(card.querySelector("canvas"), clip, frame);
  };
  for (const card of document.querySelectorAll(".card")) {
    watch.observe(card);
    redraws.push(() => { card.frame = null; });
    card.addEventListener("click", () => {
      const clip = page.clips[card.dataset.clip];
      document.getElementById("dialog-title").textContent = `${clip.label} · ${clip.id}`;
      dialog.showModal();
      player.open(clip);
      player.canvas.focus();
    });
  }
  const loop = (now) => {
    if (!dialog.open) for (const card of seen) paint(card, now);
    requestAnimationFrame(loop);
  };
  requestAnimationFrame(loop);
}

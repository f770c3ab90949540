"use strict";
(() => {
  const table = document.querySelector("table.overview");
  const body = table.tBodies[0];

  // A column of numbers is sorted as numbers; what has none goes last either way.
  const value = (row, k) => row.cells[k].dataset.v;
  const compare = (k, sign) => (a, b) => {
    const x = value(a, k), y = value(b, k);
    if (x === "" || y === "") return (x === "") - (y === "");
    const p = Number(x), q = Number(y);
    return sign * (Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q);
  };
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head || !event.target.closest("button")) return;
    const k = head.cellIndex, first = head.classList.contains("n") || k === 9 ? "descending" : "ascending";
    const next = head.getAttribute("aria-sort") === "none" ? first : head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", next);
    body.append(...[...body.rows].sort(compare(k, next === "ascending" ? 1 : -1)));
  });

  const reasons = [...document.querySelectorAll(".reason")];
  reasons.forEach((one) => one.addEventListener("click", () => {
    const pressed = one.getAttribute("aria-pressed") !== "true";
    reasons.forEach((other) => other.setAttribute("aria-pressed", String(other === one && pressed)));
    for (const row of document.querySelectorAll("[data-reasons]")) {
      row.hidden = pressed && !row.dataset.reasons.split(" ").includes(one.dataset.reason);
    }
  }));

  document.querySelectorAll("[data-all]").forEach((button) => button.addEventListener("click", () => {
    document.querySelectorAll(".candidate:not([hidden])").forEach((one) => { one.open = button.dataset.all === "open"; });
  }));
  const open = () => {
    const target = location.hash && document.querySelector(location.hash);
    if (target && target.matches("details")) { target.hidden = false; target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();

  const heat = JSON.parse(document.getElementById("heat-data").textContent);
  const n = heat.names.length, raw = atob(heat.rho);
  const rho = (i, j) => { const code = raw.charCodeAt(i * n + j); return code > 127 ? code - 256 : code; };
  const canvas = document.getElementById("heat"), told = document.getElementById("heat-told");
  const side = Math.min(28, Math.max(2, Math.floor(620 / n)));
  const named = side >= 11;
  const draw = () => {
    const css = getComputedStyle(document.documentElement), of = (name) => css.getPropertyValue("--" + name).trim();
    const pen = canvas.getContext("2d"), ratio = devicePixelRatio || 1;
    pen.font = `${Math.min(12, side - 1)}px ${of("sans")}`;
    const margin = named ? Math.ceil(Math.max(...heat.names.map((name) => pen.measureText(name).width))) + 10 : 0;
    canvas.width = (margin + n * side) * ratio; canvas.height = n * side * ratio;
    canvas.style.width = `${margin + n * side}px`;
    pen.scale(ratio, ratio);
    pen.font = `${Math.min(12, side - 1)}px ${of("sans")}`;
    pen.textBaseline = "middle"; pen.textAlign = "right";
    for (let i = 0; i < n; i++) {
      if (named) { pen.fillStyle = of("ink"); pen.fillText(heat.names[i], margin - 6, (i + .5) * side); }
      for (let j = 0; j < n; j++) {
        const part = rho(i, j);
        pen.fillStyle = part === -128 ? of("line") : `rgb(${of(part < 0 ? "loss-rgb" : "gain-rgb")} / ${(Math.abs(part) / 100) ** 1.5})`;
        pen.fillRect(margin + j * side, i * side, side - (side > 6), side - (side > 6));
      }
    }
    canvas.dataset.margin = margin;
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), scale = (+canvas.dataset.margin + n * side) / box.width;
    const j = Math.floor(((event.clientX - box.left) * scale - canvas.dataset.margin) / side);
    const i = Math.floor((event.clientY - box.top) * scale / side);
    return i >= 0 && j >= 0 && i < n && j < n ? [i, j] : null;
  };
  canvas.addEventListener("mousemove", (event) => {
    const cell = at(event);
    if (!cell) return;
    const part = rho(...cell);
    told.textContent = `${heat.names[cell[0]]} and ${heat.names[cell[1]]}: ${part === -128 ? "not defined" : (part / 100).toFixed(2)}`;
  });
  canvas.addEventListener("click", (event) => {
    const cell = at(event);
    if (cell) location.hash = heat.anchors[cell[0]];
  });
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();

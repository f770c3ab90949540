"use strict";
(() => {
  // The chart library waits as plain text until a chart is looked at.
  const library = () => {
    if (!window.Plotly) {
      const script = document.createElement("script");
      script.textContent = document.getElementById("plotly").textContent;
      document.head.appendChild(script);
    }
    return window.Plotly;
  };
  const all = JSON.parse(document.getElementById("d0").textContent);

  // Roles become colours when a chart is drawn, so that they follow the light and the dark page.
  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue("--" + name).trim();
    const parts = (colour) => [1, 3, 5].map((k) => parseInt((colour.length === 4 ? colour.replace(/[0-9a-f]/gi, "$&$&") : colour).slice(k, k + 2), 16));
    const mixed = (a, b, share) => `rgb(${parts(of(a)).map((part, k) => Math.round(part + (parts(of(b))[k] - part) * share)).join(",")})`;
    const role = (name) => (name.startsWith("ramp:") ? mixed("hold", "gain", +name.slice(5)) : of(name));
    const tint = (name, share) => (name.startsWith("ramp:") ? role(name).replace("rgb(", "rgba(").replace(")", `,${share})`) : `rgba(${parts(of(name)).join(",")},${share})`);
    return { of, role, tint };
  };
  const axis = (c, told, more) => Object.assign({
    title: { text: told.title, font: { color: c.of("soft"), size: 12 } }, tickfont: { color: c.of("soft"), size: 11.5 }, ticksuffix: told.unit || "", tickformat: ",",
    gridcolor: c.of("line"), linecolor: c.of("line"), zerolinecolor: c.of("hold"), zerolinewidth: 1, automargin: true, hoverformat: told.form || "",
  }, more);
  const layout = (c, x, y, more) => Object.assign({
    margin: { l: 8, r: 10, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", xaxis: x, yaxis: y,
    font: { family: getComputedStyle(document.body).fontFamily, color: c.of("ink"), size: 12 }, showlegend: true, separators: ".,", dragmode: "zoom",
    legend: { traceorder: "normal", orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { size: 12, color: c.of("soft") }, bgcolor: "rgba(0,0,0,0)" },
    hoverlabel: { bgcolor: c.of("surface"), bordercolor: c.of("line"), font: { color: c.of("ink"), size: 12 }, align: "left" },
  }, more);
  const bar = (c, value) => ({ thickness: 12, outlinewidth: 0, tickfont: { color: c.of("soft"), size: 11 }, ticksuffix: value.unit, title: { text: value.title, font: { color: c.of("soft"), size: 11.5 }, side: "right" } });
  // Above the chart there is room for the legend only where the chart is wide: on a phone it stands below.
  const legendPlace = (box, form, entries) => {
    if (box.clientWidth >= 560) return;
    box.style.height = `${320 + 17 * entries}px`;
    Object.assign(form.legend, { y: -85 / 260, yanchor: "top", font: { size: 11, color: form.legend.font.color } });
  };
  // Short expiries lie close together: days run by their logarithm, with the tenors that people know on the axis.
  const tenors = [1, 2, 4, 7, 14, 30, 60, 90, 180, 365, 730, 1825];
  const byTenor = (x) => { x.type = "log"; x.tickvals = tenors; x.ticktext = tenors.map((day) => day.toLocaleString("en")); };
  const known = (values) => values.filter((value) => value !== null && value !== undefined);
  const middle = (values, share) => [...values].sort((a, b) => a - b)[Math.round(share * (values.length - 1))];
  const spread = (values, share) => {
    const sorted = known(values).sort((a, b) => a - b);
    if (!sorted.length) return null;
    const low = sorted[0], high = sorted[sorted.length - 1], room = (high - low || Math.abs(high) || 1) * share;
    return [low - room, high + room];
  };

  // ------------------------------------------------------------------------------------------------------------ series
  const series = {
    line(s, x, c, form) {
      const one = { x, mode: s.points ? "lines+markers" : "lines", marker: { size: 5 }, name: s.name, line: { color: c.role(s.role), width: s.role === "ink" ? 2.2 : 1.9, dash: s.dash || "solid" }, hovertemplate: `%{y:${form.form}}${form.unit}` };
      if (s.fill === "zero") return [{ ...one, y: s.y, fill: "tozeroy", fillcolor: c.tint(s.role, .13) }];
      if (s.fill !== "sign") return [{ ...one, y: s.y }];
      const part = (name, keep) => ({ x, y: s.y.map((y) => (y === null ? null : keep(y))), mode: "lines", line: { width: 0 }, fill: "tozeroy", fillcolor: c.tint(name, .16), hoverinfo: "skip", showlegend: false });
      return [part("gain", (y) => Math.max(y, 0)), part("loss", (y) => Math.min(y, 0)), { ...one, y: s.y }];
    },
    band(s, x, c) {
      const edge = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
      return [{ ...edge, y: s.low, showlegend: false }, { ...edge, y: s.high, name: s.name, fill: "tonexty", fillcolor: c.tint(s.role, s.share) }];
    },
    dots(s, x, c, form) {
      const text = s.text.length ? "%{text}<extra></extra>" : `%{y:${form.form}}${form.unit}`;
      return [{ x: s.x, y: s.y, text: s.text, mode: "markers", name: s.name, marker: { color: c.role(s.role), size: s.role === "hold" ? 4 : 10, symbol: s.symbol, opacity: .85 }, hovertemplate: text }];
    },
    bars(s, x, c, form, across) {
      const middle = s.y.map((_, i) => (s.edge[i] + s.edge[i + 1]) / 2), number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 }).replace("-", "−");
      return [{
        type: "bar", x: middle, y: s.y, width: s.y.map((_, i) => s.edge[i + 1] - s.edge[i]), name: s.name, showlegend: false,
        error_y: s.error ? { type: "data", array: s.error, color: c.of("hold"), thickness: 1, width: 0 } : undefined,
        customdata: s.y.map((_, i) => `${number(s.edge[i])} to ${number(s.edge[i + 1])}${across.unit}`), hovertemplate: `%{customdata}: %{y:${form.form}}${form.unit}<extra></extra>`,
        marker: { color: middle.map((value) => c.tint(value > 0 ? "gain" : "loss", .75)), line: { width: 0 } },
      }];
    },
  };
  const uprights = (marks, c) => marks.map((one) => ({ type: "line", x0: one.x, x1: one.x, y0: 0, y1: 1, yref: "paper", name: one.name, showlegend: true, layer: "above", line: { color: c.role(one.role), width: 1.5, dash: one.dash } }));

  // ------------------------------------------------------------------------------------------------------------ charts
  const draw = {
    xy(d, c, box) {
      const shown = d.sheets[+(box.dataset.sheet || 0)], form = shown.y || d.value;
      const traces = [];
      for (const one of shown.series) {
        const below = one.panel === 1, own = series[one.mode](one, one.x || shown.x, c, below ? d.lower : form, d.axis);
        for (const trace of own) traces.push(below ? { ...trace, yaxis: "y2" } : trace);
      }
      const y = axis(c, form), more = { shapes: uprights(shown.marks, c), hovermode: d.near ? "closest" : "x unified", bargap: 0 };
      const x = axis(c, d.axis, { showgrid: false });
      if (d.axis.tenors) byTenor(x);
      if (d.lower) {
        y.domain = [.34, 1];
        x.anchor = "y2";
        more.yaxis2 = axis(c, d.lower, { domain: [0, .26], nticks: 3, rangemode: "tozero" });
        more.hoversubplots = "axis";
      }
      const made = layout(c, x, y, more), entries = traces.filter((one) => one.name && one.showlegend !== false).length + shown.marks.length;
      made.showlegend = entries > 1;
      if (entries > 2) legendPlace(box, made, entries);
      return [traces, made];
    },
    smile(d, c, box) {
      const e = d.expiries[+(box.dataset.sheet || 0)], along = box.dataset.axis || "strike";
      const place = { strike: (k) => k, k: (k) => Math.log(k / e.forward), sd: (k) => Math.log(k / e.forward) / e.deviation }[along];
      const valid = along === "strike" || (e.forward !== null && (along === "k" || e.deviation !== null));
      const x = e.strike.map((k) => (valid ? place(k) : null)), vol = (value) => (value === null ? "—" : value.toFixed(2) + " %");
      const told = e.strike.map((k, i) => `${e.call[i] ? "call" : "put"} ${k.toLocaleString("en")}: bid ${vol(e.bid[i])}, mid ${vol(e.mid[i])}, ask ${vol(e.ask[i])}`
        + (e.vendor ? `<br>vendor ${vol(e.vendor[i])}` : "") + `<br>${e.reason[i] ? "left out: " + d.reasons[e.reason[i]] : "used"}`);
      const traces = [], group = (name, keep, role, symbol, used) => {
        const rows = e.strike.map((_, i) => i).filter((i) => keep(i) && x[i] !== null);
        const bx = [], by = [];
        for (const i of rows) if (e.bid[i] !== null && e.ask[i] !== null) { bx.push(x[i], x[i], null); by.push(e.bid[i], e.ask[i], null); }
        const open = rows.filter((i) => e.bid[i] === null && e.ask[i] !== null), whole = rows.filter((i) => e.mid[i] !== null);
        if (bx.length) traces.push({ x: bx, y: by, mode: "lines", name, legendgroup: name, showlegend: false, hoverinfo: "skip", line: { color: c.tint(role, used ? .55 : .22), width: rows.length > 160 ? 2 : 4 } });
        if (open.length) traces.push({ x: open.map((i) => x[i]), y: open.map((i) => e.ask[i]), text: open.map((i) => told[i]), mode: "markers", name: name + ", ask only", legendgroup: name, showlegend: false, hovertemplate: "%{text}<extra></extra>", marker: { symbol: "line-ew-open", size: 7, color: c.tint(role, .5), line: { width: 1.4 } } });
        if (whole.length) traces.push({ x: whole.map((i) => x[i]), y: whole.map((i) => e.mid[i]), text: whole.map((i) => told[i]), mode: "markers", name, legendgroup: name, hovertemplate: "%{text}<extra></extra>", marker: { symbol, size: rows.length > 160 ? 4 : 6, color: used ? c.role(role) : c.tint(role, .4) } });
      };
      if (e.vendor) traces.push({ x, y: e.vendor, mode: "markers", name: "vendor", hoverinfo: "skip", marker: { symbol: "x-thin-open", size: 6, color: c.role("m3"), line: { width: 1.3 } } });
      group("puts", (i) => !e.call[i] && !e.reason[i], "loss", "triangle-down", true);
      group("calls", (i) => e.call[i] && !e.reason[i], "gain", "triangle-up", true);
      if (box.dataset.view !== "used") {
        group("puts left out", (i) => !e.call[i] && e.reason[i], "loss", "triangle-down-open", false);
        group("calls left out", (i) => e.call[i] && e.reason[i], "gain", "triangle-up-open", false);
      }
      if (e.curve) traces.push({ x: e.curve.strike.map((k) => (valid ? place(k) : null)), y: e.curve.vol, mode: "lines", name: d.model, hovertemplate: "%{y:.2f} %<extra></extra>", line: { color: c.of("ink"), width: 2 } });
      const inside = e.strike.map((_, i) => i).filter((i) => !e.reason[i]), range = (values) => spread(inside.map((i) => values[i]), .06);
      const high = spread([...inside.map((i) => e.mid[i]), ...inside.map((i) => e.bid[i]), ...(e.curve ? e.curve.vol : [])], .1);
      const at = axis(c, { title: d.axes[along], form: along === "strike" ? ",.6~f" : ".3f" }, { showgrid: false }), up = axis(c, d.value);
      if (inside.length && valid) { at.range = range(x); up.range = [Math.max(0, high[0]), high[1]]; }
      const middle = valid && e.forward !== null ? [{ x: place(e.forward), name: "forward", role: "hold", dash: "dot" }] : [];
      const made = layout(c, at, up, { hovermode: "closest", shapes: uprights(middle, c) });
      if (!valid) made.annotations = [{ text: "this expiry has no forward, so only strikes can be shown", showarrow: false, xref: "paper", yref: "paper", x: .5, y: .5, font: { color: c.of("soft"), size: 13 } }];
      legendPlace(box, made, 4);
      return [traces, made];
    },
    matrix(d, c, box) {
      const solid = box.dataset.view === "solid" && d.y, values = known(d.z.flat()), most = Math.max(1e-9, ...values.map(Math.abs));
      // Viridis reads the same with and without red and green; around zero, the page's own blue and orange. The wing of
      // the first days, many times the rest, would leave one colour to everything else: the outermost cells share theirs.
      const colours = d.diverging
        ? { colorscale: [[0, c.of("loss")], [.5, c.of("sunken")], [1, c.of("gain")]], zmin: -most, zmax: most }
        : { colorscale: "Viridis", ...(solid ? {} : { zmin: middle(values, .03), zmax: middle(values, .97) }) };
      const cell = `${d.titles[0]} %{x}, ${d.titles[1]} %{y}<br>%{z:${d.value.form}}${d.value.unit}${d.told ? "<br>%{text}" : ""}<extra></extra>`;
      if (!solid) {
        const wide = (box.clientWidth - 130) / d.x.length, tall = (box.clientHeight - 80) / d.names.length;
        const few = wide >= 44 && tall >= 17, many = d.names.length > 24;
        const x = axis(c, { title: d.titles[0] }, { showgrid: false, type: typeof d.x[0] === "string" ? "category" : "-", tickformat: typeof d.x[0] === "string" ? "" : "~g" });
        return [[{
          type: "heatmap", x: d.x, y: d.names, z: d.z, text: d.told, xgap: few ? 2 : 0, ygap: many ? 0 : 1, hoverongaps: false, colorbar: bar(c, d.value),
          hovertemplate: cell, texttemplate: few ? `%{z:${d.value.form}}` : "", textfont: { size: 11.5 }, ...colours,
        }], layout(c, x, axis(c, { title: d.titles[1] }, { type: "category", autorange: "reversed", showgrid: false, ticksuffix: "  " }), { showlegend: false, hovermode: "closest" })];
      }
      const side = (title, more) => ({ title: { text: title, font: { size: 11.5, color: c.of("soft") } }, tickfont: { size: 10.5, color: c.of("soft") }, gridcolor: c.of("line"), zerolinecolor: c.of("line"), color: c.of("soft"), showbackground: false, ...more });
      const step = Math.max(1, Math.ceil(d.y.length / 7)), chosen = d.y.map((_, i) => i).filter((i) => i % step === 0);
      return [[{ type: "surface", x: d.x, y: d.y.map(Math.log), z: d.z, customdata: d.z.map((row, i) => row.map(() => d.names[i])), colorbar: bar(c, d.value), hovertemplate: cell.replace("%{y}", "%{customdata}"), contours: { z: { show: true, usecolormap: true, width: 1 } }, ...colours }],
        layout(c, {}, {}, { showlegend: false, margin: { l: 0, r: 0, t: 0, b: 0 }, scene: {
          xaxis: side(d.titles[0]), yaxis: side(d.titles[1], { tickvals: chosen.map((i) => Math.log(d.y[i])), ticktext: chosen.map((i) => d.names[i]) }),
          zaxis: side(d.value.title, { ticksuffix: d.value.unit }), camera: { eye: { x: -1.5, y: -1.65, z: .65 }, center: { x: 0, y: 0, z: -.28 } }, aspectratio: { x: 1.5, y: 1.5, z: .95 },
        } })];
    },
    ranges(d, c, box) {
      box.style.height = `${(box.clientWidth < 560 ? 200 : 110) + 46 * d.names.length}px`;
      const span = (low, high, width, name, share) => ({ x: d.rows.flatMap((row) => [row[low], row[high], null]), y: d.names.flatMap((one) => [one, one, null]), mode: "lines", name, hoverinfo: "skip", line: { color: c.tint("gain", share), width } });
      const point = (k, name, symbol, role) => ({ x: d.rows.map((row) => row[k]), y: d.names, mode: "markers", name, marker: { symbol, size: 10, color: c.role(role), line: { width: 1.4, color: c.role(role) } }, hovertemplate: `%{y}: ${name} %{x:${d.axis.form}}${d.axis.unit}<extra></extra>` });
      const made = layout(c, axis(c, d.axis), axis(c, { title: "" }, { type: "category", autorange: "reversed", showgrid: false, ticksuffix: "  " }), { hovermode: "closest" });
      if (box.clientWidth < 560) {
        // Names beside the bars would leave no room for these.
        made.yaxis.showticklabels = false;
        made.annotations = d.names.map((name) => ({ text: name, x: 0, xref: "paper", y: name, xanchor: "left", yanchor: "bottom", yshift: 6, showarrow: false, font: { size: 11, color: c.of("soft") } }));
        Object.assign(made.legend, { y: -60 / (46 * d.names.length), yanchor: "top" });
      }
      return [[span(0, 4, 4, "5 % to 95 %", .35), span(1, 3, 12, "25 % to 75 %", .6), point(2, "median", "line-ns-open", "ink"), point(5, "mean", "diamond", "ink"), point(6, "mean of the worst", "x", "loss")], made];
    },
  };

  // ---------------------------------------------------------------------------------------------------------- controls
  const charts = [...document.querySelectorAll(".chart")];
  const show = (box) => {
    const d = all[box.dataset.chart], [traces, form] = draw[d.kind](d, look(), box);
    // A surface in space and a flat chart do not turn into each other.
    if (box.dataset.solid !== String(traces[0]?.type === "surface") && box.dataset.drawn) library().purge(box);
    box.dataset.solid = String(traces[0]?.type === "surface");
    library().react(box, traces, form, { displayModeBar: false, responsive: true });
    box.dataset.drawn = "yes";
  };
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (entry.isIntersecting && !entry.target.dataset.drawn) show(entry.target);
  }), { rootMargin: "300px" });
  charts.forEach((box) => seen.observe(box));

  const choose = (names, key, value) => {
    for (const name of names.split(" ")) for (const box of charts.filter((one) => one.dataset.chart === name)) {
      box.dataset[key] = value;
      if (box.dataset.drawn) show(box);
    }
    for (const control of document.querySelectorAll(`select[data-for="${names}"][data-key="${key}"]`)) control.value = value;
    for (const group of document.querySelectorAll(`.switch[data-for="${names}"][data-key="${key}"]`)) {
      for (const one of group.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.dataset.value === value));
    }
  };
  for (const select of document.querySelectorAll("select[data-for]")) {
    for (const name of select.dataset.for.split(" ")) for (const box of charts) if (box.dataset.chart === name) box.dataset[select.dataset.key] = select.value;
    select.addEventListener("change", () => choose(select.dataset.for, select.dataset.key, select.value));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const group = button.closest(".switch[data-for]"), picker = button.closest(".picker");
    if (group) choose(group.dataset.for, group.dataset.key, button.dataset.value);
    else if (button.dataset.step && picker) {
      const select = picker.querySelector("select"), next = select.selectedIndex + +button.dataset.step;
      if (next >= 0 && next < select.options.length) choose(select.dataset.for, select.dataset.key, String(next));
    } else if (button.dataset.goto) {
      const [name, value] = button.dataset.goto.split(" ");
      choose(name, "sheet", value);
      charts.find((box) => box.dataset.chart === name).closest(".card").scrollIntoView();
    } else if (button.dataset.filter !== undefined) {
      for (const one of button.parentNode.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
      for (const row of document.querySelectorAll("tr[data-tags]")) row.hidden = button.dataset.filter !== "" && !row.dataset.tags.split(" ").includes(button.dataset.filter);
    } else if (button.closest("table.sortable thead")) sort(button.closest("th"));
  });
  const sort = (head) => {
    const table = head.closest("table"), k = head.cellIndex, first = head.classList.contains("n") ? "descending" : "ascending";
    const now = head.getAttribute("aria-sort"), next = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1, value = (row) => row.cells[k].dataset.v;
    // What has no figure goes last either way.
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      return sign * (Number.isNaN(+x) || Number.isNaN(+y) ? x.localeCompare(y) : x - y);
    }));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.filter((box) => box.dataset.drawn).forEach(show));
  addEventListener("beforeprint", () => charts.filter((box) => !box.dataset.drawn).forEach(show));
})();

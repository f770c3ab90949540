"use strict";
(() => {
  // The chart library waits as plain text: reading five megabytes costs time that a reader of the scorecard need not spend.
  const library = () => {
    if (!window.Plotly) {
      const script = document.createElement("script");
      script.textContent = document.getElementById("plotly").textContent;
      document.head.appendChild(script);
    }
    return window.Plotly;
  };
  const known = new Map();
  const dataOf = (id) => {
    if (!known.has(id)) known.set(id, JSON.parse(document.getElementById("d" + id).textContent));
    return known.get(id);
  };
  const times = (steps) => { let now = 0; return steps.map((step) => (now += step) * 60000); };
  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue("--" + name).trim();
    const tint = (name, share) => `rgba(${of(name + "-rgb").split(" ").join(",")},${share})`;
    return { of, tint };
  };
  const axis = (c, more) => Object.assign({
    gridcolor: c.of("line"), linecolor: c.of("line"), zerolinecolor: c.of("hold"), zerolinewidth: 1, automargin: true,
    tickfont: { color: c.of("soft"), size: 11.5 }, title: { font: { color: c.of("soft"), size: 11.5 } },
  }, more);
  const strategyFirst = { reversed: true };
  const layout = (c, x, y, { reversed, ...more } = {}) => Object.assign({
    margin: { l: 8, r: 10, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, color: c.of("ink"), size: 12 },
    xaxis: axis(c, Object.assign({ showgrid: false }, x)), yaxis: axis(c, y), hovermode: "x unified", showlegend: true,
    legend: { traceorder: reversed ? "reversed" : "normal", orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { size: 12, color: c.of("soft") }, bgcolor: "rgba(0,0,0,0)" },
    hoverlabel: { bgcolor: c.of("surface"), bordercolor: c.of("line"), font: { color: c.of("ink"), size: 12 } },
    separators: ".,", dragmode: "zoom",
  }, more);
  const dated = { type: "date", hoverformat: "%Y-%m-%d" };
  const titled = (c, text, more) => Object.assign({ title: { text, font: { color: c.of("soft"), size: 11.5 } } }, more);

  const number = (value) => (value === null ? "—" : value.toFixed(2).replace("-", "−"));
  const sharpes = (d, c, more) => [[{
    type: "bar", orientation: "h", y: d.name, x: d.sharpe, text: d.sharpe.map(number), textposition: "outside", cliponaxis: false, textfont: { color: c.of("ink"), size: 11.5 },
    marker: { color: d.sharpe.map((one, i) => c.tint(one > 0 ? "gain" : "loss", d.pale && d.pale[i] ? .25 : .8)) }, width: .6, ...more,
  }], layout(c, titled(c, "Sharpe a year"), { type: "category", autorange: "reversed", ticksuffix: "  " }, { showlegend: false, hovermode: "closest", margin: { l: 8, r: 40, t: 8, b: 8 } })];
  const replayed = (d, c, all) => sharpes(d, c, { customdata: d.net.map((net, i) => [net, d.trades[i]]), hovertemplate: `%{y}: %{x:.2f}<br>net %{customdata[0]:,.0f} ${all.currency}, %{customdata[1]} trades<extra></extra>` });
  const picked = (box, d) => {
    const pick = box.closest(".card").querySelector("select");
    return d[pick ? pick.options[pick.selectedIndex].innerHTML : Object.keys(d)[0]];
  };
  const star = (c, x, y, name) => ({ x, y, name, mode: "markers", marker: { size: 15, symbol: "star", color: c.of("loss"), line: { color: c.of("surface"), width: 1 } }, hovertemplate: "chosen<extra></extra>" });

  const draw = {
    equity(d, c, all) {
      const t = times(d.t);
      return [[
        { x: t, y: d.hold, name: "holding at equal risk", mode: "lines", line: { color: c.of("hold"), width: 1.3, dash: "dot" }, hovertemplate: "%{y:,.0f}" },
        { x: t, y: d.equity, name: "strategy", mode: "lines", line: { color: c.of("gain"), width: 2 }, hovertemplate: "%{y:,.0f}" },
      ], layout(c, dated, titled(c, all.currency, { tickformat: "~s" }), strategyFirst)];
    },
    drawdown(d, c) {
      const t = times(d.t);
      return [[
        { x: t, y: d.hold, name: "holding at equal risk", mode: "lines", line: { color: c.of("hold"), width: 1.2, dash: "dot" }, hovertemplate: "%{y:.1f} %" },
        { x: t, y: d.strategy, name: "strategy", mode: "lines", fill: "tozeroy", fillcolor: c.tint("loss", .16), line: { color: c.of("loss"), width: 1.3 }, hovertemplate: "%{y:.1f} %" },
      ], layout(c, dated, titled(c, "per cent", { rangemode: "tozero" }), strategyFirst)];
    },
    price(d, c, all, box) {
      const s = picked(box, d);
      const start = times(s.in), end = times(s.out);
      const lines = (won) => {
        const x = [], y = [];
        s.net.forEach((net, i) => { if ((net > 0) === won) { x.push(start[i], end[i], null); y.push(s.from[i], s.to[i], null); } });
        return { x, y, mode: "lines", name: won ? "gained" : "lost", hoverinfo: "skip", line: { width: 1.6, color: c.of(won ? "gain" : "loss"), dash: won ? "solid" : "dot" } };
      };
      const told = s.id.map((id, i) => `trade ${id}, ${s.side[i] > 0 ? "long" : "short"}: ${s.net[i].toLocaleString("en", { maximumFractionDigits: 0 })} ${all.currency}${s.open[i] ? ", still open" : ""}`);
      const marks = {
        x: start, y: s.from, text: told, mode: "markers", name: "opened", hovertemplate: "%{text}<extra></extra>",
        marker: { size: s.id.length > 150 ? 6 : 8, color: s.net.map((net) => c.of(net > 0 ? "gain" : "loss")), symbol: s.side.map((side) => (side > 0 ? "triangle-up" : "triangle-down")), line: { width: .8, color: c.of("surface") } },
      };
      const closes = { x: times(s.t), y: s.close, mode: "lines", name: "close", line: { color: c.of("hold"), width: 1 }, hovertemplate: "%{y}<extra></extra>" };
      return [[closes, lines(true), lines(false), marks], layout(c, { type: "date" }, { tickformat: "," }, { hovermode: "closest" })];
    },
    costs(d, c, all) {
      const x = d.level.map(parseFloat);
      // Far beyond the levels that were run, the mark would press everything else together; the sentence tells it then.
      const even = d.even !== null && d.even > 0 && d.even <= 2 * Math.max(...x) ? d.even : null;
      const text = d.net.map((net, i) => `${net === null ? "—" : net.toLocaleString("en", { maximumFractionDigits: 0 }).replace("-", "−")}<br>Sharpe ${number(d.sharpe[i])}`);
      const traces = [{
        x, y: d.net, text, mode: "lines+markers+text", textposition: "top center", cliponaxis: false, customdata: d.fees, line: { color: c.of("gain"), width: 2 },
        marker: { size: 9, color: d.net.map((net) => c.of(net > 0 ? "gain" : "loss")) }, textfont: { color: c.of("ink"), size: 11.5 },
        hovertemplate: `%{x}× costs: %{y:,.0f} ${all.currency}<br>fees %{customdata:,.0f}<extra></extra>`,
      }];
      if (even !== null) traces.push({
        x: [even], y: [0], text: [`nothing left at ${even.toFixed(2)}×`], mode: "markers+text", textposition: even < 1 ? "top right" : "bottom left", cliponaxis: false,
        textfont: { color: c.of("loss"), size: 11.5 }, marker: { size: 11, symbol: "x", color: c.of("loss") }, hovertemplate: "%{text}<extra></extra>",
      });
      return [traces, layout(c, { ticksuffix: "×", tickvals: x }, titled(c, all.currency, { tickformat: "~s", rangemode: "tozero" }), { showlegend: false, hovermode: "closest", margin: { l: 8, r: 34, t: 40, b: 8 } })];
    },
    bridge(d, c, all) {
      const measure = d.step.map((name) => (name === "gross" ? "absolute" : name === "net" ? "total" : "relative"));
      const amount = d.micros.map((micros) => micros / 1e6);
      const text = amount.map((one) => one.toLocaleString("en", { maximumFractionDigits: 0 }).replace("-", "−"));
      return [[{
        type: "waterfall", orientation: "h", measure, x: amount, y: d.word, text, textposition: "outside", cliponaxis: false, textfont: { color: c.of("ink"), size: 11.5 },
        increasing: { marker: { color: c.tint("gain", .8) } }, decreasing: { marker: { color: c.tint("loss", .8) } }, totals: { marker: { color: c.of("hold") } },
        connector: { line: { color: c.of("line"), width: 1 } }, hovertemplate: `%{y}: %{text} ${all.currency}<extra></extra>`,
      }], layout(c, titled(c, all.currency, { tickformat: "~s" }), { type: "category", autorange: "reversed" }, { showlegend: false, hovermode: "closest", margin: { l: 8, r: 70, t: 12, b: 8 } })];
    },
    folds(d, c, all) {
      const custom = d.span.map((span, i) => [span, d.chosen[i], d.pnl[i]]);
      const bar = (y, name, color, hovertemplate) => ({ type: "bar", x: d.test, y, name, marker: { color }, customdata: custom, hovertemplate });
      return [[
        bar(d.train, "chosen on", c.tint("gain", .28), "%{y:.2f}"),
        bar(d.sharpe, "traded", c.of("gain"), `%{y:.2f}, %{customdata[2]:,.0f} ${all.currency}<br>%{customdata[0]}<br>%{customdata[1]}`),
      ], layout(c, { type: "category", tickangle: 0, nticks: 8 }, titled(c, "Sharpe a year"), { bargap: .3, bargroupgap: .06 })];
    },
    fan(d, c, all) {
      const at = (level) => d.bands[d.levels.findIndex((one) => Math.abs(one - level) < 1e-9)];
      const band = (low, high, name, share) => [
        { x: d.step, y: at(low), mode: "lines", line: { width: 0 }, showlegend: false, hoverinfo: "skip" },
        { x: d.step, y: at(high), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: c.tint("gain", share), name, hoverinfo: "skip" },
      ];
      return [[
        ...band(.05, .95, "90 %", .13), ...band(.25, .75, "50 %", .22),
        { x: d.step, y: at(.5), name: "median", mode: "lines", line: { color: c.of("gain"), width: 1.2, dash: "dot" }, hovertemplate: "%{y:,.0f}" },
        { x: d.step, y: at(.05), name: "5th percentile", mode: "lines", line: { color: c.of("loss"), width: 1.2 }, hovertemplate: "%{y:,.0f}" },
        { x: d.step, y: d.realised, name: "what happened", mode: "lines", line: { color: c.of("ink"), width: 1.8 }, hovertemplate: "%{y:,.0f}" },
      ], layout(c, titled(c, "trades done"), titled(c, all.currency, { tickformat: "~s" }))];
    },
    regimes(d, c, all, box) {
      const r = picked(box, d);
      box.style.height = `${Math.max(150, 70 + 26 * r.name.length)}px`;
      return sharpes(r, c, {
        customdata: r.sessions.map((count, i) => [count, r.share[i] === null ? "—" : (100 * r.share[i]).toFixed(0) + " %"]), hovertemplate: "%{y}: %{x:.2f}<br>%{customdata[0]} sessions, %{customdata[1]} of the return<extra></extra>",
      });
    },
    delay(d, c, all) { return replayed({ ...d, name: d.name.map((wakes) => (wakes === "0" ? "in time" : `${wakes} late`)) }, c, all); },
    perturbed(d, c, all) { return replayed(d, c, all); },
    surface(d, c) {
      const axes = [titled(c, d.xname, d.kind === "rank" ? {} : { type: "category" }), titled(c, d.kind === "heat" ? d.yname : "Sharpe a year, in sample", d.kind === "heat" ? { type: "category" } : {})];
      if (d.kind === "heat") return [[
        { type: "heatmap", x: d.x, y: d.y, z: d.z, zmid: 0, colorscale: [[0, c.of("loss")], [.5, c.of("sunken")], [1, c.of("gain")]], colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: c.of("soft"), size: 11 } }, hovertemplate: `${d.xname} %{x}<br>${d.yname} %{y}<br>Sharpe %{z:.2f}<extra></extra>` },
        star(c, [d.mark[0]], [d.mark[1]], "chosen"),
      ], layout(c, ...axes, { showlegend: false, hovermode: "closest" })];
      const traces = [{ x: d.x, y: d.y, mode: d.kind === "line" ? "lines+markers" : "lines", name: "tried", line: { color: c.of("gain"), width: 1.8 }, hovertemplate: `${d.xname} %{x}: %{y:.2f}<extra></extra>` }];
      if (d.mark) traces.push(star(c, [d.mark[0]], [d.mark[1]], "chosen"));
      return [traces, layout(c, ...axes, { hovermode: "closest" })];
    },
    logits(d, c) {
      const middle = d.count.map((_, i) => (d.edge[i] + d.edge[i + 1]) / 2);
      return [[{
        type: "bar", x: middle, y: d.count, width: d.edge[1] - d.edge[0], hovertemplate: "logit %{x:.2f}: %{y} halves<extra></extra>",
        marker: { color: middle.map((x) => c.tint(x > 0 ? "gain" : "loss", .8)), line: { color: c.of("surface"), width: 1 } },
      }], layout(c, titled(c, "logit of its place in the other half"), titled(c, "halves"), { showlegend: false, hovermode: "closest", bargap: 0 })];
    },
    paths(d, c) {
      const middle = d.count.map((_, i) => (d.edge[i] + d.edge[i + 1]) / 2), top = Math.max(...d.count);
      const upright = (x, name, color, dash) => ({ x: [x, x], y: [0, top], mode: "lines", name: `${name} ${number(x)}`, line: { color: c.of(color), width: 2, dash }, hoverinfo: "skip" });
      const marks = [upright(d.median, "median", "ink", "dot")];
      if (d.walk !== null) marks.push(upright(d.walk, "the walk", "hold", "solid"));
      return [[{
        type: "bar", x: middle, y: d.count, width: d.edge[1] - d.edge[0], name: "histories", showlegend: false, hovertemplate: "Sharpe %{x:.2f}: %{y} histories<extra></extra>",
        marker: { color: middle.map((x) => c.tint(x > 0 ? "gain" : "loss", .8)), line: { color: c.of("surface"), width: 1 } },
      }, ...marks], layout(c, titled(c, "Sharpe a year"), titled(c, "histories"), { hovermode: "closest", bargap: 0 })];
    },
    luck(d, c) {
      const top = Math.max(...d.density);
      const upright = (x, name, color, dash) => ({ x: [x, x], y: [0, top], mode: "lines", name: `${name} ${number(x)}`, line: { color: c.of(color), width: 2, dash }, hoverinfo: "skip" });
      return [[
        { x: d.x, y: d.density, mode: "lines", name: "best by luck", fill: "tozeroy", fillcolor: c.tint("loss", .16), line: { color: c.of("loss"), width: 1.3 }, hovertemplate: "%{x:.2f}<extra></extra>" },
        upright(d.expected, "on average", "loss", "dot"), upright(d.result, "chosen set", "gain", "solid"),
      ], layout(c, titled(c, "Sharpe a year"), { showticklabels: false, showgrid: false }, { hovermode: "closest" })];
    },
    histogram(d, c, all) {
      const middle = d.count.map((_, i) => (d.edge[i] + d.edge[i + 1]) / 2);
      const range = d.count.map((_, i) => `${Math.round(d.edge[i]).toLocaleString("en")} to ${Math.round(d.edge[i + 1]).toLocaleString("en")} ${all.currency}`);
      return [[{
        type: "bar", x: middle, y: d.count, width: d.edge[1] - d.edge[0], customdata: range, hovertemplate: "%{customdata}: %{y} trades<extra></extra>",
        marker: { color: middle.map((x) => c.tint(x > 0 ? "gain" : "loss", .8)), line: { color: c.of("surface"), width: 1 } },
      }], layout(c, titled(c, "net result, " + all.currency, { tickformat: "~s" }), titled(c, "trades"), { showlegend: false, hovermode: "closest", bargap: 0 })];
    },
  };

  const show = (box) => {
    const all = dataOf(box.dataset.candidate);
    const data = all[box.dataset.chart];
    if (!data) return;
    const plotly = library();
    const [traces, form] = draw[box.dataset.chart](data, look(), all, box);
    if (box.dataset.scale === "log") { form.yaxis.type = "log"; form.yaxis.nticks = 8; }
    plotly.react(box, traces, form, { displayModeBar: false, responsive: true });
    box.dataset.drawn = "yes";
  };
  const charts = [...document.querySelectorAll(".chart")];
  const drawNear = () => {
    for (const box of charts) {
      if (box.dataset.drawn || !box.offsetParent) continue;
      const place = box.getBoundingClientRect();
      if (place.top < innerHeight + 400 && place.bottom > -400) show(box);
    }
  };
  addEventListener("scroll", drawNear, { passive: true });
  addEventListener("resize", drawNear, { passive: true });
  document.addEventListener("toggle", drawNear, true);
  const redraw = () => charts.filter((box) => box.dataset.drawn).forEach(show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && button.dataset.all) {
      document.querySelectorAll(".candidate").forEach((one) => { one.open = button.dataset.all === "open"; });
    } else if (button && button.dataset.scale) {
      const box = button.closest(".card").querySelector(".chart");
      box.dataset.scale = button.dataset.scale;
      button.parentNode.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      show(box);
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.dataset.pick) show(event.target.closest(".card").querySelector(".chart"));
  });
  const follow = () => {
    const wanted = /^#c\d+(-[a-z]+)?$/.test(location.hash) && document.querySelector(location.hash);
    if (!wanted) return;
    for (let part = wanted; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    wanted.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#c"]');
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  addEventListener("beforeprint", () => charts.filter((box) => box.offsetParent && !box.dataset.drawn).forEach(show));
  follow();
  drawNear();
})();

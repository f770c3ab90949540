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
  const known = new Map();
  const dataOf = (id) => {
    if (!known.has(id)) known.set(id, JSON.parse(document.getElementById("d" + id).textContent));
    return known.get(id);
  };
  const measures = new Map();
  const style = () => {
    const read = getComputedStyle(document.documentElement);
    return (name) => read.getPropertyValue("--" + name).trim();
  };
  const flat = (z) => z.flat().filter((value) => value !== null);
  const format = { sharpe: ".2f", net: ",.0f", drawdown: ".1f", trades: ",.0f" };
  const unit = (measure, all) => (measure === "net" ? " " + all.currency : measure === "drawdown" ? " %" : "");

  // Zero is the middle of what can be lost and gained; counts and depths go one way only.
  const colours = (values, measure, css) => {
    const gain = css("gain"), loss = css("loss"), middle = css("sunken");
    if (measure === "trades") return { colorscale: [[0, middle], [1, gain]], zmin: 0, zmax: Math.max(1, ...values) };
    if (measure === "drawdown") return { colorscale: [[0, loss], [1, middle]], zmin: Math.min(-1e-9, ...values), zmax: 0 };
    const most = Math.max(1e-9, ...values.map(Math.abs));
    return { colorscale: [[0, loss], [.5, middle], [1, gain]], zmin: -most, zmax: most };
  };
  const axis = (css, title, more) => Object.assign({
    title: { text: title, font: { color: css("soft"), size: 12 } }, tickfont: { color: css("soft"), size: 11.5 },
    linecolor: css("line"), gridcolor: css("line"), zerolinecolor: css("hold"), automargin: true, showgrid: false,
  }, more);
  const layout = (css, x, y) => ({
    margin: { l: 8, r: 8, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, color: css("ink"), size: 12 }, xaxis: x, yaxis: y,
    showlegend: false, hovermode: "closest", separators: ".,",
    hoverlabel: { bgcolor: css("surface"), bordercolor: css("line"), font: { color: css("ink"), size: 12 } },
  });
  // Dark within light, or light within dark: it shows on every colour.
  const ring = (css, best, size = 44) => [["surface", 5.4], ["ink", 2.4]].map(([colour, width]) => ({
    x: [best[0]], y: [best[1]], mode: "markers", hoverinfo: "skip",
    marker: { size, symbol: "circle-open", color: css(colour), line: { width } },
  }));
  const bar = (css, title) => ({ thickness: 12, outlinewidth: 0, tickfont: { color: css("soft"), size: 11 }, title: { text: title, font: { color: css("soft"), size: 11.5 }, side: "right" } });

  const draw = {
    heat(d, measure, all, css, box) {
      // Axes and scale take about 120 pixels across and 70 down; a figure needs 40 by 16.
      const wide = (box.clientWidth - 120) / d.x.length, high = (box.clientHeight - 70) / d.y.length;
      const z = d.z[measure], values = flat(z), few = wide >= 40 && high >= 16;
      const form = format[measure];
      const map = Object.assign({
        type: "heatmap", x: d.x, y: d.y, z, xgap: 2, ygap: 2, hoverongaps: false, colorbar: bar(css, all.names[measure] + unit(measure, all)),
        hovertemplate: `${d.xname} %{x}, ${d.yname} %{y}<br>${all.names[measure]} %{z:${form}}${unit(measure, all)}<extra></extra>`,
        texttemplate: few ? `%{z:${measure === "net" ? ".3~s" : form}}` : "", textfont: { size: 11.5 },
      }, colours(values, measure, css));
      const traces = d.best ? [map, ...ring(css, d.best, Math.max(16, Math.min(44, wide + 8, high + 8)))] : [map];
      return [traces, layout(css, axis(css, d.xname, { type: "category" }), axis(css, d.yname, { type: "category" }))];
    },
    cloud(d, measure, all, css) {
      const values = flat(d.z[measure]), how = colours(values, measure, css);
      const dots = {
        x: d.x, y: d.y, customdata: d.z[measure], mode: "markers",
        marker: { size: 9, color: d.z[measure], colorscale: how.colorscale, cmin: how.zmin, cmax: how.zmax, line: { width: .6, color: css("hold") }, colorbar: bar(css, all.names[measure] + unit(measure, all)) },
        hovertemplate: `${d.xname} %{x}, ${d.yname} %{y}<br>${all.names[measure]} %{customdata:${format[measure]}}${unit(measure, all)}<extra></extra>`,
      };
      const traces = d.best ? [dots, ...ring(css, d.best)] : [dots];
      return [traces, layout(css, axis(css, d.xname, { showgrid: true }), axis(css, d.yname, { showgrid: true }))];
    },
    line(d, measure, all, css) {
      const order = d.x.map((_, i) => i).sort((a, b) => d.x[a] - d.x[b]), of = (column) => order.map((i) => column[i]);
      const trace = {
        x: of(d.x), y: of(d.z[measure]), mode: "lines+markers", line: { color: css("gain"), width: 2 },
        hovertemplate: `${d.xname} %{x}<br>${all.names[measure]} %{y:${format[measure]}}${unit(measure, all)}<extra></extra>`,
      };
      if (measure === "sharpe") trace.error_y = { type: "data", array: of(d.error), color: css("hold"), thickness: 1 };
      const place = d.best ? d.x.indexOf(d.best[0]) : -1;
      const traces = place >= 0 ? [trace, ...ring(css, [d.x[place], d.z[measure][place]])] : [trace];
      return [traces, layout(css, axis(css, d.xname), axis(css, all.names[measure] + unit(measure, all), { showgrid: true }))];
    },
  };

  const show = (box) => {
    const all = dataOf(box.dataset.slice), d = all.charts[+box.dataset.chart];
    const [traces, form] = draw[d.kind](d, measures.get(box.dataset.slice) || "sharpe", all, style(), box);
    library().react(box, traces, form, { displayModeBar: false, responsive: true });
    box.dataset.drawn = "yes";
  };
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (entry.isIntersecting && entry.target.dataset.drawn !== "yes") show(entry.target);
  }), { rootMargin: "200px" });
  document.querySelectorAll(".chart").forEach((box) => seen.observe(box));
  document.querySelectorAll(".switch").forEach((group) => group.addEventListener("click", (event) => {
    const chosen = event.target.dataset.measure;
    if (!chosen) return;
    measures.set(group.dataset.slice, chosen);
    group.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.measure === chosen)));
    document.querySelectorAll(`.chart[data-slice="${group.dataset.slice}"]`).forEach(show);
  }));
  const open = () => {
    const target = location.hash && document.querySelector(location.hash);
    if (target && target.matches("details")) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.querySelectorAll('.chart[data-drawn="yes"]').forEach(show));
})();

// Titles side by side: only the rows in sight are in the page, and only those near it were ever sent.

const PAGE = 24, AHEAD = 300, GUESS = 100, PATIENCE_MS = 4000, TYPING_MS = 40;
const HELP = [
  ["↑ ↓ ← →", "move; j and k too"], ["Enter", "open the row: article, messages, completion"], ["Esc", "close"],
  ["/", "search"], ["b", "compare the others with this variant"], ["h", "hide this variant"], ["< >", "move this variant; or drag its name"], ["− +", "make it narrower, wider; or drag its edge"], ["m", "mark names and numbers"],
  ["i", "cost, latency, tokens"], ["f", "flag"], ["n", "note"], ["c", "copy the title"], ["r", "retry a failed trial"], ["?", "this help"],
];

// Heights of rows, estimated until they are measured; sums over blocks keep a lookup cheap.
class Heights {
  constructor(count, guess) {
    this.rows = new Float32Array(count).fill(guess);
    this.blocks = new Float64Array(Math.ceil(count / 256) || 1);
    for (let b = 0; b < this.blocks.length; b++) this.blocks[b] = Math.min(256, count - b * 256) * guess;
    this.total = count * guess;
  }
  set(row, height) {
    const change = height - this.rows[row];
    this.rows[row] = height;
    this.blocks[row >> 8] += change;
    this.total += change;
  }
  offset(row) {
    let sum = 0;
    for (let b = 0; b < row >> 8; b++) sum += this.blocks[b];
    for (let i = (row >> 8) << 8; i < row; i++) sum += this.rows[i];
    return sum;
  }
  at(y) {
    let b = 0, sum = 0;
    while (b < this.blocks.length - 1 && sum + this.blocks[b] <= y) sum += this.blocks[b++];
    let row = b << 8;
    while (row < this.rows.length - 1 && sum + this.rows[row] <= y) sum += this.rows[row++];
    return row;
  }
}

function render({ model, el: host, signal }) {
  const id = `rk${Math.random().toString(36).slice(2, 8)}`;
  const root = el("div", "retitlekit rk-grid"), bar = el("div", "rk-bar"), say = el("div", "rk-say");
  const view = quiet(el("div", "rk-view")), head = el("div", "rk-row rk-head"), pad = el("div", "rk-pad");
  const body = el("div", "rk-body"), panel = el("section", "rk-panel"), help = el("dl", "rk-help");
  view.tabIndex = 0;
  view.setAttribute("role", "grid");
  view.setAttribute("aria-label", "Titles side by side");
  head.setAttribute("role", "row");
  head.setAttribute("aria-rowindex", 1);
  body.setAttribute("role", "rowgroup");
  say.setAttribute("role", "status");
  panel.hidden = help.hidden = true;
  const kept = new Set("bfnr");  // what needs a kernel
  for (const [key, text] of HELP) if (!model.get("head").static || !kept.has(key)) help.append(el("dt", "", key), el("dd", "", text));
  pad.append(body);
  view.append(head, pad);
  root.append(bar, help, view, say, panel);
  host.append(root);

  let rows = new Map(), asked = new Set(), nodes = new Map(), total = model.get("total"), version = model.get("view");
  let heights = new Heights(total, GUESS), measured = false, active = { row: 0, cell: 0 }, opened = null, waiting = null;
  const sized = new WeakSet();  // rows whose height is known: those drawn before the view is in the page have none yet
  let ahead = 0;  // pixels drawn beyond what is in sight: none before the first rows are painted
  let following = false;  // keys moved last: the active row stays in sight while rows around it arrive
  const take = (start, list) => list.forEach((row, n) => { rows.set(start + n, row); nodes.get(start + n)?.remove(); nodes.delete(start + n); });
  const set = (name, value) => { model.set(name, value); model.save_changes(); };
  const gone = () => status("The kernel is gone. What was fetched stays; run the cell again to go on.", true);
  const wait = () => { waiting = setTimeout(() => (isBusy(model) ? wait() : gone()), PATIENCE_MS); };
  const tell = (message) => {
    model.send(message);
    if (!waiting) wait();
  };
  const heard = () => { clearTimeout(waiting); waiting = null; if (say.dataset.bad) status(""); };
  const status = (text, bad = false) => {
    const all = model.get("head").rows, word = all === 1 ? "row" : "rows";
    say.textContent = text || (total === all ? `${all.toLocaleString()} ${word}` : `${total.toLocaleString()} of ${all.toLocaleString()} ${word}`);
    if (bad) say.dataset.bad = "true"; else delete say.dataset.bad;
  };

  // ---- the bar

  const drawBar = () => {
    const told = model.get("head"), names = told.variants.map((variant) => variant.name.join(" · "));
    const search = quiet(el("input", "rk-search"));
    search.type = "search";
    search.placeholder = "Search";
    search.setAttribute("aria-label", "search titles");
    search.value = model.get("query");
    let timer;
    search.oninput = () => { clearTimeout(timer); timer = setTimeout(() => set("query", search.value), TYPING_MS); };
    search.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape" || event.key === "Enter") { view.focus(); event.preventDefault(); }
    };
    bar.search = search;
    const only = el("span", "rk-group");
    only.setAttribute("role", "group");
    only.setAttribute("aria-label", "only rows with");
    only.append(el("span", "rk-dim", "Only"));
    for (const [word, meaning] of Object.entries(told.only)) {
      const chip = button(word, `only rows with ${meaning}`, () => {
        const chosen = new Set(model.get("only"));
        if (!chosen.delete(word)) chosen.add(word);
        set("only", [...chosen]);
      });
      chip.setAttribute("aria-pressed", model.get("only").includes(word));
      only.append(chip);
    }
    const toggle = (name, text, title) => {
      const node = button(text, title, () => set(name, !model.get(name)));
      node.setAttribute("aria-pressed", model.get(name));
      return node;
    };
    const variants = names.map((name, number) => [String(number), name]);
    const sort = select("Sort", [["", "as planned"], ...told.metrics.map((metric) => [metric, metric.replace(/_/g, " ")])], model.get("sort"), (value) => set("sort", value));
    const direction = toggle("descending", model.get("descending") ? "↓" : "↑", "reverse the order"), order = el("span", "rk-group");
    direction.setAttribute("aria-label", "descending");
    order.append(sort, direction);
    const parts = [search, only, order], still = told.static;
    if (!model.get("blind")) {
      parts.splice(1, 0, select("in", [["-1", "all variants"], ...variants], String(model.get("within")), (value) => set("within", +value)));
      const against = select("Differences to", [["original", "the original"], ...(still && told.baseline < 0 ? [] : [["baseline", "the baseline"], ["both", "both"]]), ["nothing", "nothing"]], model.get("against"), (value) => set("against", value));
      const base = select("Baseline", [["-1", "none"], ...variants], String(model.get("baseline")), (value) => setBaseline(+value));
      const columns = el("details", "rk-columns"), summary = quiet(el("summary", "rk-button", "Columns"));
      columns.append(summary);
      names.forEach((name, number) => {
        const label = el("label"), box = quiet(el("input"));
        box.type = "checkbox";
        box.checked = !model.get("hidden").includes(number);
        box.onchange = () => set("hidden", model.get("hidden").filter((each) => each !== number).concat(box.checked ? [] : [number]));
        label.append(box, " ", name);
        columns.append(label);
      });
      parts.push(against, ...(still ? [] : [base]), columns);
    }
    parts.push(toggle("marks", "Names", "mark names and numbers (m)"), toggle("details", "Figures", "cost, latency, tokens (i)"),
      ...(still ? [] : [toggle("blind", "Blind", "hide which variant is which")]), button("?", "keys", () => { help.hidden = !help.hidden; }));
    const focused = document.activeElement === bar.old, open = bar.querySelector("details")?.open;
    bar.replaceChildren(...parts);
    if (open && bar.querySelector("details")) bar.querySelector("details").open = true;
    if (focused) { search.focus(); search.setSelectionRange(search.value.length, search.value.length); }
    bar.old = search;
  };
  const setBaseline = (number) => {
    model.set("baseline", number);
    if (number >= 0 && model.get("against") === "original") model.set("against", "both");
    if (number < 0 && model.get("against") !== "nothing") model.set("against", "original");
    model.save_changes();
  };

  // ---- the head and the rows

  const choose = () => {
    const told = model.get("head"), hidden = new Set(model.get("hidden")), base = model.get("baseline"), order = model.get("order");
    const numbers = told.variants.map((_, number) => number), place = (number) => (order.includes(number) ? order.indexOf(number) : order.length);
    if (model.get("blind")) return numbers;
    return numbers.filter((number) => !hidden.has(number)).sort((a, b) => (b === base) - (a === base) || place(a) - place(b) || a - b);
  };
  let columns = choose();  // as the rows that are here have them; what is chosen shows when rows in that order have come
  const shown = () => columns;
  // a variant takes another place among those shown
  const move = (number, to) => {
    const rest = shown().filter((each) => each !== number), at = Math.max(0, Math.min(rest.length, to));
    set("order", [...rest.slice(0, at), number, ...rest.slice(at)]);
    return choose().indexOf(number);
  };
  const widths = new Map();  // of columns whose edge was dragged, in pixels
  const layColumns = () => {
    const tracks = shown().map((number) => (widths.has(number) ? `${widths.get(number)}px` : "14em"));
    root.style.setProperty("--rk-columns", tracks.map((each) => (each === "14em" ? "minmax(14em, 1fr)" : each)).join(" "));
    root.style.setProperty("--rk-wide", `calc(${["12em", ...tracks].join(" + ")})`);
  };
  const widen = (number, width) => {
    widths.set(number, Math.max(96, Math.round(width)));
    layColumns();
    nodes = new Map();  // how tall they are now is to be measured
    draw();
  };
  const grip = (cell, number) => {
    const edge = el("span", "rk-edge");
    edge.title = "drag to make it wider or narrower";
    edge.onpointerdown = (event) => {
      event.preventDefault();
      event.stopPropagation();
      edge.setPointerCapture(event.pointerId);
      const start = event.clientX, width = cell.offsetWidth, way = getComputedStyle(cell).direction === "rtl" ? -1 : 1;
      edge.onpointermove = (moved) => widen(number, width + way * (moved.clientX - start));
      edge.onpointerup = () => { edge.onpointermove = null; };
    };
    cell.onpointerdown = (event) => {
      if (event.button || model.get("blind")) return;
      cell.setPointerCapture(event.pointerId);
      const under = (at) => document.elementsFromPoint(at.clientX, at.clientY).find((each) => each.parentNode === head && each.dataset.variant);
      let target = null;
      cell.onpointermove = (moved) => {
        const found = under(moved);
        if (found === target || (!target && found === cell)) return;
        target?.classList.remove("rk-drop");
        target = found ?? null;
        target?.classList.add("rk-drop");
      };
      cell.onpointerup = cell.onpointercancel = (up) => {
        cell.onpointermove = null;
        target?.classList.remove("rk-drop");
        if (up.type === "pointerup" && target && target !== cell) move(number, shown().indexOf(+target.dataset.variant));
      };
    };
    cell.dataset.variant = number;
    cell.append(edge);
  };
  const drawHead = () => {
    const told = model.get("head"), numbers = shown();
    layColumns();
    view.setAttribute("aria-colcount", numbers.length + 1);
    const corner = el("div", "rk-cell rk-first", told.corner);
    if (told.constants.length) corner.append(el("small", "", told.constants.join(" · ")));
    const cells = numbers.map((number) => {
      const variant = told.variants[number], cell = el("div", "rk-cell");
      variant.name.forEach((part, n) => cell.append(el("div", n ? "rk-part" : "", part)));
      if (variant.total) cell.append(el("small", "", variant.total));
      if (number === model.get("baseline") && !model.get("blind")) cell.classList.add("rk-baseline");
      grip(cell, number);
      return cell;
    });
    [corner, ...cells].forEach((cell, n) => { cell.setAttribute("role", "columnheader"); cell.setAttribute("aria-colindex", n + 1); });
    head.replaceChildren(corner, ...cells);
  };
  const drawRow = (at) => {
    const row = rows.get(at), node = el("div", "rk-row");
    node.setAttribute("role", "row");
    node.setAttribute("aria-rowindex", at + 2);
    node.dataset.at = at;
    if (!row) {
      node.classList.add("rk-empty");
      node.append(el("div", "rk-cell rk-first", "…"));
      return node;
    }
    const first = el("div", "rk-cell rk-first");
    first.setAttribute("role", "rowheader");
    const label = el("div", "", row.label);
    label.dir = "auto";
    first.append(label);
    if (row.detail) first.append(el("small", "", row.detail));
    node.append(first);
    row.cells.forEach((outcomes, n) => {
      const cell = el("div", "rk-cell");
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-colindex", n + 2);
      cell.id = `${id}-${at}-${n}`;
      cell.dataset.cell = n;
      if (!outcomes.length) cell.append(el("span", "rk-dim", "–"));
      for (const outcome of outcomes) cell.append(drawOutcome(outcome));
      node.append(cell);
    });
    return node;
  };
  const ask = (from, to) => {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      const start = page * PAGE, stop = Math.min(total, start + PAGE);
      let first = start;
      while (first < stop && rows.has(first)) first++;
      if (first < stop && !asked.has(page)) { asked.add(page); tell({ kind: "page", start: first, stop }); }
    }
  };
  const draw = () => {
    if (!total) { body.replaceChildren(el("div", "rk-none", "No row meets these choices.")); nodes.clear(); pad.style.height = ""; body.style.transform = ""; return; }
    pad.style.height = `${heights.total}px`;  // so that the view is as tall as it gets before rows are chosen for it
    const top = view.scrollTop, height = view.clientHeight || 600;
    const anchor = heights.at(top), into = top - heights.offset(anchor);
    const from = heights.at(Math.max(0, top - ahead));
    let to = from, y = heights.offset(from);
    while (to < total && y < top + height + ahead) y += heights.rows[to++];
    ask(from, to);
    const wanted = [], fresh = [];
    for (let at = from; at < to; at++) {
      let node = nodes.get(at);
      node ??= drawRow(at);
      if (!sized.has(node)) fresh.push([at, node]);
      wanted.push([at, node]);
    }
    if (fresh.length || nodes.size !== wanted.length) {
      nodes = new Map(wanted);
      const stays = new Set(nodes.values());
      for (const node of [...body.children]) if (!stays.has(node)) node.remove();
      wanted.forEach(([, node], n) => { if (body.children[n] !== node) body.insertBefore(node, body.children[n] ?? null); });
      let sum = 0, count = 0;
      for (const [at, node] of fresh) {
        const tall = node.offsetHeight;
        if (tall) sized.add(node);
        if (tall && rows.has(at)) { heights.set(at, tall); sum += tall; count++; }
      }
      if (!measured && count) {  // the first rows tell how tall the others may be
        measured = true;
        const guess = new Heights(total, sum / count);
        for (const [at] of wanted) guess.set(at, heights.rows[at]);
        heights = guess;
        if (from === 0 && to < total && heights.offset(to) < height + ahead) return draw();  // they are shorter
      }
      mark();
    }
    pad.style.height = `${heights.total}px`;
    body.style.transform = `translateY(${heights.offset(from)}px)`;
    const settled = heights.offset(anchor) + into;
    if (Math.abs(settled - top) > 1) view.scrollTop = settled;
    view.setAttribute("aria-rowcount", total + 1);
  };
  const mark = () => {
    body.querySelectorAll(".rk-active").forEach((node) => node.classList.remove("rk-active"));
    const cell = nodes.get(active.row)?.querySelector(`[data-cell="${active.cell}"]`);
    cell?.classList.add("rk-active");
    if (cell) view.setAttribute("aria-activedescendant", cell.id);
    else view.removeAttribute("aria-activedescendant");
  };
  const go = (row, cell) => {
    active = { row: Math.max(0, Math.min(total - 1, row)), cell: Math.max(0, Math.min(shown().length - 1, cell)) };
    following = true;
    reveal();
    if (opened !== null && opened !== active.row) open();
  };
  const reveal = () => {
    const y = heights.offset(active.row), tall = heights.rows[active.row] ?? 0, room = view.clientHeight - head.offsetHeight;
    if (y < view.scrollTop) view.scrollTop = y;
    else if (y + tall > view.scrollTop + room) view.scrollTop = y + tall - room;
    draw();
    mark();
    nodes.get(active.row)?.querySelector(`[data-cell="${active.cell}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const current = () => rows.get(active.row)?.cells[active.cell]?.[0];

  // ---- the panel of one row

  const open = () => { opened = active.row; tell({ kind: "open", view: version, at: active.row }); };
  const close = () => { opened = null; panel.hidden = true; view.focus(); };
  const act = (kind, cell, outcome, text) => tell({ kind, view: version, at: active.row, cell, outcome, text });
  const fold = (text, content) => {
    const node = el("details"), summary = quiet(el("summary", "", text));
    node.append(summary, ...content);
    return node;
  };
  const drawPanel = (told) => {
    const title = el("h3", "", told.label), list = el("div", "rk-entries");
    title.dir = "auto";
    let last = null;
    for (const entry of told.entries) {
      const at = entry.cell, block = el("article", "rk-entry");
      const say = (kind, text) => tell({ kind, view: told.view, at: told.at, cell: at, outcome: entry.outcome, text });
      if (entry.variant !== last) block.append(el("h4", "", entry.variant));
      last = entry.variant;
      block.append(drawOutcome(entry, { same: "" }));
      for (const [gate, why] of entry.failed ?? []) if (why) block.append(el("p", "rk-why", `${gate}: ${why}`));
      if (entry.figures?.length) block.append(el("p", "rk-dim", entry.figures.join(" · ")));
      const note = quiet(el("textarea"));
      note.rows = 1;
      note.placeholder = "note";
      note.setAttribute("aria-label", "note");
      note.value = entry.note ?? "";
      note.dataset.cell = at;
      note.onkeydown = (event) => { event.stopPropagation(); if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) { event.preventDefault(); view.focus(); } };
      note.onblur = () => { if (note.value.trim() !== (entry.note ?? "")) say("note", note.value); };
      const row = el("div", "rk-group");
      if (!entry.problem) row.append(button("Copy", "copy the title (c)", () => copyText(titleOf(entry))));
      if (!model.get("head").static) row.append(button("Flag", "flag, or take the flag away (f)", () => say("flag")));
      if (!model.get("head").static && (entry.problem || entry.reason)) row.append(button("Retry", "send it again (r): this may cost money", () => say("retry")));
      if (!model.get("head").static) row.append(note);
      block.append(row);
      const sent = (entry.messages ?? []).flatMap((message) => [el("h5", "", message.role), el("pre", "", message.content)]);
      if (sent.length) block.append(fold("messages sent", sent));
      if (entry.completion) block.append(fold("completion as it came", [el("pre", "", entry.completion)]));
      list.append(block);
    }
    const text = el("div", "rk-article", told.body ?? "");
    text.dir = "auto";
    const top = el("div", "rk-group rk-top");
    top.append(title, button("×", "close (Esc)", close));
    const two = el("div", "rk-two");
    two.append(...(told.body ? [text] : []), list);
    panel.replaceChildren(top, two);
    const first = panel.hidden;
    panel.hidden = false;
    if (first) panel.scrollIntoView({ block: "nearest" });
    if (panel.dataset.note) { delete panel.dataset.note; panel.querySelector(`textarea[data-cell="${active.cell}"]`)?.focus(); }
  };

  // ---- keys and clicks

  const keys = {
    ArrowDown: () => go(active.row + 1, active.cell), ArrowUp: () => go(active.row - 1, active.cell),
    ArrowRight: () => go(active.row, active.cell + 1), ArrowLeft: () => go(active.row, active.cell - 1),
    PageDown: () => go(heights.at(view.scrollTop + view.clientHeight), active.cell),
    PageUp: () => go(heights.at(Math.max(0, view.scrollTop - view.clientHeight)), active.cell),
    Home: () => go(0, active.cell), End: () => go(total - 1, active.cell), Enter: () => (opened === null ? open() : close()), Escape: close,
    "/": () => bar.search.focus(), m: () => set("marks", !model.get("marks")), i: () => set("details", !model.get("details")),
    b: () => { if (!model.get("blind")) { const number = shown()[active.cell]; setBaseline(number === model.get("baseline") ? -1 : number); } },
    h: () => { if (!model.get("blind") && shown().length > 1) set("hidden", [...model.get("hidden"), shown()[active.cell]]); },
    "<": () => { if (!model.get("blind")) active.cell = move(shown()[active.cell], active.cell - 1); },
    ">": () => { if (!model.get("blind")) active.cell = move(shown()[active.cell], active.cell + 1); },
    "-": () => stretch(-40), "+": () => stretch(40),
    f: () => current() && act("flag", active.cell, 0), n: () => { panel.dataset.note = "true"; open(); },
    c: () => { const outcome = current(); if (outcome && !outcome.problem) { copyText(outcome.same ? rows.get(active.row).label : titleOf(outcome)); status("copied"); } },
    r: () => { const outcome = current(); if (outcome && (outcome.problem || outcome.reason)) act("retry", active.cell, 0); },
    "?": () => { help.hidden = !help.hidden; },
  };
  const stretch = (by) => widen(shown()[active.cell], head.children[active.cell + 1].offsetWidth + by);
  keys["="] = keys["+"];
  keys.j = keys.ArrowDown;
  keys.k = keys.ArrowUp;
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== view) return;
    const key = keys[event.key];
    if (!key || (model.get("head").static && kept.has(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    if (!panel.dataset.note) key();  // a note is about to open: what is typed meanwhile is no command
  });
  view.addEventListener("click", (event) => {
    const row = event.target.closest(".rk-row[data-at]"), cell = event.target.closest("[data-cell]");
    if (row) go(+row.dataset.at, cell ? +cell.dataset.cell : active.cell);
  });
  view.addEventListener("dblclick", (event) => { if (event.target.closest(".rk-row[data-at]")) open(); });
  for (const kind of ["wheel", "pointerdown", "touchmove"]) view.addEventListener(kind, () => { following = false; }, { passive: true });
  let framed = false;
  view.addEventListener("scroll", () => { if (!framed) { framed = true; requestAnimationFrame(() => { framed = false; draw(); }); } }, { passive: true });

  // ---- what the kernel says

  const on = (name, handler) => { model.on(name, handler); signal?.addEventListener("abort", () => model.off(name, handler)); };
  on("change:view", () => {
    heard();
    const kept = model.get("keep") && model.get("total") === total;
    version = model.get("view");
    columns = choose();
    drawHead();
    total = model.get("total");
    rows = new Map();
    asked = new Set();
    nodes = new Map();
    if (!kept) { heights = new Heights(total, GUESS); measured = false; view.scrollTop = 0; active = { row: 0, cell: active.cell }; }
    active.cell = Math.max(0, Math.min(active.cell, shown().length - 1));
    take(0, model.get("first"));
    status("");
    if (kept && following) reveal();
    else draw();
  });
  on("msg:custom", (told) => {
    heard();
    if (told.kind === "page" && told.view === version) {
      take(told.start, told.rows);
      if (following) reveal();
      else draw();
    } else if (told.kind === "opened" && told.at === opened) drawPanel(told);
    else if (told.kind === "status") status(told.text);
    else if (told.kind === "problem") status(`⚠ ${told.text}`, true);
  });
  on("comm_live_update", gone);
  for (const name of ["head", "query", "only", "within", "sort", "descending", "hidden", "baseline", "against", "marks", "details", "blind"]) on(`change:${name}`, drawBar);
  const resized = new ResizeObserver(() => draw());
  resized.observe(view);
  signal?.addEventListener("abort", () => { resized.disconnect(); clearTimeout(waiting); });

  take(0, model.get("first"));
  drawBar();
  drawHead();
  draw();
  status("");
  requestAnimationFrame(() => requestAnimationFrame(() => { root.dataset.painted = performance.now().toFixed(1); ahead = AHEAD; draw(); tell({ kind: "ready" }); }));
}

export default { render };

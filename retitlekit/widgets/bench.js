// The workbench. What is chosen lives in the kernel: the page shows it and says what was clicked.

const TABS = [["prompt", "Prompt"], ["compare", "Compare"], ["charts", "Charts"], ["leaderboard", "Leaderboard"], ["vote", "Vote"]];
const HEATS = [null, 0, 0.3, 0.7, 1];
const GONE = "The kernel does not answer: it is busy or gone. What is here stays; run the cell again and everything comes back, nothing is sent twice.";
const PATIENCE_MS = 6000, TYPING_MS = 250;
const BUSY = new Set(["starting", "running", "stopping", "scoring", "recalling"]), STOPPABLE = new Set(["starting", "running", "stopping"]);

function render({ model, el: host, signal }) {
  const id = `rk${Math.random().toString(36).slice(2, 8)}`;
  const root = el("div", "retitlekit rk-workbench");
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Workbench");
  let waiting = null;
  const gone = () => say(GONE, "bad");
  const tell = (kind, more = {}) => { model.send({ kind, ...more }); waiting ??= setTimeout(gone, PATIENCE_MS); };
  let fresh = false;  // what was just said stays until the next thing is done
  const heard = () => { clearTimeout(waiting); waiting = null; if (note.textContent === GONE) say(""); };
  const on = (name, handler) => { model.on(name, handler); signal?.addEventListener("abort", () => model.off(name, handler)); };
  // A control that cannot be used keeps the focus: on the page's body, keys would be commands of JupyterLab.
  const able = (node, can) => node.setAttribute("aria-disabled", !can);
  const can = (node) => node.getAttribute("aria-disabled") !== "true";
  const draws = (name, draw) => { on(`change:${name}`, draw); draw(); };

  // ---- the bar: run, what it will cost, how far it is

  const bar = el("div", "rkw-runbar"), run = button("Run", "send what is not in the store yet (Ctrl+Enter)", () => can(run) && tell("run"));
  const stop = button("Stop", "send nothing more; press twice to give up what is under way too", () => can(stop) && halt());
  const price = el("div", "rkw-price"), budget = field("number", "Budget, US dollars"), line = el("div", "rkw-line"), fill = el("span");
  const note = el("div", "rkw-note"), state = el("div", "rkw-state"), faults = el("ul", "rkw-faults");
  run.classList.add("rkw-primary");
  stop.classList.add("rkw-stop");
  price.id = `${id}-price`;
  run.setAttribute("aria-describedby", price.id);
  price.setAttribute("aria-live", "polite");
  state.setAttribute("role", "status");
  note.setAttribute("role", "alert");
  budget.min = 0;
  budget.step = "any";
  budget.placeholder = "no limit";
  budget.onchange = () => tell("set", { name: "budget_usd", value: budget.value === "" ? null : +budget.value });
  const purse = el("label", "rkw-purse", "Budget $ ");
  purse.append(budget);
  line.append(fill);
  const standing = el("div", "rkw-standing");
  standing.append(price, state);
  bar.append(run, stop, standing, purse);
  const say = (text, kind = "") => { note.textContent = text; note.dataset.kind = kind; note.hidden = !text; };
  say("");

  const halt = () => { press(model, "stop"); waiting ??= setTimeout(gone, PATIENCE_MS); };

  const drawPrice = () => {
    const told = model.get("estimate"), progress = model.get("progress"), busy = BUSY.has(progress.state);
    able(run, !busy && !told.why && told.trials !== undefined);
    run.textContent = busy ? "Running …" : told.to_send ? `Run ${told.to_send.toLocaleString()}` : told.trials ? "Show results" : "Run";
    run.title = told.why || "send what is not in the store yet (Ctrl+Enter)";
    able(stop, STOPPABLE.has(progress.state));
    price.replaceChildren();
    if (told.why) { price.append(el("span", "rk-bad", told.why)); return; }
    if (told.trials === undefined) { price.append(el("span", "rk-dim", "counting …")); return; }
    const figure = (value, word) => { const box = el("span", "rkw-figure"); box.append(el("b", "", value), ` ${word}`); return box; };
    price.append(figure(told.trials.toLocaleString(), told.trials === 1 ? "trial" : "trials"), figure(told.stored.toLocaleString(), "in the store"),
      figure(told.to_send.toLocaleString(), "to send"), figure(told.cost, ""));
    if (told.time) price.append(figure(told.time, ""));
    if (told.warning) price.append(el("span", "rk-bad", told.warning));
  };
  const drawProgress = () => {
    const told = model.get("progress"), busy = BUSY.has(told.state), share = told.total ? told.done / told.total : 0;
    fill.style.width = `${100 * (told.state === "scoring" ? 1 : STOPPABLE.has(told.state) ? share : 0)}%`;
    line.dataset.state = told.state;
    state.textContent = {
      starting: "Starting …", recalling: "Bringing the last results back from the store …", scoring: "Scoring the titles …",
      running: `${(told.done ?? 0).toLocaleString()} of ${(told.total ?? 0).toLocaleString()} · ${told.cost} · ${told.seconds} s`,
      stopping: `Stopping: ${(told.done ?? 0).toLocaleString()} of ${(told.total ?? 0).toLocaleString()} are answered and kept`,
    }[told.state] || told.said || (model.get("estimate").to_send ? "Nothing is sent before you press Run." : "");
    state.dataset.kind = told.state === "failed" ? "bad" : "";
    faults.replaceChildren(...(told.errors ?? []).map(([name, kind, count, first]) => {
      const item = el("li"), head = el("b", "rk-bad", `⚠ ${count.toLocaleString()} × ${kind}`);
      item.append(head, ` ${name}: `, el("span", "rk-dim", first));
      return item;
    }));
    drawPrice();
  };

  // ---- what to run

  const side = el("div", "rkw-side"), sections = {};
  const section = (name, title, tools = []) => {
    const box = el("section", "rkw-section"), head = el("header"), heading = el("h3", "", title), count = el("span", "rkw-count");
    heading.id = `${id}-${name}`;
    box.setAttribute("aria-labelledby", heading.id);
    head.append(heading, count, ...tools);
    box.append(head);
    side.append(box);
    sections[name] = { box, count };
    return box;
  };
  const link = (text, title, onclick) => { const node = button(text, title, onclick); node.classList.add("rkw-link"); return node; };
  const filter = (label, oninput) => {
    const node = field("search", label);
    node.placeholder = label;
    node.classList.add("rkw-filter");
    let timer;
    node.oninput = () => { clearTimeout(timer); timer = setTimeout(() => oninput(node.value), 80); };
    return node;
  };
  const entry = (name, value, title, small, { usable = true } = {}) => {
    const row = el("label", "rkw-entry"), box = quiet(el("input"));
    box.type = "checkbox";
    box.dataset.value = value;
    box.onchange = () => tell("pick", { name, value, on: box.checked });
    const text = el("span", "rkw-words"), first = el("span", "rkw-name", title);
    first.dir = "auto";
    text.append(first);
    if (small) { const told = el("small", usable ? "" : "rkw-why", small); told.title = small; text.append(told); }
    row.append(box, text);
    if (!usable) row.dataset.off = "true";
    return row;
  };
  const list = (label) => { const node = el("div", "rkw-list"); node.setAttribute("role", "group"); node.setAttribute("aria-label", label); return node; };
  const sift = (node, query) => {
    for (const row of node.children) row.hidden = !row.textContent.toLowerCase().includes(query.toLowerCase());
  };
  const tick = (node, chosen) => {
    const on = new Set(chosen);
    for (const box of node.querySelectorAll("input[type=checkbox]")) {
      box.checked = on.has(box.dataset.value);
      box.disabled = !!box.closest("[data-off]") && !box.checked;  // what is chosen can always be taken back
    }
  };

  const prompts = list("Prompts"), models = list("Models"), articles = list("Articles"), heats = el("div", "rkw-chips");
  const promptBox = section("prompts", "Prompts", [
    link("all", "every prompt", () => tell("set", { name: "prompts", value: model.get("catalog").prompts.map((each) => each.name) })),
    link("none", "no prompt", () => tell("set", { name: "prompts", value: [] }))]);
  promptBox.append(filter("Search prompts", (query) => sift(prompts, query)), prompts);
  const modelBox = section("models", "Models"), modelFilter = filter("Search models", (query) => sift(models, query));
  modelBox.append(modelFilter, models);
  const heatBox = section("temperatures", "Temperatures"), pair = el("div", "rkw-pair"), other = field("text", "Another temperature, 0 to 2");
  other.placeholder = "other";
  other.onchange = () => { if (other.value.trim()) tell("pick", { name: "temperatures", value: Number(other.value.replace(",", ".")), on: true }); other.value = ""; };
  heats.setAttribute("role", "group");
  heats.setAttribute("aria-label", "Temperatures");
  heatBox.append(heats);
  const repeats = field("number", "Repeats of each trial"), repeatBox = section("repeats", "Repeats", [repeats]);
  repeatBox.classList.add("rkw-inline");
  pair.append(heatBox, repeatBox);
  side.append(pair);
  repeats.min = 1;
  repeats.onchange = () => tell("set", { name: "repeats", value: Math.round(+repeats.value) });
  const first = field("number", "How many articles, the first ones"), articleBox = section("articles", "Articles", [
    link("all", "every article", () => tell("first", { n: model.get("catalog").articles }))]);
  first.min = 0;
  first.onchange = () => tell("first", { n: Math.round(+first.value) });
  const some = el("label", "rkw-some", "The first ");
  some.append(first);
  articleBox.append(some, filter("Search articles", (query) => tell("find", { query })), articles);

  const drawCatalog = () => {
    const told = model.get("catalog");
    prompts.replaceChildren(...told.prompts.map((each) => {
      const row = entry("prompts", each.name, each.name, each.about);
      row.append(link("✎", `edit ${each.name}`, (event) => { event.preventDefault(); tell("open", { prompt: each.name }); go("prompt"); }));
      return row;
    }));
    models.replaceChildren(...[...told.models].sort((a, b) => b.usable - a.usable).map((each) => entry("models", each.name, each.name, each.note, each)));
    if (told.looking) models.append(el("div", "rk-dim rkw-look", "Looking for more models …"));
    modelFilter.hidden = told.models.length < 9;
    sift(models, modelFilter.value);
    drawChoices();
  };
  const drawChoices = () => {
    const told = model.get("choices"), catalog = model.get("catalog");
    tick(prompts, told.prompts);
    tick(models, told.models);
    sections.prompts.count.textContent = `${told.prompts.length} of ${catalog.prompts.length}`;
    sections.models.count.textContent = `${told.models.length} of ${catalog.models.filter((each) => each.usable).length}`;
    sections.articles.count.textContent = `${told.articles.toLocaleString()} of ${catalog.articles.toLocaleString()}`;
    const wanted = [...new Set([...HEATS, ...told.temperatures])].sort((a, b) => (a ?? -1) - (b ?? -1));
    const old = new Map([...heats.querySelectorAll("button")].map((node) => [node.dataset.value, node]));
    heats.replaceChildren(...wanted.map((value) => {
      const key = String(value), chip = old.get(key) ?? button(value === null ? "default" : key, value === null ? "the prompt's own, else the provider's" : `temperature ${key}`,
        () => tell("pick", { name: "temperatures", value, on: chip.getAttribute("aria-pressed") !== "true" }));
      chip.dataset.value = key;
      chip.setAttribute("aria-pressed", told.temperatures.includes(value));
      return chip;
    }), other);
    if (document.activeElement !== repeats) repeats.value = told.repeats;
    if (document.activeElement !== first) first.value = told.articles;
    if (document.activeElement !== budget) budget.value = told.budget_usd ?? "";
    drawHello();
  };
  const drawShelf = () => {
    const told = model.get("shelf"), focused = articles.contains(document.activeElement) ? document.activeElement.dataset.value : null;
    articles.replaceChildren(...(told.rows ?? []).map((each) => entry("articles", each.id, each.title, each.id)));
    if (told.more) articles.append(el("div", "rk-dim rkw-look", `and ${told.more.toLocaleString()} more: search`));
    if (!told.rows?.length) articles.append(el("div", "rk-dim rkw-look", "no article has this"));
    tick(articles, (told.rows ?? []).filter((each) => each.on).map((each) => each.id));
    if (focused) [...articles.querySelectorAll("input")].find((node) => node.dataset.value === focused)?.focus();
  };

  // ---- tabs

  const main = el("div", "rkw-main"), strip = el("div", "rkw-tabs"), panels = {}, handles = {};
  strip.setAttribute("role", "tablist");
  strip.setAttribute("aria-label", "Views");
  const go = (name) => { if (model.get("tab") !== name) { model.set("tab", name); drawTab(); tell("tab", { tab: name }); } };
  for (const [name, text] of TABS) {
    const handle = quiet(el("button", "rkw-tab", text)), panel = el("div", "rkw-tabpanel");
    handle.type = "button";
    handle.id = `${id}-tab-${name}`;
    handle.setAttribute("role", "tab");
    handle.setAttribute("aria-controls", `${id}-panel-${name}`);
    handle.onclick = () => go(name);
    handle.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const names = TABS.map(([each]) => each), next = names[(names.indexOf(name) + step + names.length) % names.length];
      go(next);
      handles[next].focus();
    };
    panel.id = `${id}-panel-${name}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", handle.id);
    strip.append(handle);
    handles[name] = handle;
    panels[name] = panel;
  }
  main.append(strip, ...Object.values(panels));
  const code = el("div", "rkw-code"), codeText = el("pre");
  codeText.setAttribute("aria-label", "the same in Python");
  codeText.setAttribute("role", "note");
  code.append(el("span", "rk-dim", "In Python"), codeText, link("Copy", "copy these lines", () => { copyText(codeText.textContent); say("Copied.", ""); setTimeout(() => { if (note.textContent === "Copied.") say(""); }, 1500); }));
  const drawTab = () => {
    const now = model.get("tab");
    for (const [name] of TABS) {
      handles[name].setAttribute("aria-selected", name === now);
      handles[name].tabIndex = name === now ? 0 : -1;
      panels[name].hidden = name !== now;
    }
    codeText.textContent = model.get("python")[now] ?? "";
  };

  // ---- a view inside the view: the grid, the arena

  const hello = el("div", "rkw-hello");
  const drawHello = () => {
    const told = model.get("choices");
    const count = (n, word) => `${n.toLocaleString()} ${word}${n === 1 ? "" : "s"}`;
    hello.replaceChildren(el("h4", "", "Titles will stand side by side here."),
      el("p", "", `${count(told.prompts.length, "prompt")} and ${count(told.models.length, "model")} are chosen for ${count(told.articles, "article")}. Press Run, or choose others first.`),
      el("p", "rk-dim", "Every answer is kept in the store the moment it comes: nothing is paid for twice, and Stop keeps what came."));
  };
  const embed = (name, empty) => {
    let turn = 0, shown = null;
    const place = el("div", "rkw-embedded");
    const draw = async () => {
      const now = ++turn, ref = model.get(name);
      if (!ref) { shown?.remove(); shown = null; place.replaceChildren(empty()); return; }
      const manager = model.widget_manager, child = typeof ref === "string" ? await manager.get_model(ref.replace("IPY_MODEL_", "")) : ref;
      const view = await manager.create_view(child);
      if (now !== turn || signal?.aborted) { view.remove(); return; }
      shown?.remove();
      shown = view;
      place.replaceChildren(view.el);
    };
    const safe = () => draw().catch((problem) => say(`The view could not be shown: ${problem.message}`, "bad"));
    on(`change:${name}`, safe);
    signal?.addEventListener("abort", () => shown?.remove());
    return [place, safe];
  };
  const [gridPlace, drawGrid] = embed("grid", () => hello);
  panels.compare.append(gridPlace);
  const nothing = (text) => { const node = el("div", "rkw-hello"); node.append(el("p", "rk-dim", text)); return node; };
  const [arenaPlace, drawArena] = embed("arena", () => nothing(model.get("results").no_vote ?? (model.get("grid") ? "Looking for pairs …" : "Run something first: then two titles at a time stand here, and nobody tells who wrote which.")));
  panels.vote.append(arenaPlace);

  // ---- charts and the leaderboard

  const drawCharts = () => {
    const told = model.get("pictures"), has = model.get("results").rows?.length;
    panels.charts.replaceChildren(...(told.length ? told.map((each) => {
      const box = el("figure", "rkw-chart");
      if (each.picture) { const image = el("img"); image.src = each.picture; image.alt = each.title; box.append(image); }
      else box.append(el("figcaption", "rk-dim", `${each.title}: ${each.problem}`));
      return box;
    }) : [nothing(model.get("results").why ?? (has ? "Drawing …" : "Run something first: then its charts stand here."))]));
  };
  const percent = (x) => `${Math.round(100 * x)} %`, plain = (x) => (Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3));
  const boardHead = el("div", "rkw-boardhead"), boardBody = el("div", "rkw-board"), saving = el("form", "rkw-saving"), saved = el("div", "rkw-saved");
  panels.leaderboard.append(boardHead, boardBody, saving, saved);
  const winnerName = field("text", "Name of the winner's file");
  winnerName.placeholder = "name, or the prompt's with -winner";
  const crown = button("Save winner", "write it as a prompt file that says how it was chosen", () => {});
  crown.type = "submit";
  crown.classList.add("rkw-primary");
  saving.onsubmit = (event) => { event.preventDefault(); tell("winner", { name: winnerName.value, force: false }); };
  saving.append(winnerName, crown);
  const drawBoard = () => {
    const told = model.get("results"), rows = told.rows ?? [];
    saving.hidden = !rows.length;
    boardHead.hidden = !told.metrics;
    if (told.metrics) {
      const ways = told.metrics.map((each) => [each, each === "passed" ? "share passing every gate" : each.replace(/^score_/, "").replace(/_/g, " ")]);
      if (told.votes) ways.push(["votes", `${told.votes.toLocaleString()} ${told.votes === 1 ? "vote" : "votes"}`]);
      if (!ways.some(([key]) => key === told.decide)) ways.push([told.decide, told.decide]);
      boardHead.replaceChildren(el("p", "rkw-verdict", told.sentence ?? told.why ?? ""), select("Decide by", ways, told.decide, (by) => tell("decide", { by })));
    }
    if (!rows.length) { boardBody.replaceChildren(nothing(told.metrics ? "" : "Run something first: then the variants are ranked here, with how sure that is.")); return; }
    const show = told.share ? percent : plain, [low, high] = told.scale, at = (x) => `${(100 * (x - low)) / (high - low)}%`;
    const table = el("table"), head = el("tr"), body = el("tbody");
    const interval = `${Math.round(100 * told.confidence)} % interval`;
    for (const text of ["variant", told.metric === "passed" ? "pass" : told.metric.replace(/_/g, " "), interval, "to the best", "failed", "cost", "verdict"]) { const cell = el("th", "", text); cell.scope = "col"; head.append(cell); }
    for (const row of rows) {
      const line = el("tr"), name = el("th"), cell = el("td", "rkw-interval"), track = el("div", "rkw-track"), bar = el("span", "rkw-range"), dot = el("span", "rkw-dot");
      cell.append(track);
      name.scope = "row";
      row.name.forEach((part, n) => name.append(el(n ? "small" : "div", "", part)));
      if (row.verdict === "winner") line.dataset.best = "true";
      if (row.low !== null && row.high !== null) { bar.style.left = at(row.low); bar.style.width = `${(100 * (row.high - row.low)) / (high - low)}%`; track.append(bar); }
      if (row.estimate !== null) { dot.style.left = at(row.estimate); track.append(dot); }
      track.setAttribute("role", "img");
      track.setAttribute("aria-label", row.low === null ? "unknown" : `${show(row.low)} to ${show(row.high)}`);
      track.title = `${track.getAttribute("aria-label")}, ${row.articles} articles, ${row.trials} trials`;
      const difference = row.difference ? (told.share ? `${row.difference > 0 ? "+" : "−"}${Math.round(100 * Math.abs(row.difference))} pt` : plain(row.difference)) : "–";
      line.append(name, el("td", "rkw-number", row.estimate === null ? "–" : show(row.estimate)), cell, el("td", "rkw-number", difference),
        el("td", "rkw-number", String(row.failed)), el("td", "rkw-number", row.cost === null ? "unknown" : row.cost ? `$${row.cost.toPrecision(2)}` : "$0"), el("td", "rkw-end", row.verdict));
      body.append(line);
    }
    const top = el("thead");
    top.append(head);
    table.append(top, body);
    boardBody.replaceChildren(table);
    if (told.more) boardBody.append(el("p", "rk-dim", `and ${told.more} more variants`));
  };
  const diff = (text) => {
    const block = el("pre", "rkw-diff");
    for (const each of text.split("\n")) {
      const kind = each.startsWith("+++") || each.startsWith("---") ? "" : { "+": "rkw-plus", "-": "rkw-minus" }[each[0]] ?? "";
      block.append(el("span", kind, `${each}\n`));
    }
    return block;
  };
  const drawWinner = () => {
    const told = model.get("winner");
    saved.replaceChildren();
    if (told.refused) {
      saved.append(el("p", "", told.refused.replace(" Pass force=True to save the first row all the same", "")));
      if (told.tie) saved.append(button("Save anyway", "save the first row; its file says with whom it is tied", () => tell("winner", { name: winnerName.value, force: true })));
    } else if (told.path) saved.append(el("p", "", `Saved as ${told.path}. Against its parent:`), diff(told.diff));
    saved.dataset.kind = told.refused ? "bad" : told.path ? "good" : "";
  };

  // ---- the editor

  const pick = select("Prompt", [], "", (prompt) => tell("open", { prompt })), editor = el("div", "rkw-editor"), gutter = el("pre", "rkw-gutter");
  const area = quiet(el("textarea", "rkw-text")), findings = el("ul", "rkw-findings"), preview = el("div", "rkw-preview"), keep = el("form", "rkw-saving");
  const name = field("text", "Name of the new prompt"), about = field("text", "What changed, in one line"), save = button("Save as new", "write it beside its parent and choose it", () => {});
  const changed = el("span", "rk-dim rkw-changed"), back = link("Undo all", "the text of the file again", () => tell("revert"));
  area.setAttribute("aria-label", "Text of the prompt");
  area.spellcheck = false;
  area.wrap = "off";
  gutter.setAttribute("aria-hidden", "true");
  about.placeholder = "what changed, in one line";
  save.type = "submit";
  save.classList.add("rkw-primary");
  keep.append(name, about, save);
  keep.onsubmit = (event) => { event.preventDefault(); if (!can(save)) return; sendText(); tell("save", { name: name.value, description: about.value }); };
  let serial = 0, typing = null, named = false, shownPrompt = null;
  name.oninput = () => { named = true; };
  const sendText = () => { if (typing !== null) { clearTimeout(typing); typing = null; tell("edit", { prompt: shownPrompt, text: area.value, serial: ++serial }); } };
  area.oninput = () => { drawGutter(); clearTimeout(typing); typing = setTimeout(sendText, TYPING_MS); };
  area.onblur = () => sendText();
  area.onscroll = () => { gutter.scrollTop = area.scrollTop; };
  const drawGutter = () => {
    const marks = new Map((model.get("draft").findings ?? []).map(([line, severity]) => [line, severity]).reverse());
    gutter.replaceChildren(...area.value.split("\n").map((_, n) => { const node = el("span", "", `${n + 1}\n`); if (marks.has(n + 1)) node.dataset.severity = marks.get(n + 1); return node; }));
    gutter.scrollTop = area.scrollTop;
  };
  const jump = (line) => {
    const lines = area.value.split("\n"), start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    area.scrollTop = Math.max(0, (line - 4) * 18);
  };
  const drawDraft = () => {
    const told = model.get("draft");
    if (told.text === undefined) return;
    const options = model.get("catalog").prompts.map((each) => { const option = el("option", "", each.name); option.value = each.name; return option; });
    pick.pick.replaceChildren(...options);
    pick.pick.value = told.prompt;
    if (shownPrompt !== told.prompt) { shownPrompt = told.prompt; named = false; about.value = ""; area.value = told.text; area.scrollTo(0, 0); serial = told.serial; typing = null; }
    else if (typing === null && told.serial >= serial && area.value !== told.text) { area.value = told.text; serial = told.serial; }
    if (!named) name.value = told.name;
    changed.textContent = told.changed ? "edited, not saved" : told.parent ? `made of ${told.parent}` : "as in its file";
    back.hidden = !told.changed;
    able(save, told.changed && !model.get("catalog").unsaved);
    save.title = model.get("catalog").unsaved || (told.changed ? "write it beside its parent and choose it" : "change something first");
    drawGutter();
    findings.replaceChildren(...(told.findings ?? []).map(([line, severity, kind, message]) => {
      const item = el("li"), where = link(`line ${line}`, "go there", () => jump(line));
      item.dataset.severity = severity;
      item.append(where, el("b", "", severity), ` ${message} `, el("small", "", kind));
      return item;
    }));
    if (!told.findings?.length) findings.append(el("li", "rk-dim", "Lint finds nothing."));
    const head = el("header"), names = el("div", "rkw-vars");
    head.append(link("‹", "the article before", () => tell("article", { step: -1 })), el("span", "rkw-of", told.article), link("›", "the next article", () => tell("article", { step: 1 })));
    head.querySelector(".rkw-of").dir = "auto";
    names.append(el("span", "rk-dim", "Variables"), ...told.variables.map((each) => el("code", "", each)));
    for (const [who, count] of told.tokens) names.append(el("span", "rkw-tokens", `${count.toLocaleString()} tokens for ${who}`));
    if (told.messages.length && !told.tokens.length) names.append(el("span", "rkw-tokens", "embedded models count no tokens"));
    const sent = told.messages.flatMap((each) => { const text = el("pre", "", each.content); text.dir = "auto"; return [el("h5", "", each.role), text]; });
    preview.replaceChildren(head, names, ...(told.problem ? [el("p", "rk-bad", told.problem)] : []), ...sent);
  };
  const tools = el("div", "rkw-tools"), left = el("div", "rkw-left");
  tools.append(pick, changed, back);
  editor.append(gutter, area);
  left.append(tools, editor, findings, keep);
  panels.prompt.append(left, preview);
  panels.prompt.classList.add("rkw-two");

  // ---- together

  const body = el("div", "rkw-body");
  body.append(side, main);
  root.append(bar, line, note, faults, body, code);
  host.append(root);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!can(run)) return;
    sendText();
    tell("run");
  });
  on("msg:custom", (told) => {
    heard();
    if (told.kind === "problem") { say(`⚠ ${told.text}`, "bad"); drawChoices(); drawShelf(); }  // what was refused is not ticked
    else if (told.kind === "status") { say(told.text); fresh = true; }
    else if (fresh) fresh = false;
    else say("");
  });
  on("comm_live_update", gone);
  draws("catalog", drawCatalog);
  draws("choices", drawChoices);
  draws("shelf", drawShelf);
  draws("estimate", drawProgress);
  draws("progress", drawProgress);
  draws("python", drawTab);
  draws("tab", drawTab);
  draws("results", () => { drawBoard(); drawCharts(); if (!model.get("arena")) drawArena(); });
  draws("pictures", drawCharts);
  draws("winner", drawWinner);
  draws("draft", drawDraft);
  drawGrid();
  drawArena();
  signal?.addEventListener("abort", () => { clearTimeout(waiting); clearTimeout(typing); });
}

const field = (type, label) => {
  const node = quiet(el("input"));
  node.type = type;
  node.setAttribute("aria-label", label);
  node.title = label;
  return node;
};

export default { render };

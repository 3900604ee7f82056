// Two titles, one question. Neither the page nor what is sent to it knows who wrote which.

const HELP = [["1 / ←", "left is better"], ["2 / →", "right is better"], ["0", "a tie"], ["b", "both bad"], ["u", "undo"], ["a", "the article"], ["?", "this help"]];
const KEYS = { 1: "left", ArrowLeft: "left", 2: "right", ArrowRight: "right", 0: "tie", b: "bad" };

const GONE = "The kernel is gone. Votes up to here are kept; run the cell again to go on.", PATIENCE_MS = 4000;

function render({ model, el: host, signal }) {
  const root = quiet(el("div", "retitlekit rk-arena")), top = el("div", "rk-top"), told = el("span", "rk-dim"), original = el("h3"), question = el("div", "rk-dim rk-question");
  const sides = el("div", "rk-sides"), bar = el("div", "rk-group"), text = el("div", "rk-article"), help = el("dl", "rk-help"), say = el("div", "rk-say");
  root.tabIndex = 0;
  root.setAttribute("role", "application");
  root.setAttribute("aria-label", "Which title is better?");
  say.setAttribute("role", "status");
  original.dir = text.dir = "auto";
  help.hidden = true;
  text.hidden = true;
  for (const [key, meaning] of HELP) help.append(el("dt", "", key), el("dd", "", meaning));
  const keyed = (key, text, title, onclick) => {
    const node = button(text, `${title} (${key})`, onclick);
    node.setAttribute("aria-keyshortcuts", key);
    node.dataset.key = key;
    return node;
  };
  const toggle = (node) => () => { node.hidden = !node.hidden; };
  top.append(told, keyed("a", "Article", "show the article", () => { toggle(text)(); root.focus(); }), button("?", "keys", toggle(help)));
  root.append(top, help, question, original, sides, bar, text, say);
  host.append(root);

  let shown = null, since = 0, queue = model.get("pairs"), waiting = null;
  const voted = new Set();  // what was sent; the kernel may still list it
  const gone = () => { say.textContent = GONE; say.dataset.bad = "true"; };
  const wait = () => { waiting ??= setTimeout(() => { waiting = null; (isBusy(model) ? wait : gone)(); }, PATIENCE_MS); };
  const vote = (winner) => {
    if (!shown) return;
    voted.add(shown.key);
    model.send({ kind: "vote", key: shown.key, winner, seconds: Math.round(performance.now() - since) / 1000 });
    wait();
    draw();  // the next pair is here already
  };
  // the kernel may take messages out of turn: undo waits until the votes before it are kept
  let undoing = false;
  const pending = () => queue.some((each) => voted.has(each.key));
  const undo = () => { undoing = pending(); if (!undoing) model.send({ kind: "undo" }); wait(); };
  const side = (name, key) => {
    const node = quiet(el("button", "rk-side"));
    node.type = "button";
    node.title = `${name} is better (${key})`;
    node.append(el("span", "rk-key", key));
    const title = el("span", "rk-title", shown[name]);
    title.dir = "auto";
    node.append(title);
    node.onclick = () => { vote(name); root.focus(); };
    return node;
  };
  const draw = () => {
    const progress = model.get("progress"), doubt = progress.doubt;
    told.textContent = `${progress.votes.toLocaleString()} ${progress.votes === 1 ? "vote" : "votes"}` + (doubt === null ? "" : ` · ${Math.round(100 * doubt)} % doubt about the best`);
    const pair = queue.find((each) => !voted.has(each.key)) ?? null;
    if (pair && pair.key === shown?.key) return;
    shown = pair;
    since = performance.now();
    text.scrollTop = 0;
    if (!shown) {
      original.textContent = queue.length ? "…" : "Every pair has been voted on. Thank you.";
      sides.replaceChildren();
      bar.replaceChildren(keyed("u", "Undo", "take the last vote back", undo));
      question.textContent = "";
      text.textContent = "";
      return;
    }
    question.textContent = "Which title is better for this article?";
    original.textContent = shown.original;
    text.textContent = shown.body;
    sides.replaceChildren(side("left", "1"), side("right", "2"));
    bar.replaceChildren(keyed("0", "Tie", "neither is better", () => vote("tie")), keyed("b", "Both bad", "a tie, and both are flagged", () => vote("bad")), keyed("u", "Undo", "take the last vote back", undo));
    root.dataset.shown = String(+(root.dataset.shown ?? 0) + 1);
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const own = { u: undo, a: toggle(text), "?": toggle(help) }[event.key];
    if (KEYS[event.key]) vote(KEYS[event.key]);
    else if (own) own();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const on = (name, handler) => { model.on(name, handler); signal?.addEventListener("abort", () => model.off(name, handler)); };
  const heard = () => { clearTimeout(waiting); waiting = null; say.textContent = ""; delete say.dataset.bad; queue = model.get("pairs"); };
  on("change:pairs", () => { heard(); draw(); if (pending()) wait(); else if (undoing) undo(); });
  on("change:progress", draw);
  on("comm_live_update", gone);
  on("msg:custom", (message) => {
    if (message.kind === "here") heard();
    if (message.kind !== "problem") return;
    heard();
    voted.clear();  // what could not be kept is asked again
    draw();
    say.textContent = `⚠ ${message.text}`;
    say.dataset.bad = "true";
  });
  signal?.addEventListener("abort", () => clearTimeout(waiting));
  draw();
  model.send({ kind: "ready" });
  wait();
}

export default { render };

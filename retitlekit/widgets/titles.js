// What every view of titles shares. Text that a model or an article wrote reaches the page by textContent only.

const el = (tag, cls = "", text = null) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== null) node.textContent = text;
  return node;
};

// JupyterLab takes keys such as "a", "x" and "d d" for itself unless the focused element says otherwise; on a parent
// the attribute does nothing.
const quiet = (node) => {
  node.dataset.lmSuppressShortcuts = "true";
  return node;
};

const button = (text, title, onclick) => {
  const node = quiet(el("button", "rk-button", text));
  node.type = "button";
  node.title = title;
  node.onclick = onclick;
  return node;
};

const select = (label, options, value, onchange) => {
  const wrap = el("label", "rk-pick", label + " ");
  const node = quiet(el("select"));
  node.setAttribute("aria-label", label);
  for (const [key, text] of options) {
    const option = el("option", "", text);
    option.value = key;
    node.append(option);
  }
  node.value = value;
  node.onchange = () => onchange(node.value);
  wrap.append(node);
  wrap.pick = node;
  return wrap;
};

// A title in parts [sign, text]: "=" kept, "-" gone, "+" new; then "k" for a name or number that the article supports,
// "i" for one that it does not. Spaces stay outside the marks, and a thin space keeps two of them apart.
const MARKS = { k: ["span", "rk-kept"], i: ["mark", "rk-invented"] };
const drawParts = (node, parts) => {
  const runs = [];
  for (const [sign, text] of parts) {
    if (runs.at(-1)?.change === sign[0]) runs.at(-1).parts.push([sign[1], text]);
    else runs.push({ change: sign[0], parts: [[sign[1], text]] });
  }
  let touches = false;
  for (const { change, parts: inside } of runs) {
    const whole = inside.map(([, text]) => text).join("");
    if (change === "-" && !whole.trim()) continue;
    const start = whole.length - whole.trimStart().length, end = whole.trimEnd().length;
    const outside = change === "=" || !whole.trim() ? node : el(change === "-" ? "del" : "ins");
    if (outside !== node) {
      if (start) node.append(whole.slice(0, start));
      else if (touches) node.append("\u2009");
    }
    let at = 0;
    for (const [mark, text] of inside) {
      const words = outside === node ? text : text.slice(Math.max(0, start - at), Math.max(0, end - at));
      at += text.length;
      if (!MARKS[mark]) { outside.append(words); continue; }
      const [tag, cls] = MARKS[mark], inner = el(tag, cls, words);
      if (mark === "i") inner.title = "not in the article";
      outside.append(inner);
    }
    if (outside !== node) {
      node.append(outside);
      if (end < whole.length) node.append(whole.slice(end));
    }
    touches = outside !== node && end === whole.length;
  }
};

// A kernel that runs a cell answers later; only one that does nothing and yet is silent has forgotten us.
const isBusy = (model) => model.widget_manager?.kernel?.status === "busy";

const titleOf = (outcome) =>
  (outcome.parts?.[0] ?? []).filter(([sign]) => sign[0] !== "-").map(([, text]) => text).join("");

// One outcome of a cell: the title with its marks, or why there is none; then what is to be known about it.
const drawOutcome = (outcome, { same = "= same" } = {}) => {
  const block = el("div", "rk-outcome");
  block.dir = "auto";
  if (outcome.lang) block.lang = outcome.lang;
  if (outcome.problem || outcome.reason) {
    if (outcome.problem) block.append(el("strong", "rk-bad", `⚠ ${outcome.problem}`), " ");
    block.append(el("span", outcome.problem ? "" : "rk-dim", outcome.reason ?? ""));
  } else if (outcome.same && same) {
    block.append(el("em", "rk-dim", same));
  } else {
    outcome.parts?.forEach((parts, number) => {
      const line = el("div", number ? "rk-second" : "");
      if (number && parts.every(([sign]) => sign[0] === "=")) line.append(el("em", "rk-dim", "= baseline"));
      else drawParts(line, parts);
      if (number) line.title = "against the baseline";
      block.append(line);
    });
    if (outcome.more) block.append(el("small", "rk-dim", ` … and ${outcome.more.toLocaleString()} more characters`));
  }
  const chips = el("div", "rk-chips");
  if (outcome.n > 1) chips.append(el("b", "rk-count", `×${outcome.n}`));
  if (outcome.flag) chips.append(el("b", "rk-flag", "⚑ flagged"));
  for (const [gate, why] of outcome.failed ?? []) {
    const chip = el("span", "rk-chip rk-bad", `✗ ${gate}`);
    chip.title = why;
    chips.append(chip);
  }
  for (const repair of outcome.repairs ?? []) chips.append(el("span", "rk-chip", `repaired: ${repair}`));
  for (const word of outcome.dropped ?? []) {
    const chip = el("span", "rk-chip rk-dropped", `− ${word}`);
    chip.title = "in the original title, not in this one";
    chips.append(chip);
  }
  for (const figure of outcome.details ?? []) chips.append(el("span", "rk-chip rk-dim", figure));
  if (outcome.note) chips.append(el("span", "rk-note", `✎ ${outcome.note}`));
  if (chips.childNodes.length) block.append(chips);
  return block;
};

const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // a page without a clipboard (plain http, an old browser): the selection still copies
    const area = el("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
};

// The grid without a kernel: what Python would answer is answered from the rows that the file holds.

const unpack = async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
};

const wordsOf = (outcome) => titleOf(outcome).toLowerCase();
const IS = {
  different: (all) => new Set(all.filter((each) => each.parts).map(titleOf)).size > 1,
  failed: (all) => all.some((each) => each.failed),
  disagreeing: (all) => all.some((each) => each.failed) && all.some((each) => each.parts && !each.failed),
  errors: (all) => all.some((each) => !each.parts),
};

class Answers {
  constructor({ head, rows }) {
    this.rows = rows;
    this.handlers = new Map();
    this.values = { head, total: rows.length, view: 0, query: "", only: [], within: -1, sort: "", descending: false, hidden: [], order: [],
      baseline: head.baseline, against: head.baseline < 0 ? "original" : "both", marks: true, details: false, blind: false };
    this.order = rows.map((_, number) => number);
    this.values.first = this.page(0, 24);
  }
  get(name) { return this.values[name]; }
  set(name, value) { this.values[name] = value; (this.changed ??= new Set()).add(name); }
  on(name, handler) { this.handlers.set(name, handler); }
  off() {}
  tell(message) { this.handlers.get("msg:custom")?.(message); }
  save_changes() {
    const changed = [...this.changed ?? []];
    this.changed = null;
    for (const name of changed) this.handlers.get(`change:${name}`)?.();
    if (!changed.length) return;
    const choosing = changed.some((name) => ["query", "only", "within", "sort", "descending"].includes(name));
    if (choosing) this.choose();
    Object.assign(this.values, { view: this.values.view + 1, total: this.order.length, first: this.page(0, 24), keep: !choosing });
    this.handlers.get("change:view")?.();
  }
  send(message) {
    if (message.kind === "ready") this.tell({ kind: "here" });
    if (message.kind === "page") this.tell({ kind: "page", view: this.values.view, start: message.start, rows: this.page(message.start, message.stop) });
    if (message.kind === "open") {
      const row = this.rows[this.order[message.at]], shown = this.shown();
      this.tell({ kind: "opened", at: message.at, ...row.opened, label: row.label,
        entries: shown.flatMap((number, cell) => row.opened.entries.filter((each) => each.cell === number).map((each) => ({ ...each, cell }))) });
    }
  }
  shown() {
    const { head, hidden, order } = this.values, place = (number) => (order.includes(number) ? order.indexOf(number) : order.length);
    return head.variants.map((_, number) => number).filter((number) => !hidden.includes(number))
      .sort((a, b) => (b === head.baseline) - (a === head.baseline) || place(a) - place(b) || a - b);
  }
  choose() {
    const { query, only, within, sort, descending } = this.values, wanted = query.trim().toLowerCase();
    const counted = (row) => (within < 0 ? row.cells.flat() : row.cells[within]);
    this.order = this.rows.map((_, number) => number).filter((number) => {
      const row = this.rows[number], all = counted(row);
      const held = !wanted || `${row.label}\n${row.detail}`.toLowerCase().includes(wanted) || all.some((each) => wordsOf(each).includes(wanted));
      return held && only.every((word) => (word === "different" && within >= 0 ? all.some((each) => each.parts && !each.same) : IS[word](all)));
    });
    if (sort) {
      const mean = (number) => {
        const known = (within < 0 ? this.rows[number].figures[sort] : [this.rows[number].figures[sort][within]]).filter((each) => each !== null);
        return known.length ? known.reduce((a, b) => a + b) / known.length : null;
      };
      const means = new Map(this.order.map((number) => [number, mean(number)]));
      this.order.sort((a, b) => {
        const one = means.get(a), other = means.get(b);
        return one === null || other === null ? (one === null) - (other === null) : descending ? other - one : one - other;
      });
    } else if (descending) this.order.reverse();
  }
  page(start, stop) {
    const { against, marks, details } = this.values, shown = this.shown();
    const dressed = (outcome) => {
      let parts = outcome.parts;
      if (parts && !marks) parts = parts.map((each) => each.map(([sign, text]) => [sign[0], text]));
      if (parts && against !== "both") parts = against === "baseline" ? parts.slice(-1) : parts.slice(0, 1);
      if (parts && against === "nothing") parts = parts.map((each) => each.filter(([sign]) => sign[0] !== "-").map(([sign, text]) => [`=${sign.slice(1)}`, text]));
      return { ...outcome, parts, dropped: marks ? outcome.dropped : [], details: details ? outcome.details : [] };
    };
    return this.order.slice(start, stop).map((number) => {
      const row = this.rows[number];
      return { label: row.label, detail: row.detail, cells: shown.map((variant) => row.cells[variant].map(dressed)) };
    });
  }
}

unpack(document.getElementById("rows").textContent).then((told) => {
  const host = document.getElementById("grid");
  host.replaceChildren();
  render({ model: new Answers(told), el: host });
});

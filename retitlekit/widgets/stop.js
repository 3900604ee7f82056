// A button that is heard while a cell runs.

function render({ model, el: host, signal }) {
  const node = button("", "", null), draw = () => {
    node.textContent = model.get("description");
    node.disabled = model.get("disabled");
  };
  host.classList.add("retitlekit", "rk-stop");
  node.className = "jupyter-button widget-button mod-warning rk-button";
  node.onclick = () => press(model, "pressed");
  host.append(node);
  for (const name of ["description", "disabled"]) {
    model.on(`change:${name}`, draw);
    signal?.addEventListener("abort", () => model.off(`change:${name}`, draw));
  }
  model.on("msg:custom", (message) => { if (message.kind === "problem") node.title = `⚠ ${message.text}`; });
  draw();
}

export default { render };

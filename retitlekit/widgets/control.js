// A message that is heard while a cell runs: the kernel reads its control channel even then, and few front ends lack it.

const byControl = (kernel, model, data) => kernel?.sendControlMessage?.({
  channel: "control", buffers: [], metadata: {}, parent_header: {},
  header: { msg_id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, msg_type: "comm_msg", session: kernel.clientId, username: kernel.username ?? "",
    date: new Date().toISOString(), version: "5.3" },
  content: { comm_id: model.get("comm_id"), data: { method: "custom", content: data } },
});

// By both ways: whichever is read first counts, and Python tells by the number that it is one press.
const press = (model, kind) => {
  const pressed = { kind, press: `${performance.timeOrigin + performance.now()}-${Math.random()}` };
  try { byControl(model.widget_manager?.kernel, model, pressed); } catch { /* the usual way remains */ }
  model.send(pressed);
};

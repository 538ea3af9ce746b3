// Forms: double clicks, unsaved changes, autosave, checks while typing, dropped files, filters that send themselves.
(function () {
  "use strict";
  const { post, word, icon, ICONS } = window.tierflow;
  const $ = (selector, within) => (within || document).querySelector(selector);
  const $$ = (selector, within) => Array.from((within || document).querySelectorAll(selector));

  // One submission a form. The buttons are disabled after the browser has gathered the fields, so that the pressed
  // button's value is sent; the idempotency key stays, so a repeated sending is recognised by the server anyway.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // Attributes, not properties: a field named "id" or "method" would stand in the property's place.
    if (event.defaultPrevented || form.getAttribute("method") !== "post" || form.hasAttribute("data-resubmit")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    form.removeAttribute("data-dirty");
    setTimeout(() => {
      const id = form.getAttribute("id");
      const own = id ? $$(`button[form="${CSS.escape(id)}"]`) : [];
      [...$$("button[type=submit], button:not([type])", form), ...own].forEach((button) => { button.disabled = true; });
      event.submitter?.setAttribute("aria-busy", "true");
    }, 0);
  });
  // Coming back by the browser's history must find live buttons again.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    $$("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      $$("button", form).forEach((button) => { button.disabled = false; button.removeAttribute("aria-busy"); });
    });
  });

  // Unsaved changes
  document.addEventListener("input", (event) => event.target.form?.setAttribute("data-dirty", ""));
  window.addEventListener("beforeunload", (event) => {
    if ($("form[data-guard][data-dirty]")) { event.preventDefault(); event.returnValue = word("unsaved"); }
  });

  // Autosave of drafts. Neither files nor the idempotency key go along: each saving is a new, harmless act.
  function told(form, text, bad) {
    const state = $("[data-autosave-state]", form) || $("[data-autosave-state]");
    if (!state) return;
    state.classList.toggle("is-bad", Boolean(bad));
    state.replaceChildren(icon(bad ? "exclamation-circle-fill" : "cloud-check"), document.createTextNode(text));
  }
  function clock() {
    const now = new Date();
    return `${String(now.getHours()).padStart(2, "0")}:${String(now.getMinutes()).padStart(2, "0")}`;
  }
  // What the server would not keep is said at its field; what was typed stays.
  function marked(form, errors) {
    $$(".field[data-field]", form).forEach((field) => {
      const messages = errors[field.dataset.field];
      const control = document.getElementById(`f-${field.dataset.field.replaceAll(".", "-")}`);
      let line = $(":scope > .field-error", field);
      field.classList.toggle("field-bad", Boolean(messages));
      if (!messages) {
        line?.remove();
        control?.removeAttribute("aria-invalid");
        return;
      }
      if (!line) {
        line = document.createElement("p");
        line.className = "field-error";
        line.id = `f-${field.dataset.field.replaceAll(".", "-")}-error`;
        field.append(line);
      }
      line.replaceChildren(icon("exclamation-circle-fill"), document.createTextNode([].concat(messages).join(" ")));
      control?.setAttribute("aria-invalid", "true");
      control?.setAttribute("aria-describedby", line.id);
      sayOnce(field);
    });
  }
  // The check while typing and the saving find the same fault: the field's own error says it.
  function sayOnce(field) {
    const said = $(":scope > .field-error", field)?.textContent || "";
    $$(".check-line", field).forEach((row) => { if (said.includes(row.textContent)) row.remove(); });
  }
  // Parts of the page that tell of what was saved are fetched again after a saving.
  async function refresh() {
    for (const part of $$("[data-refresh-url]")) {
      const answer = await fetch(part.dataset.refreshUrl, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
      if (answer.ok) part.innerHTML = await answer.text(); // our own server's escaped template
    }
  }
  // Fields somebody types in or ticks, what one says now, and what the server had of it last.
  const typing = (form) => $$("input, textarea, select", form).filter((field) => field.name && !["hidden", "file"].includes(field.type));
  const isTicked = (field) => ["radio", "checkbox"].includes(field.type);
  const saysOf = (field) => (isTicked(field) ? String(field.checked) : field.value);
  function keptOf(field) {
    if (field.dataset.kept !== undefined) return field.dataset.kept;
    if (isTicked(field)) return String(field.defaultChecked);
    if (field.tagName !== "SELECT") return field.defaultValue;
    return ([...field.options].find((option) => option.defaultSelected) || field.options[0])?.value ?? "";
  }
  const plain = (value) => value.normalize("NFKC").replace(/[\s-]/g, "").toUpperCase(); // as it may have been kept
  $$("form[data-autosave-url]").forEach((form) => {
    let timer = 0;
    let running = false;
    let again = false;
    async function save() {
      if (form.dataset.sent) return;
      if (running) { again = true; return; }
      running = true;
      const body = new FormData();
      new FormData(form).forEach((value, name) => { if (typeof value === "string" && name !== "idempotency_key") body.append(name, value); });
      const sent = new Map(typing(form).map((field) => [field, saysOf(field)]));
      told(form, word("saving"));
      try {
        const answer = await post(form.dataset.autosaveUrl, body);
        const said = (answer.headers.get("Content-Type") || "").includes("json") ? await answer.json() : {};
        marked(form, said.errors || {});
        if (!answer.ok) throw new Error(said.refusals?.[0]?.reason || word("saveFailed"));
        typing(form).forEach((field) => { if (!(field.name in (said.errors || {}))) field.dataset.kept = sent.get(field); });
        const version = $("input[name=version]", form);
        if (version && said.version !== undefined) version.value = said.version;
        if (!again) form.removeAttribute("data-dirty");
        told(form, word("saved", { time: said.saved_at || clock() }));
        refresh();
      } catch (error) {
        told(form, error instanceof TypeError ? word("saveFailed") : error.message, true);
      }
      running = false;
      if (again) { again = false; save(); }
    }
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(save, 1200); });
  });

  // Another form of the page, such as a paper's, loads it anew: what was typed and not kept yet is put back at its field,
  // unless somebody else has changed the field meanwhile.
  const TYPED = "tierflow.typed";
  document.addEventListener("submit", (event) => {
    const form = $("form[data-autosave-url]");
    if (event.defaultPrevented || !form || event.target === form || event.target.getAttribute("method") !== "post") return;
    const lost = typing(form).filter((field) => field.id && saysOf(field) !== keptOf(field));
    form.removeAttribute("data-dirty");
    const values = lost.map((field) => [field.id, saysOf(field), keptOf(field)]);
    sessionStorage.setItem(TYPED, JSON.stringify({ url: form.dataset.autosaveUrl, values }));
  });
  const typed = JSON.parse(sessionStorage.getItem(TYPED) || "null");
  sessionStorage.removeItem(TYPED);
  if (typed && $("form[data-autosave-url]")?.dataset.autosaveUrl === typed.url) {
    typed.values.forEach(([id, said, kept]) => {
      const field = document.getElementById(id);
      if (!field || saysOf(field) === said || plain(saysOf(field)) !== plain(kept)) return;
      if (isTicked(field)) field.checked = said === "true"; else field.value = said;
      // After the listeners of this script are there: it is checked and saved as if typed again.
      setTimeout(() => field.dispatchEvent(new Event("input", { bubbles: true })), 0);
    });
  }

  // Checks while typing: POST name and value; the answer is HTML, or JSON {messages: [{kind, text, url}]}.
  function line(message) {
    const kind = message.kind || "info";
    const row = document.createElement("div");
    row.className = `check-line is-${kind}`;
    const text = document.createElement(message.url ? "a" : "span");
    text.textContent = message.text;
    if (message.url) text.href = message.url;
    row.append(icon(ICONS[kind] || ICONS.info), text);
    return row;
  }
  $$("[data-check-url]").forEach((input) => {
    const place = document.getElementById(`${input.id}-check`);
    let timer = 0;
    let asked = input.value.trim();
    let turn = 0;
    async function check() {
      const value = input.value.trim();
      if (value === asked) return;
      asked = value;
      const mine = (turn += 1);
      if (!value) { place.replaceChildren(); return; }
      const body = new FormData();
      body.append("name", input.name);
      body.append("value", value);
      try {
        const answer = await post(input.dataset.checkUrl, body);
        if (mine !== turn) return; // a later question is already on its way
        if (!answer.ok) throw new Error(String(answer.status));
        if ((answer.headers.get("Content-Type") || "").includes("json")) {
          const said = await answer.json();
          place.replaceChildren(...(said.messages || []).map(line));
          sayOnce(input.closest(".field"));
        } else place.innerHTML = await answer.text(); // our own server's escaped template
      } catch (error) {
        if (mine === turn) place.replaceChildren(line({ kind: "warn", text: word("loadFailed") }));
      }
    }
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, 600); });
    input.addEventListener("change", () => { clearTimeout(timer); check(); });
  });

  // Dropped files: shown and measured before anything is sent.
  function fileLine(file, problem) {
    const row = document.createElement("div");
    row.className = problem ? "filedrop-file is-bad" : "filedrop-file";
    if (!problem && file.type.startsWith("image/")) {
      const picture = document.createElement("img");
      picture.alt = "";
      picture.src = URL.createObjectURL(file);
      picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
      row.append(picture);
    } else row.append(icon(problem ? "exclamation-circle-fill" : "file-earmark-pdf"));
    const name = document.createElement("span");
    name.textContent = problem || file.name;
    row.append(name);
    if (!problem) {
      const size = document.createElement("small");
      size.textContent = file.size < 1048576 ? `${Math.ceil(file.size / 1024)} KB` : `${(file.size / 1048576).toFixed(1)} MB`;
      row.append(size);
    }
    return row;
  }
  $$("[data-filedrop]").forEach((drop) => {
    const input = $("input[type=file]", drop);
    const list = document.getElementById(`${input.id}-files`);
    const most = Number(drop.dataset.maxBytes);
    const kinds = (input.accept || "").toLowerCase().split(",").map((each) => each.trim()).filter(Boolean);
    const problemOf = (file) => {
      if (kinds.length && !kinds.some((kind) => file.name.toLowerCase().endsWith(kind))) return word("wrongKind", { name: file.name });
      if (most && file.size > most) return word("tooBig", { name: file.name, size: String(Math.floor(most / 1048576)) });
      return "";
    };
    ["dragenter", "dragover"].forEach((name) => drop.addEventListener(name, () => drop.classList.add("is-over")));
    ["dragleave", "drop"].forEach((name) => drop.addEventListener(name, () => drop.classList.remove("is-over")));
    input.addEventListener("change", () => {
      const files = Array.from(input.files);
      const problems = files.map(problemOf);
      list.replaceChildren(...files.map((file, at) => fileLine(file, problems[at])));
      const bad = problems.some(Boolean);
      if (bad) input.value = "";
      drop.closest(".field")?.classList.toggle("field-bad", bad);
    });
  });

  // One click answers every item of a checklist.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-check-all]");
    if (!button) return;
    $$(`.checklist input[type=radio][value="${button.dataset.checkAll}"]`, button.closest("form")).forEach((radio) => { radio.checked = true; });
    button.closest("form").setAttribute("data-dirty", "");
  });

  // "Long-term" empties and locks its date.
  document.addEventListener("change", (event) => {
    const other = event.target.dataset?.locks && document.getElementById(event.target.dataset.locks);
    if (!other) return;
    other.disabled = event.target.checked;
    if (other.disabled) other.value = "";
  });

  // Filters send themselves on a choice; words are sent by Enter. Empty fields stay out of the address.
  $$("form[data-auto-submit]").forEach((form) => {
    form.addEventListener("change", (event) => { if (!event.target.matches("[type=search], [type=text]")) form.requestSubmit(); });
    form.addEventListener("submit", () => {
      $$("input, select", form).filter((field) => field.value === "").forEach((field) => { field.disabled = true; });
    });
  });
})();

// The shell's behaviour: theme, folding, keyboard, confirmation, drawer, papers, toasts. Everything works without it,
// only slower. Pages switch things on with data attributes; see docs/screens.md.
(function () {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, within) => (within || document).querySelector(selector);
  const $$ = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const words = ($("#words") || {}).dataset || {};
  const word = (key, values) => Object.entries(values || {}).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), words[key] || "");
  const csrf = () => ($('meta[name="csrf-token"]') || {}).content || "";
  const post = (url, body) => fetch(url, { method: "POST", body, credentials: "same-origin", headers: { "X-CSRFToken": csrf(), "X-Requested-With": "fetch" } });

  const ICONS = { ok: "check-circle-fill", warn: "exclamation-triangle-fill", bad: "x-octagon-fill", info: "info-circle-fill" };
  function icon(name) {
    const mark = document.createElement("i");
    mark.className = `bi bi-${name}`;
    mark.setAttribute("aria-hidden", "true");
    return mark;
  }

  function toast(kind, text, stay) {
    const box = document.createElement("div");
    box.className = `toast-s toast-${kind}`;
    const line = document.createElement("span");
    line.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "toast-x";
    close.setAttribute("aria-label", word("close"));
    close.dataset.dismiss = "";
    close.append(icon("x-lg"));
    box.append(icon(ICONS[kind] || ICONS.info), line, close);
    $("#toasts")?.append(box);
    if (!stay && kind !== "bad") setTimeout(() => box.remove(), 6000);
  }

  // Confirmation. The submitter is kept, so that the button's own name and value are sent.
  const confirmed = new WeakSet();
  function ask(text) {
    const dialog = $("#confirm-dialog");
    if (!dialog) return Promise.resolve(true);
    $("#confirm-text").textContent = text;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const text = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (!text || confirmed.has(form)) { confirmed.delete(form); return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    const submitter = event.submitter;
    ask(text).then((yes) => {
      if (!yes) { submitter?.focus(); return; }
      confirmed.add(form);
      form.requestSubmit(submitter);
    });
  }, true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-confirm]");
    if (!link) return;
    event.preventDefault();
    ask(link.dataset.confirm).then((yes) => { if (yes) location.assign(link.href); });
  });

  // Theme: seen at once, told to the server behind.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const wish = event.submitter?.value;
    if (!form.matches("[data-theme-form]") || !wish) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    root.setAttribute("data-theme", wish);
    root.dispatchEvent(new Event("tierflow:theme"));
    $$("button[name=theme]", form).forEach((button) => button.setAttribute("aria-pressed", String(button.value === wish)));
    const body = new FormData(form);
    body.set("theme", wish);
    post(form.getAttribute("action"), body).catch(() => toast("warn", word("loadFailed")));
  }, true);

  // Navigation
  const foldButton = $("[data-nav-fold]");
  function fold() {
    const folded = root.getAttribute("data-nav") !== "folded";
    if (folded) root.setAttribute("data-nav", "folded"); else root.removeAttribute("data-nav");
    foldButton?.setAttribute("aria-pressed", String(folded));
    try { localStorage.setItem("tierflow.nav", folded ? "folded" : "open"); } catch (error) { /* forbidden storage: not remembered */ }
  }
  // Where the reader is stays in sight, in a long navigation and in tabs wider than a phone.
  const here = $(".side-link.is-active");
  const nav = $(".side-nav");
  if (here && nav) nav.scrollTop = Math.max(0, here.offsetTop + 80 - nav.offsetTop - nav.clientHeight);
  $$(".tabs a.is-active").forEach((tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48; });
  foldButton?.setAttribute("aria-pressed", String(root.getAttribute("data-nav") === "folded"));

  // The drawer that explains a figure
  async function explain(url) {
    const drawer = $("#explain-drawer");
    const body = $("[data-explain-body]", drawer);
    const waiting = document.createElement("div");
    waiting.className = "skeleton";
    for (let i = 0; i < 6; i += 1) waiting.append(document.createElement("span"));
    body.replaceChildren(waiting);
    window.bootstrap.Offcanvas.getOrCreateInstance(drawer).show();
    try {
      const answer = await fetch(url, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
      if (!answer.ok) throw new Error(String(answer.status));
      body.innerHTML = await answer.text(); // our own server's escaped template, never a user's text
    } catch (error) {
      const line = document.createElement("p");
      line.className = "quiet";
      line.textContent = word("loadFailed");
      body.replaceChildren(line);
    }
  }

  // Scanned papers: size and turn are classes, for the page's policy forbids inline styles.
  function paper(viewer, url, kind, name) {
    const stage = $("[data-viewer-stage]", viewer);
    const sheet = document.createElement(kind === "pdf" ? "iframe" : "img");
    sheet.src = url;
    if (kind === "pdf") sheet.title = name; else sheet.alt = name;
    stage.replaceChildren(sheet);
    $("[data-viewer-name]", viewer).textContent = name;
    $("[data-viewer-open]", viewer).href = url;
    $$("[data-viewer-file]", viewer).forEach((thumb) => {
      const on = thumb.dataset.viewerFile === url;
      thumb.classList.toggle("is-active", on);
      thumb.setAttribute("aria-pressed", String(on));
    });
  }
  function step(sheet, name, by, low, high, wrap) {
    const now = Number(sheet.dataset[name] || 0);
    const next = wrap ? (now + by) % (high + 1) : Math.min(high, Math.max(low, now + by));
    sheet.classList.remove(`${name}-${now}`);
    sheet.classList.add(`${name}-${next}`);
    sheet.dataset[name] = String(next);
  }

  const insert = (field, text) => {
    const gap = field.value && !/[\s，。；]$/.test(field.value) ? "；" : "";
    field.value += gap + text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    let found;
    if ((found = hit("[data-explain-url]"))) explain(found.dataset.explainUrl);
    else if (hit("[data-nav-fold]")) fold();
    else if (hit("[data-show-keys]")) help();
    else if (hit("[data-print]")) window.print();
    else if ((found = hit("[data-back]")) && history.length > 1) { event.preventDefault(); history.back(); }
    else if ((found = hit("[data-dismiss]"))) found.closest(".notice, .toast-s")?.remove();
    else if ((found = hit("[data-copy]"))) navigator.clipboard?.writeText(found.dataset.copy).then(() => toast("ok", word("copied")));
    else if ((found = hit("[data-insert]"))) insert(document.getElementById(found.dataset.insertInto), found.dataset.insert);
    else if ((found = hit("[data-fill-login]"))) {
      $("[name=name]").value = found.dataset.fillLogin;
      $("[name=password]").value = found.dataset.fillPassword;
      $("[name=password]").focus();
    } else if ((found = hit("[data-viewer-file]"))) paper(found.closest("[data-viewer]"), found.dataset.viewerFile, found.dataset.kind, found.dataset.name);
    else if ((found = hit("[data-show-paper]"))) {
      const thumb = $$("[data-viewer-file]").find((each) => new URL(each.dataset.viewerFile, location.href).href === found.href);
      if (thumb) { event.preventDefault(); thumb.click(); thumb.closest("[data-viewer]").scrollIntoView({ block: "nearest" }); }
    } else if ((found = hit("[data-viewer-do]"))) {
      const sheet = $("[data-viewer-stage] img", found.closest("[data-viewer]"));
      if (!sheet) return;
      if (found.dataset.viewerDo === "turn") step(sheet, "turn", 1, 0, 3, true);
      else step(sheet, "zoom", found.dataset.viewerDo === "in" ? 1 : -1, 0, 3, false);
    }
  });

  // Keyboard
  function help() {
    const dialog = $("#keys-dialog");
    if (!dialog || dialog.open) return;
    const list = $("[data-keys]", dialog);
    $$("[data-page-key]", list).forEach((each) => each.remove());
    $$("[data-key]").filter((each) => each.offsetParent).forEach((each) => {
      const line = document.createElement("div");
      line.dataset.pageKey = "";
      const key = document.createElement("dt");
      const cap = document.createElement("kbd");
      cap.textContent = each.dataset.key;
      key.append(cap);
      const meaning = document.createElement("dd");
      meaning.textContent = ($("span", each) || each).textContent.trim();
      line.append(key, meaning);
      list.append(line);
    });
    dialog.showModal();
  }
  const rows = () => $$("[data-row]").filter((each) => each.offsetParent);
  function move(by) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((each) => each.contains(document.activeElement));
    const next = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + by))];
    const target = $("[data-row-link]", next) || $("a, button, input", next);
    target?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
  let before = "";
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    const typing = at.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) { at.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("dialog[open]")) return;
    const key = event.key;
    const pair = before + key;
    before = key === "g" ? "g" : "";
    if (key === "g") setTimeout(() => { before = ""; }, 1200);
    if (pair === "gi") { const inbox = $("[data-goto-inbox]"); if (inbox) location.assign(inbox.href); }
    else if (key === "/") { const box = $("#search"); if (!box) return; event.preventDefault(); box.focus(); box.select(); }
    else if (key === "?") help();
    else if (key === "[") fold();
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "x") $("[data-select]", rows().find((each) => each.contains(at)) || document.createElement("i"))?.click();
    else {
      const button = $$("[data-key]").find((each) => each.dataset.key === key && each.offsetParent && !each.disabled);
      if (!button) return;
      event.preventDefault();
      button.click();
    }
  });

  // Selecting rows for a bulk act
  function counted() {
    const bar = $("[data-bulk]");
    if (!bar) return;
    const boxes = $$("[data-select]:not(:disabled)");
    const chosen = boxes.filter((box) => box.checked).length;
    bar.hidden = chosen === 0;
    $("[data-bulk-count]", bar).textContent = String(chosen);
    const all = $("[data-select-all]");
    if (all) { all.checked = chosen > 0 && chosen === boxes.length; all.indeterminate = chosen > 0 && chosen < boxes.length; }
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) $$("[data-select]:not(:disabled)").forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("[data-select], [data-select-all]")) counted();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-bulk-clear]")) return;
    $$("[data-select]").forEach((box) => { box.checked = false; });
    counted();
  });
  counted();

  $("[data-error-summary]")?.focus();
  window.tierflow = { toast, post, word, icon, ask, ICONS };
})();

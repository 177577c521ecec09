"use strict";

/* What the Maker's pages do beyond plain HTML. Each part looks for its own markup, and every page
   works without any of it. Words stand in the templates, where they are translated. */
{
  document.documentElement.classList.add("js");

  /* --- menus: <details class="cog"><summary>…</summary><div class="cog-menu">…</div></details> -- */

  const MENUS = "details.cog, details.filter";

  // A fixed box is clipped by no scrolling table, and stays inside the window.
  function place(menu) {
    const box = menu.querySelector("summary").getBoundingClientRect();
    const panel = menu.querySelector("summary + *");
    const { clientWidth, clientHeight } = document.documentElement;
    const start = menu.matches(".cog") ? box.right - panel.offsetWidth : box.left;
    const fitsBelow = box.bottom + 4 + panel.offsetHeight <= clientHeight - 8;
    const top = fitsBelow ? box.bottom + 4 : box.top - 4 - panel.offsetHeight;
    panel.style.left = `${Math.max(8, Math.min(start, clientWidth - panel.offsetWidth - 8))}px`;
    panel.style.top = `${Math.max(8, top)}px`;
    menu.dataset.placed = "";
  }

  function openMenus() {
    return [...document.querySelectorAll(MENUS)].filter((menu) => menu.open);
  }

  function close(menu) {
    menu.open = false;
    delete menu.dataset.placed;
    menu.querySelector("summary").focus();
  }

  function choices(menu) {
    return [...menu.querySelectorAll("summary + * :is(a[href], button:enabled)")];
  }

  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (!target.matches(MENUS)) return;
      if (!target.open) {
        delete target.dataset.placed;
        return;
      }
      for (const menu of openMenus()) {
        if (menu !== target) menu.open = false;
      }
      place(target);
    },
    true,
  );

  document.addEventListener("click", ({ target }) => {
    for (const menu of openMenus()) {
      if (!menu.contains(target)) menu.open = false;
    }
  });

  for (const moved of ["scroll", "resize"]) {
    window.addEventListener(moved, () => openMenus().forEach(place), { capture: true, passive: true });
  }

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.(MENUS);
    if (event.key === "Escape") {
      openMenus().forEach(close);
      return;
    }
    if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    menu.open = true;
    place(menu);
    const items = choices(menu);
    const here = items.indexOf(document.activeElement);
    const next = {
      ArrowDown: here + 1,
      ArrowUp: here < 0 ? -1 : here - 1,
      Home: 0,
      End: -1,
    }[event.key];
    items.at(next % items.length)?.focus();
  });

  /* --- copying: <button data-copy="TEXT" data-copied="what to say then"> ---------------------- */

  const toast = document.getElementById("toast");
  let toastEnds;

  function announce(words) {
    clearTimeout(toastEnds);
    toast.textContent = "";
    // Screen readers notice a change, and the same words twice are none.
    requestAnimationFrame(() => {
      toast.textContent = words;
    });
    toastEnds = setTimeout(() => {
      toast.textContent = "";
    }, 5000);
  }

  function showToCopy(text) {
    const dialog = document.getElementById("copy-dialog");
    const [line, lines] = dialog.querySelectorAll("input, textarea");
    const field = text.trim().includes("\n") ? lines : line;
    line.hidden = field !== line;
    lines.hidden = field !== lines;
    field.value = text;
    dialog.showModal();
    field.focus();
    field.select();
  }

  function copy(button) {
    const text = button.dataset.copy;
    // Browsers have no clipboard for pages that came by http, unless from this very machine.
    if (!navigator.clipboard) {
      showToCopy(text);
      return;
    }
    navigator.clipboard.writeText(text).then(
      () => announce(button.dataset.copied || toast.dataset.copied),
      () => showToCopy(text),
    );
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const menu = button.closest(MENUS);
    if (menu) close(menu);
    copy(button);
  });

  /* --- connector form: only what the chosen type and authentication method have -------------- */

  const type = document.getElementById("id_type");
  const method = document.getElementById("id_authentication_method");
  const fixed = document.querySelector("[data-connector-type]");

  // data-methods="google …": a text or a heading hides itself, all else its row of the form.
  function showWhere(part, shown) {
    const row = part.closest(".help, .fieldset-heading") ? part : part.closest(".form-row");
    row.hidden = !shown;
    // A tick that nobody sees isn't sent.
    if (part.matches("input")) part.disabled = !shown;
  }

  function showChosen() {
    const chosenType = type ? type.value : fixed.dataset.connectorType;
    const chosenMethod = method ? method.value : fixed?.dataset.authenticationMethod;
    for (const part of document.querySelectorAll('form [class*="type-"]')) {
      const types = [...part.classList].filter((name) => name.startsWith("type-"));
      if (types.length) part.hidden = !types.includes(`type-${chosenType}`);
    }
    // Of the methods only the generic one has an address to read.
    const box = document.getElementById("paste");
    if (box) {
      box.hidden = chosenType === "oauth2" && chosenMethod !== box.dataset.openid;
      // There the client's fields are the third step.
      box.classList.toggle("step-3", chosenType !== "oauth2");
    }
    for (const part of document.querySelectorAll("form [data-methods]")) {
      const isOf = part.dataset.methods.split(" ").includes(chosenMethod);
      showWhere(part, isOf || chosenType !== "oauth2");
    }
  }

  if (type || fixed) {
    showChosen();
    type?.addEventListener("change", showChosen);
    method?.addEventListener("change", showChosen);
    // Back and Forward restore what was chosen after this script has run.
    window.addEventListener("pageshow", showChosen);
    if (document.querySelector(".errornote")) {
      // What was refused may hold a secret, which the browser would keep to send it again at a reload.
      history.replaceState(history.state, "");
      // The form is long, unless the first mistake is said at its top. At "load", since a script of the
      // admin's own goes to the first field.
      window.addEventListener("load", () => {
        if (document.querySelector(".errorlist.nonfield")) return;
        document.querySelector(".form-row.errors:not([hidden]) :is(input, select, textarea)")?.focus();
      });
    }
  }

  /* --- connector form: a reference proposed from the name, and the login address it makes ------ */

  const name = document.getElementById("id_name");
  const reference = document.getElementById("id_reference");
  const preview = document.getElementById("login-address-preview");
  const UNDIVIDED = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ł: "l" };

  function proposal() {
    return name.value
      .toLowerCase()
      .replace(/[ßæœøđł]/g, (letter) => UNDIVIDED[letter])
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 100)
      .replace(/^-|-$/g, "");
  }

  function showLoginAddress() {
    if (!preview) return;
    const written = reference.value.trim();
    preview.textContent = preview.dataset.base + (written ? encodeURIComponent(written) : "…");
  }

  /* The redirect URI follows the choice and, where it is the connector's own, the reference. */
  const redirect = document.getElementById("redirect-address");
  const redirectChoices = document.querySelectorAll('input[name="redirect_uri"]');

  function showRedirectAddress() {
    const chosen = [...redirectChoices].find((choice) => choice.checked)?.value;
    if (!redirect || !chosen) return;
    const written = reference?.value.trim() ?? "";
    const address =
      chosen === "own"
        ? redirect.dataset.own + (written ? encodeURIComponent(written) : "…")
        : chosen === "callback"
          ? redirect.dataset.callback
          : redirect.dataset.oauthCallback;
    redirect.querySelector("code").textContent = address;
    redirect.querySelector("[data-copy]").dataset.copy = address;
  }

  for (const choice of redirectChoices) choice.addEventListener("change", showRedirectAddress);
  window.addEventListener("pageshow", showRedirectAddress);
  for (const field of [name, reference]) field?.addEventListener("input", () => setTimeout(showRedirectAddress));

  if (name && reference) {
    // Only for a new connector: a shared login address must not change with the name.
    let proposing =
      document.body.classList.contains("add-form") && ["", proposal()].includes(reference.value);
    name.addEventListener("input", () => {
      if (proposing) reference.value = proposal();
      showLoginAddress();
    });
    reference.addEventListener("input", () => {
      proposing = false;
      showLoginAddress();
    });
    showLoginAddress();
  }

  /* --- connector form: the box that takes anything, and each identity provider's own words ------ */

  const paste = document.getElementById("id_paste");
  const reading = document.getElementById("reading");
  const wordsOf = document.getElementById("id_words_of");

  function showWords() {
    for (const words of document.querySelectorAll("[data-idp]")) {
      words.hidden = words.dataset.idp !== wordsOf.value;
    }
  }

  const file = document.getElementById("id_paste_file");

  function showInReading(tag, className, words) {
    const part = document.createElement(tag);
    part.className = className;
    part.textContent = words;
    reading.replaceChildren(part);
  }

  function empty() {
    paste.value = "";
    file.value = "";
  }

  // A file that is dropped on the box is read at once, as if it had been chosen and Read pressed.
  function takeDrops(box) {
    const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
    box.addEventListener("dragover", (event) => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      box.classList.add("is-dropping");
    });
    box.addEventListener("dragleave", () => box.classList.remove("is-dropping"));
    box.addEventListener("drop", (event) => {
      box.classList.remove("is-dropping");
      if (!holdsFile(event)) return;
      event.preventDefault();
      file.files = event.dataTransfer.files;
      file.dispatchEvent(new Event("change"));
      box.querySelector("button[name=_read][value=box]").click();
    });
  }

  async function read(button) {
    if (paste.value.length > Number(paste.dataset.longest)) {
      showInReading("p", "errornote", paste.dataset.tooLong);
      return;
    }
    if (file.files[0]?.size > Number(file.dataset.longest)) {
      showInReading("p", "errornote", file.dataset.tooLong);
      return;
    }
    const fields = new FormData(button.form);
    fields.delete("client_secret");
    fields.set("_read", button.value);
    const label = button.textContent;
    button.textContent = button.dataset.busy;
    button.disabled = true;
    let page = null;
    try {
      const response = await fetch(paste.dataset.address, { method: "POST", body: fields });
      if (response.ok && !response.redirected) page = await response.text();
    } catch {
      // What went wrong is shown by the page that the form itself gets.
    }
    button.textContent = label;
    button.disabled = false;
    if (page === null) button.form.requestSubmit(button);
    else reading.innerHTML = page;
    if (reading.querySelector("[data-emptied]")) empty();
  }

  function use(button) {
    const { provider } = reading.querySelector("[data-provider]").dataset;
    const filled = [];
    for (const { name: key, value } of reading.querySelectorAll("input[name^=read_]")) {
      const field = document.getElementById(`id_${key.slice("read_".length)}`);
      if (!field || field.value === value) continue;
      field.value = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      field.closest(".form-row").classList.add("was-read");
      filled.push(field);
    }
    if (provider) {
      wordsOf.value = provider;
      showWords();
    }
    empty();
    announce(button.dataset.used);
    reading.replaceChildren();
    filled[0]?.focus();
  }

  if (paste) {
    wordsOf.addEventListener("change", showWords);
    window.addEventListener("pageshow", showWords);
    // What was read of the text before is no longer what stands there.
    paste.addEventListener("input", () => {
      reading.replaceChildren();
      file.value = "";
    });
    file.addEventListener("change", () => {
      reading.replaceChildren();
      paste.value = "";
    });
    takeDrops(document.getElementById("paste"));
    paste.form.addEventListener("submit", (event) => {
      const button = event.submitter;
      // The second time it is sent for good.
      if (button?.name === "_read" && !("sent" in button.dataset)) {
        event.preventDefault();
        button.dataset.sent = "";
        read(button).finally(() => delete button.dataset.sent);
      } else if (button?.name === "_use") {
        event.preventDefault();
        use(button);
      }
    });
  }

  /* --- tabs: <div data-tabs><section id="…" data-tab="Title">…</section>…</div> ---------------- */

  function makeTabs(container) {
    const panels = [...container.querySelectorAll(":scope > section[id][data-tab]")];
    if (panels.length < 2) return;
    const list = document.createElement("div");
    list.className = "tabs";
    list.setAttribute("role", "tablist");
    const tabs = panels.map((panel) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `tab-${panel.id}`;
      tab.textContent = panel.dataset.tab;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      if (panel.querySelector(".errorlist, .errors")) {
        tab.classList.add("has-errors");
        tab.title = container.dataset.error || "";
      }
      list.append(tab);
      return tab;
    });

    function show(chosen) {
      panels.forEach((panel, index) => {
        const isChosen = index === chosen;
        panel.hidden = !isChosen;
        tabs[index].setAttribute("aria-selected", String(isChosen));
        tabs[index].tabIndex = isChosen ? 0 : -1;
      });
    }

    function choose(chosen) {
      show(chosen);
      tabs[chosen].focus();
      history.replaceState(history.state, "", `#${panels[chosen].id}`);
    }

    list.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) choose(tabs.indexOf(tab));
    });
    list.addEventListener("keydown", (event) => {
      const here = tabs.indexOf(document.activeElement);
      const last = tabs.length - 1;
      const next = {
        ArrowRight: here === last ? 0 : here + 1,
        ArrowLeft: here === 0 ? last : here - 1,
        Home: 0,
        End: last,
      }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      choose(next);
    });

    container.prepend(list);
    container.classList.add("tabbed");
    const fromHash = () => panels.findIndex((panel) => `#${panel.id}` === location.hash);
    const wrong = tabs.findIndex((tab) => tab.classList.contains("has-errors"));
    show(Math.max(0, wrong >= 0 ? wrong : fromHash()));
    window.addEventListener("hashchange", () => {
      if (fromHash() >= 0) show(fromHash());
    });
  }

  document.querySelectorAll("[data-tabs]").forEach(makeTabs);

  /* --- what the admin leaves unsaid to screen readers ------------------------------------------ */

  // Its own scripts build some of it at "load", before this listener.
  window.addEventListener("load", () => {
    for (const box of document.querySelectorAll("td.delete input[type=checkbox]")) {
      const heading = box.closest("table").querySelector("thead th:last-child");
      box.setAttribute("aria-label", heading.textContent.trim());
    }
    for (const icon of document.querySelectorAll("span.help-tooltip[aria-label]")) {
      icon.setAttribute("role", "img");
    }
    // And the autocompletes a moment later, by jQuery's queue.
    setTimeout(nameAutocompletes);
    window.django?.jQuery?.(document).on("select2:open", ({ target }) => setTimeout(nameOpen, 0, target));
  });
  document.addEventListener("formset:added", () => setTimeout(nameAutocompletes));

  // By its label, or in a table by its column.
  function nameOf(select) {
    const cell = select.closest("td");
    const heading = cell?.closest("table").tHead.rows[0].cells[cell.cellIndex];
    return (select.labels[0] ?? heading)?.textContent.trim() ?? "";
  }

  function nameAutocompletes() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const name = nameOf(select);
      const container = select.nextElementSibling;
      container.querySelector(".select2-search__field")?.setAttribute("aria-label", name);
      const shown = container.querySelector(".select2-selection__rendered[role=textbox]");
      if (!shown) continue;
      const box = container.querySelector("[role=combobox]");
      box.id ||= `${shown.id}-box`;
      box.setAttribute("aria-label", name);
      box.setAttribute("aria-labelledby", `${box.id} ${shown.id}`);
      shown.setAttribute("aria-labelledby", box.id);
    }
  }

  // What opens is built anew each time, at the end of the page.
  function nameOpen(select) {
    const box = select.nextElementSibling.querySelector("[role=combobox]");
    box.setAttribute("aria-controls", box.getAttribute("aria-owns"));
    document
      .querySelector(".select2-container--open .select2-search--dropdown .select2-search__field")
      ?.setAttribute("aria-label", nameOf(select));
  }
}

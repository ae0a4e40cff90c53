"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const grid = $("#grid"), cards = [...grid.children], tabs = [...document.querySelectorAll(".tabs button")];
  const search = $("#search"), sort = $("#sort"), nothing = $("#nothing"), shown = $("#shown");
  const box = $("#lightbox"), big = $("#big"), about = $("#about");
  const boxes = [...document.querySelectorAll(".tick input")], save = $("#save"), only = $("#only");
  const known = new Set(tabs.map((tab) => tab.dataset.verdict));
  let verdict = "all", visible = cards, current = -1;
  document.documentElement.classList.add("scripted");

  // The page is written in the order of 'attention'; every other order falls back to it for equals.
  cards.forEach((card, index) => { card.order = index; });
  const number = (card, key) => (card.dataset[key] === "" ? -1 : Number(card.dataset[key]));
  const orders = {
    attention: () => 0,
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, "en", { numeric: true }),
    surest: (a, b) => number(b, "confidence") - number(a, "confidence"),
    area: (a, b) => number(b, "area") - number(a, "area"),
    objects: (a, b) => number(b, "objects") - number(a, "objects"),
  };

  const tick = (card) => card.querySelector(".tick input");
  const ticked = (card) => Boolean(tick(card)?.checked);

  function update() {
    const words = search.value.trim().toLocaleLowerCase();
    const compare = orders[sort.value] || orders.attention;
    const sorted = [...cards].sort((a, b) => compare(a, b) || a.order - b.order);
    grid.append(...sorted);
    visible = sorted.filter((card) => {
      const kind = verdict === "all" || card.dataset.verdict === verdict;
      const asked = !(only && only.checked) || ticked(card);
      card.hidden = !(kind && asked && card.dataset.name.toLocaleLowerCase().includes(words));
      return !card.hidden;
    });
    tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab.dataset.verdict === verdict)));
    nothing.hidden = visible.length > 0;
    shown.textContent = `${visible.length} shown`;
    const state = [verdict !== "all" && verdict, sort.value !== "attention" && sort.value].filter(Boolean);
    try {
      history.replaceState(null, "", state.length ? `#${state.join(",")}` : location.pathname + location.search);
    } catch { /* pages opened from disk may not keep a state */ }
  }

  function show(index) {
    const pictures = visible.filter((card) => card.querySelector(".open"));
    if (!pictures.length) return;
    current = (index + pictures.length) % pictures.length;
    const card = pictures[current], small = card.querySelector("img");
    big.onerror = () => { big.onerror = null; big.src = small.src; };
    big.src = small.dataset.full || small.src;
    big.alt = small.alt;
    about.replaceChildren();
    const name = document.createElement("strong");
    name.textContent = card.dataset.name;
    about.append(name, ` · ${card.dataset.about} · ${current + 1} of ${pictures.length}`);
    if (tick(card)) about.append(` · ${ticked(card) ? "ticked as wrong" : "not ticked"}, W changes it`);
    if (!box.open) box.showModal();
  }

  function close() {
    box.close();
    const card = visible.filter((c) => c.querySelector(".open"))[current];
    if (card) card.querySelector(".open").focus();
  }

  // A review names each box that is ticked, or was ticked when the page was written: see cuecast.io.review.
  let unsaved = false;
  function review() {
    const images = boxes.filter((box) => box.checked || box.defaultChecked).map((box) => ({
      name: JSON.parse(box.dataset.key), mask_hash: box.dataset.mask, review: box.checked ? "wrong" : null,
    }));
    return JSON.stringify({ cuecast: "review", version: 1, images }, null, 1) + "\n";
  }
  function count() { $("#ticked").textContent = String(boxes.filter((box) => box.checked).length); }
  function turn(card) {
    const box = card && tick(card);
    if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); }
    return box;
  }
  if (save) {
    grid.addEventListener("change", (event) => {
      if (!event.target.closest(".tick")) return;
      unsaved = true;
      count();
    });
    only.addEventListener("change", update);
    save.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([review()], { type: "application/json" }));
      link.download = "review.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      unsaved = false;
      $("#saved").textContent = "review.json is saved";
    });
    window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
    count();
  }

  tabs.forEach((tab) => tab.addEventListener("click", () => { verdict = tab.dataset.verdict; update(); }));
  search.addEventListener("input", update);
  sort.addEventListener("change", update);
  grid.addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (!button) return;
    show(visible.filter((c) => c.querySelector(".open")).indexOf(button.closest(".card")));
  });
  $("#previous").addEventListener("click", () => show(current - 1));
  $("#next").addEventListener("click", () => show(current + 1));
  $("#close").addEventListener("click", close);
  box.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  box.addEventListener("click", (event) => { if (event.target.closest("img, button") === null) close(); });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (box.open) {
      if (event.key === "ArrowLeft") show(current - 1);
      else if (event.key === "ArrowRight") show(current + 1);
      else if (event.key === "w" && turn(visible.filter((c) => c.querySelector(".open"))[current])) show(current);
      else return;
      event.preventDefault();
      return;
    }
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (event.key === "w" && !typing && turn(document.activeElement.closest(".card"))) return;
    if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); return; }
    if (event.key === "Escape" && event.target === search) { search.value = ""; update(); return; }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: "row", ArrowUp: "row" }[event.key];
    if (!step || typing) return;
    const buttons = visible.map((card) => card.querySelector(".open")).filter(Boolean);
    const at = buttons.indexOf(document.activeElement);
    if (at < 0) return;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const to = at + (step === "row" ? (event.key === "ArrowDown" ? columns : -columns) : step);
    if (buttons[to]) { event.preventDefault(); buttons[to].focus(); }
  });

  for (const part of location.hash.slice(1).split(",")) {
    if (known.has(part)) verdict = part;
    if (part in orders) sort.value = part;
  }
  update();
})();

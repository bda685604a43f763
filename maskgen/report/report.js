
"use strict";
// Filters and sorts the cards and tables. The state is the address's part behind #: sheet=fullest&sort=-coverage&find=cat
(() => {
  const one = (query) => document.querySelector(query);
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const list = one(".cards");
  const tools = one("#tools");

  const place = (card, sheet) => {
    const found = card.dataset.sheets.split(" ").find((part) => part.startsWith(sheet + ":"));
    return found === undefined ? -1 : Number(found.slice(sheet.length + 1));
  };
  const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });

  function showCards(state) {
    const wanted = state.find.toLowerCase();
    const cards = all(":scope > li", list);
    let shown = 0;
    for (const card of cards) {
      const inSheet = state.sheet === "all" || place(card, state.sheet) >= 0;
      card.hidden = !(inSheet && card.querySelector(".card").textContent.toLowerCase().includes(wanted));
      shown += !card.hidden;
    }
    const down = state.sort.startsWith("-");
    const field = down ? state.sort.slice(1) : state.sort;
    const value = (card) => (field in card.dataset ? Number(card.dataset[field]) : null);
    cards.sort((a, b) => {
      if (field === "name") return compare(a.dataset.name, b.dataset.name);
      if (field === "sheet") {
        return state.sheet === "all" ? a.dataset.number - b.dataset.number : place(a, state.sheet) - place(b, state.sheet);
      }
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null); // what is not known comes last
      return (down ? y - x : x - y) || a.dataset.number - b.dataset.number;
    });
    list.append(...cards);
    for (const chip of all("button[data-sheet]", tools)) {
      chip.setAttribute("aria-pressed", String(chip.dataset.sheet === state.sheet));
      if (chip.dataset.sheet === state.sheet) one("#about").textContent = chip.dataset.about;
    }
    one("#sort").value = state.sort;
    if (one("#find").value !== state.find) one("#find").value = state.find;
    one("#shown").textContent = shown === 1 ? "1 mask" : shown + " masks";
  }

  function readState() {
    const given = new URLSearchParams(location.hash.slice(1));
    const known = (value, options, otherwise) => (options.includes(value) ? value : otherwise);
    const chips = all("button[data-sheet]", tools).map((chip) => chip.dataset.sheet);
    return {
      sheet: known(given.get("sheet"), chips, chips[0]),
      sort: known(given.get("sort"), all("option", one("#sort")).map((o) => o.value), "sheet"),
      find: given.get("find") || "",
    };
  }

  if (list && tools) {
    all(":scope > li", list).forEach((card, number) => { card.dataset.number = number; });
    tools.hidden = false;
    let state = readState();
    const change = (part) => {
      state = { ...state, ...part };
      const words = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== ""));
      history.replaceState(null, "", "#" + words);
      showCards(state);
    };
    for (const chip of all("button[data-sheet]", tools)) {
      chip.addEventListener("click", () => change({ sheet: chip.dataset.sheet, sort: "sheet" }));
    }
    one("#sort").addEventListener("change", (event) => change({ sort: event.target.value }));
    one("#find").addEventListener("input", (event) => change({ find: event.target.value }));
    addEventListener("hashchange", () => {
      if (location.hash.includes("=")) showCards((state = readState()));
    });
    showCards(state);
  }

  for (const table of all("table[data-sortable]")) {
    const rows = all("tbody tr", table);
    const heads = all("th", table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const text = (row) => row.cells[column].textContent;
        rows.sort((a, b) => (down ? -1 : 1) * compare(text(a), text(b)));
        table.tBodies[0].append(...rows);
      });
    });
    const box = one(`input[data-for="${table.id}"]`);
    if (!box) continue;
    box.closest(".tools").hidden = false;
    const filter = () => {
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(box.value.toLowerCase());
    };
    box.value = new URLSearchParams(location.hash.slice(1)).get("quarantine") || "";
    box.addEventListener("input", filter);
    filter();
  }
})();

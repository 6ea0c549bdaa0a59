/* The controls that choose which statements are shown: words, least score, relations. */

function makeFilters(state) {
  const { model } = state;
  const search = element("input", { type: "search", id: "search", placeholder: "Search statements", "aria-label": "Search statements" });
  search.addEventListener("input", settled(() => state.filter({ words: search.value }), 120));

  const said = element("output", { for: "score" }, "0.00");
  const slider = element("input", { type: "range", id: "score", min: 0, max: 1, step: 0.01, value: 0 });
  const slide = settled(() => state.filter({ minScore: Number(slider.value) }), 60);
  slider.addEventListener("input", () => {
    said.textContent = Number(slider.value).toFixed(2);
    slide();
  });

  const reset = element("button", { type: "button", class: "plain", onclick: () => {
    search.value = "";
    slider.value = 0;
    said.textContent = "0.00";
    for (const box of relations.boxes) box.checked = true;
    state.filter({ words: "", minScore: 0, hidden: new Set() });
  } }, "Reset");
  const relations = relationBoxes(state);
  const update = () => {
    reset.hidden = !state.words && !state.minScore && !state.hidden.size;
    const n = model.relations.length;
    relations.summary.textContent = state.hidden.size
      ? `Relations: ${n - state.hidden.size} of ${n}` : `Relations: all ${n}`;
  };
  state.listen((what) => what === "filter" && update());
  update();
  return element("form", { class: "filters", role: "search", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
    search,
    element("div", { class: "row" }, element("label", { for: "score" }, "Score at least"), slider, said),
    element("div", { class: "row" }, relations.details, reset));
}

function relationBoxes(state) {
  const names = state.model.relations.map(([name]) => name);
  const boxes = names.map((name) => element("input", { type: "checkbox", checked: true, onchange: (event) => {
    const hidden = new Set(state.hidden);
    if (event.target.checked) hidden.delete(name);
    else hidden.add(name);
    state.filter({ hidden });
  } }));
  const all = (checked) => () => {
    for (const box of boxes) box.checked = checked;
    state.filter({ hidden: new Set(checked ? [] : names) });
  };
  const rows = state.model.relations.map(([name, count], i) => element("label", {}, boxes[i], " ", named(name),
    element("span", { class: "number" }, count.toLocaleString("en"))));
  const summary = element("summary", {});
  const details = element("details", {}, summary,
    element("fieldset", {}, element("legend", { class: "unseen" }, "Relations"),
      element("div", { class: "row" },
        element("button", { type: "button", class: "plain", onclick: all(true) }, "All"),
        element("button", { type: "button", class: "plain", onclick: all(false) }, "None")),
      rows));
  return { details, summary, boxes };
}

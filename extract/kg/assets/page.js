/* The page: builds the parts for a model, and for the data blocks that a file carries. */

const closings = new WeakMap(); // root to what ends the view in it

/** Shows a model within `root`, in place of what is there, which lets go of all that it listened to. */
function showModel(root, model) {
  closings.get(root)?.abort();
  const closing = new AbortController();
  closings.set(root, closing);
  const { signal } = closing;
  const state = makeState(model);
  const textPanel = element("div", { class: "text", tabindex: "0", "aria-label": "Text" });
  const graph = makeGraph(state, signal);
  const statements = makeStatements(state);
  const tabs = makeTabs([
    ["statements", "Statements", null],
    ["text", "Text", textPanel],
    ["graph", "Graph", graph.panel],
  ]);
  const view = element("div", { class: "view" },
    element("a", { class: "skip", href: "#text-or-graph", onclick: (event) => {
      event.preventDefault();
      view.querySelector("[role=tab][aria-selected=true]").focus();
    } }, "Skip to text and graph"),
    header(model, graph.restyle, signal),
    element("aside", { class: "side", id: "panel-statements", "aria-label": "Statements" }, makeFilters(state), statements),
    element("main", { class: "main" }, element("div", { class: "bar" }, tabs.list, legend(model)), textPanel, graph.panel),
    makeInspector(state));
  root.replaceChildren(view);
  const text = makeText(textPanel, state);
  tabs.onOpen = (name) => {
    view.dataset.tab = name;
    if (name === "graph") graph.refresh();
    if (name === "text") {
      text.redraw();
      text.showChosen();
    }
  };
  tabs.open("text");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || state.chosen === null) return;
    const number = state.chosen.statement;
    const within = view.querySelector(".inspector").contains(document.activeElement);
    state.clear();
    if (within) statements.querySelector(`[data-statement="${number}"]`)?.focus();
  }, { signal });
  return { state, graph: graph.graph, open: tabs.open };
}

function header(model, restyle, signal) {
  const facts = [
    counted(model.documents.length, "document"),
    counted(model.statements.length, "statement"),
    counted(model.nodes.length, "entity", "entities"),
  ];
  if (model.sources.length) facts.push(model.sources.map((name) => shortened(name, 60)).join(", "));
  return element("header", {},
    element("h1", {}, "tripack"),
    element("p", {}, facts.join(" · ")),
    model.left_out ? element("p", { class: "notice partial" }, `${counted(model.left_out, "statement")} of lower score are not in this file`) : null,
    themeButton(restyle, signal));
}

/** Light or dark: at first as the system says, then as the button says. */
function themeButton(restyle, signal) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const button = element("button", { type: "button", class: "plain theme", onclick: () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    update();
  } });
  const update = () => {
    button.textContent = isDark() ? "☀ Light" : "☾ Dark";
    restyle();
  };
  system.addEventListener("change", update, { signal });
  update();
  return button;
}

/** Tabs by the ARIA practices: one tab stop, arrow keys move between them. */
function makeTabs(panels) {
  const tabs = { onOpen: () => {} };
  const buttons = panels.map(([name, label, panel]) => {
    if (panel) Object.assign(panel, { id: `panel-${name}`, role: "tabpanel" });
    return element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => tabs.open(name) }, label);
  });
  tabs.open = (name) => {
    panels.forEach(([other, , panel], i) => {
      buttons[i].setAttribute("aria-selected", other === name);
      buttons[i].tabIndex = other === name ? 0 : -1;
      if (panel) panel.hidden = other !== name;
    });
    tabs.onOpen(name);
  };
  tabs.list = element("div", { role: "tablist", "aria-label": "Views", onkeydown: (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const usable = buttons.filter((button) => button.offsetWidth > 0);
    const to = usable[(usable.indexOf(document.activeElement) + step + usable.length) % usable.length];
    to.click();
    to.focus();
  } }, buttons);
  return tabs;
}

function legend(model) {
  return element("ul", { class: "legend", "aria-label": "Entity types" },
    model.types.slice(0, 10).map((type) => element("li", { class: colourClass(model, type) }, named(type, 30))),
    model.types.length > 10 ? element("li", { class: "type-other" }, `${model.types.length - 10} more`) : null);
}

/** The model of the data blocks that stand in this file. */
function modelOfPage() {
  const read = (name) => [...document.querySelectorAll(`script[data-tripack="${name}"]`)].map((block) => JSON.parse(block.textContent));
  const [graph] = read("graph");
  return graph ? modelOfGraph(graph) : modelOfDocuments(read("document"));
}

window.tripackView = { modelOfDocuments, modelOfGraph, showModel };
document.addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("tripack-view");
  if (root) window.tripackView.page = showModel(root, modelOfPage());
});

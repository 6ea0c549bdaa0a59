/* The list of statements: the whole content of the page without text or graph, by keyboard as well. */

const PAGE = 200; // statements listed at once

/** The words of a statement: subject, relation, object. */
function statementWords(model, statement) {
  const { subject, relation, object } = model.statements[statement];
  const end = (node) => element("span", { class: `end ${colourClass(model, model.nodes[node].type)}` },
    named(model.nodes[node].label));
  return [end(subject), " ", element("span", { class: "relation" }, named(relation)), " ", end(object)];
}

function qualifierWords({ label, value }) {
  return element("span", { class: "qualifier" }, named(label, 60), ": ", named(value, 60));
}

function scoreBadge(score) {
  return element("span", { class: "score", title: "Score: the probability that it is right" }, score.toFixed(2));
}

/** A button that chooses a statement. */
function statementButton(state, statement) {
  const { score, qualifiers } = state.model.statements[statement];
  return element(
    "button",
    { type: "button", class: "statement", "data-statement": statement, onclick: () => state.choose(statement) },
    element("span", { class: "fact" }, statementWords(state.model, statement)),
    scoreBadge(score),
    qualifiers.length ? element("span", { class: "qualifiers" }, qualifiers.map(qualifierWords)) : null,
  );
}

function makeStatements(state) {
  const { model } = state;
  const byScore = model.statements.map((_, number) => number)
    .sort((a, b) => model.statements[b].score - model.statements[a].score || a - b);
  const orders = { text: model.statements.map((_, number) => number), score: byScore };
  let order = "text";
  let listed = [];
  let limit = PAGE;

  const count = element("p", { class: "count", role: "status" });
  const list = element("ul", { class: "statements", "aria-label": "Statements", onkeydown: move });
  const more = element("button", { type: "button", class: "plain", onclick: () => show(limit + PAGE) });
  const sort = element("select", { "aria-label": "Order of statements", onchange: () => {
    order = sort.value;
    update();
  } }, element("option", { value: "text" }, "in order"), element("option", { value: "score" }, "by score"));

  function update() {
    listed = orders[order].filter((number) => state.shown[number]);
    count.textContent = listed.length === model.statements.length
      ? counted(listed.length, "statement")
      : `${listed.length.toLocaleString("en")} of ${counted(model.statements.length, "statement")}`;
    list.replaceChildren();
    show(PAGE);
  }

  function show(wanted) {
    limit = wanted;
    for (const number of listed.slice(list.childElementCount, limit)) {
      list.append(element("li", {}, statementButton(state, number)));
    }
    more.hidden = listed.length <= limit;
    more.textContent = `Show ${Math.min(PAGE, listed.length - limit)} more`;
    markChosen();
  }

  function markChosen() {
    list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    button(state.chosen?.statement)?.setAttribute("aria-current", "true");
  }

  const button = (number) => list.querySelector(`[data-statement="${number}"]`);

  function move(event) {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    if (to === buttons.length && !more.hidden) show(limit + PAGE);
    list.querySelectorAll("button")[Math.max(0, to)]?.focus();
  }

  state.listen((what) => {
    if (what === "filter") return update();
    const number = state.chosen?.statement;
    const place = number === undefined ? -1 : listed.indexOf(number);
    if (place >= limit) show(place + PAGE);
    markChosen();
    button(number)?.scrollIntoView({ block: "nearest" });
  });
  update();
  return element("div", { class: "list" }, element("div", { class: "list-head" }, count, sort), list, more);
}

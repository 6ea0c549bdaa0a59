/* What is known of the chosen statement or entity. */

const MOST_PLACES = 20; // sentences or statements shown of one choice at first

function makeInspector(state) {
  const panel = element("section", { class: "inspector", "aria-label": "Details", tabindex: "-1" });
  const update = () => {
    const { chosen, model } = state;
    panel.classList.toggle("empty", chosen === null);
    if (chosen === null) {
      panel.replaceChildren(element("p", { class: "hint" },
        model.statements.length ? "Choose a statement to see the sentence that states it." : "No statements were found."));
    } else {
      const close = element("button", { type: "button", class: "plain close", onclick: () => state.clear(), "aria-label": "Close details" }, "✕");
      panel.replaceChildren(close, ...(chosen.node === undefined ? ofStatement(state, chosen) : ofNode(state, chosen.node)));
      panel.scrollTop = 0;
    }
  };
  state.listen((what) => what === "choose" && update());
  update();
  return panel;
}

function ofStatement(state, { statement, evidence }) {
  const { model } = state;
  const { score, relation_id: id, qualifiers, evidence: places } = model.statements[statement];
  const details = element("dl", {}, described("Score", score.toFixed(2)),
    id ? described("Relation", named(id)) : null,
    ...qualifiers.map((q) => described(named(q.label), [named(q.value), " ", scoreBadge(q.score)])));
  return [
    element("h2", { class: "fact" }, statementWords(model, statement)),
    details.childElementCount ? details : null,
    element("h3", {}, places.length === 1 ? "Stated in" : `Stated in ${counted(places.length, "sentence")}`),
    ...inPortions(places.length, evidence, (number) => sentence(state, statement, number, number === evidence)),
  ].filter(Boolean);
}

function described(term, value) {
  return [element("dt", {}, term), element("dd", {}, value)];
}

/** The elements for numbers up to `total`: some at first, `first` among them, others on request. */
function inPortions(total, first, make) {
  const made = [];
  for (let number = 0; number < Math.min(total, Math.max(MOST_PLACES, first + 1)); number++) made.push(make(number));
  if (made.length === total) return made;
  const button = element("button", { type: "button", class: "plain", onclick: () => {
    const rest = [];
    for (let number = made.length; number < total; number++) rest.push(make(number));
    button.replaceWith(...rest);
  } }, `Show ${total - made.length} more`);
  return [...made, button];
}

/** A sentence with subject, object and values marked by their roles. */
function sentence(state, statement, evidence, current) {
  const { model } = state;
  const found = model.statements[statement].evidence[evidence];
  const passage = model.passages[found.passage];
  const marks = [
    { start: found.subject[0], end: found.subject[1], role: "subject" },
    { start: found.object[0], end: found.object[1], role: "object" },
    ...found.qualifiers.map(({ label, start, end }) => ({ start, end, role: "value", label })),
  ];
  const dress = ({ role, label }) =>
    element("mark", { class: role, "data-role": role === "value" ? shortened(label, 40) : role });
  return element("figure", { class: current ? "place current" : "place" },
    element("blockquote", { dir: "auto" }, markedText(passage.text, marks, dress)),
    element("figcaption", {}, named(model.documents[passage.document].id), " ", scoreBadge(found.score),
      current ? null : element("button", { type: "button", class: "plain", onclick: () => state.choose(statement, evidence) }, "Show in text")));
}

function ofNode(state, number) {
  const { label, type, literal, aliases, statements } = state.model.nodes[number];
  const kind = literal ? `Value, ${literal}` : type;
  return [
    element("h2", {}, element("span", { class: `end ${colourClass(state.model, type)}` }, named(label, 2000))),
    element("dl", {}, kind ? described("Type", named(kind)) : null,
      aliases.length ? described("Also written", named(aliases.join(", "), 2000)) : null),
    element("h3", {}, counted(statements.length, "statement")),
    ...inPortions(statements.length, 0, (at) => statementButton(state, statements[at])),
  ];
}

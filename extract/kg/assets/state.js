/* What is filtered and what is chosen, and who wants to know of a change. */

/** Listeners get "filter" when what is shown changed, "choose" when the choice changed. */
function makeState(model) {
  const listeners = [];
  const state = {
    model,
    hidden: new Set(), // names of relations
    minScore: 0,
    words: "",
    shown: model.statements.map(() => true),
    chosen: null, // {statement, evidence} or {node}
    listen: (listener) => listeners.push(listener),
    filter(changes) {
      Object.assign(state, changes);
      const wanted = state.words.toLowerCase().split(/\s+/).filter(Boolean);
      state.shown = model.statements.map((statement) => passes(state, statement, wanted));
      tell("filter");
    },
    choose(statement, evidence = 0) {
      state.chosen = { statement, evidence };
      tell("choose");
    },
    chooseNode(node) {
      state.chosen = { node };
      tell("choose");
    },
    clear() {
      if (state.chosen === null) return;
      state.chosen = null;
      tell("choose");
    },
  };
  const tell = (what) => listeners.forEach((listener) => listener(what));
  return state;
}

function passes(state, statement, wanted) {
  if (statement.score < state.minScore || state.hidden.has(statement.relation)) return false;
  return wanted.length === 0 || wanted.every((word) => said(state.model, statement).includes(word));
}

/** The statement as one searched text. */
function said(model, statement) {
  statement.said ??= [
    model.nodes[statement.subject].label,
    statement.relation,
    model.nodes[statement.object].label,
    ...statement.qualifiers.flatMap((qualifier) => [qualifier.label, qualifier.value]),
  ].join(" ").toLowerCase();
  return statement.said;
}

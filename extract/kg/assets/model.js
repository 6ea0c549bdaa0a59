/* From what tripack writes to what the page shows.
 *
 * A model has
 *   documents   {id, passages: [index, ...]}
 *   passages    {document, text, marks: [{start, end, type, node}], stated: [{statement, evidence}]}
 *   nodes       {label, type, aliases, statements: [index, ...]}
 *   statements  {subject, relation, object, score, qualifiers: [{label, value, node, score}],
 *                evidence: [{passage, score, subject: [start, end], object: [start, end],
 *                            qualifiers: [{label, start, end}]}]}
 *   types       entity types, most frequent first; relations: names and counts, likewise
 * with subject, object and node as indices of nodes. Offsets in the data count code points of a
 * document's text; offsets in a model count UTF-16 units of a passage's text, as JavaScript does.
 */

/** A function from code points to UTF-16 units of a text. */
function unitsOf(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (at) => at;
  const units = new Uint32Array(text.length + 1);
  let points = 0;
  let unit = 0;
  for (const character of text) {
    units[points++] = unit;
    unit += character.length;
  }
  units[points] = unit;
  return (at) => units[Math.min(at, points)];
}

function emptyModel() {
  return { documents: [], passages: [], nodes: [], statements: [], left_out: 0, sources: [] };
}

/** The model of documents in the form of tripack's JSON Lines. Mentions with one spelling and type
 * are one node; every triple is a statement with one place. */
function modelOfDocuments(documents) {
  const model = emptyModel();
  const nodes = new Map();
  for (const document of documents) addDocument(model, nodes, document);
  model.sources = [...new Set(documents.map((document) => document.model).filter(Boolean))];
  return indexed(model);
}

function addDocument(model, nodes, document) {
  const at = unitsOf(document.text);
  const span = (mention) => [at(mention.start), at(mention.end)];
  const extents = document.triples.map((triple) => extent(triple, span, at));
  const entities = document.entities.map((entity) => ({ entity, span: span(entity) }));
  const first = model.passages.length;
  const starts = [];
  for (const [start, end] of cut(document.text, extents, entities.map((found) => found.span))) {
    starts.push(start);
    model.passages.push(newPassage(model.documents.length, document.text.slice(start, end), start));
  }
  model.documents.push({ id: document.id, passages: starts.map((_, number) => first + number) });
  const passageAt = (unit) => first + lastNotAbove(starts, unit);
  const nodeOf = (mention) => nodeNamed(model, nodes, mention.text, mention.label);
  for (const { entity, span: [start, end] } of entities) {
    const passage = model.passages[passageAt(start)];
    mark(passage, start - passage.start, end - passage.start, entity.label, nodeOf(entity));
  }
  document.triples.forEach((triple, number) => {
    const passage = passageAt(extents[number][0]);
    addTriple(model, triple, passage, nodeOf, (mention) =>
      span(mention).map((unit) => Math.max(0, unit - model.passages[passage].start)));
  });
}

function addTriple(model, triple, passage, nodeOf, place) {
  const evidence = {
    passage,
    score: triple.score,
    subject: place(triple.subject),
    object: place(triple.object),
    qualifiers: triple.qualifiers.map(({ label, value }) => {
      const [start, end] = place(value);
      return { label, start, end };
    }),
  };
  for (const mention of [triple.subject, triple.object, ...triple.qualifiers.map((q) => q.value)]) {
    mark(model.passages[passage], ...place(mention), mention.label, nodeOf(mention));
  }
  model.statements.push({
    subject: nodeOf(triple.subject),
    relation: triple.relation,
    object: nodeOf(triple.object),
    score: triple.score,
    qualifiers: triple.qualifiers.map(({ label, value, score }) => ({
      label, value: value.text, node: nodeOf(value), score,
    })),
    evidence: [evidence],
  });
}

/** Marks a place once, whoever names it. */
function mark(passage, start, end, type, node) {
  const key = `${start} ${end} ${type}`;
  if (passage.known.has(key)) return;
  passage.known.add(key);
  passage.marks.push({ start, end, type, node });
}

function newPassage(document, text, start) {
  return { document, text, start, marks: [], stated: [], known: new Set() };
}

function nodeNamed(model, nodes, text, type) {
  const label = text.replace(/\s+/g, " ").trim();
  const key = `${type}\n${label.normalize("NFKC").toLowerCase()}`;
  if (!nodes.has(key)) {
    nodes.set(key, model.nodes.length);
    model.nodes.push({ label, type, aliases: [], statements: [] });
  }
  const node = model.nodes[nodes.get(key)];
  if (label !== node.label && !node.aliases.includes(label)) node.aliases.push(label);
  return nodes.get(key);
}

/** First and last unit of a triple: its sentence and all its mentions. */
function extent(triple, span, at) {
  const mentions = [triple.subject, triple.object, ...triple.qualifiers.map((q) => q.value)];
  const spans = mentions.map(span);
  if (triple.sentence) spans.push(triple.sentence.map(at));
  return [Math.min(...spans.map((s) => s[0])), Math.max(...spans.map((s) => s[1]))];
}

/** A text cut at line ends and at the borders of sentences with triples, but inside no whole. */
function cut(text, extents, entities) {
  const wholes = [...extents, ...entities].sort((a, b) => a[0] - b[0]);
  const borders = new Set([0, text.length, ...extents.flat()]);
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) borders.add(at + 1);
  const kept = [];
  let next = 0;
  let reach = 0; // the furthest end of the wholes that start before the border
  for (const border of [...borders].sort((a, b) => a - b)) {
    while (next < wholes.length && wholes[next][0] < border) reach = Math.max(reach, wholes[next++][1]);
    if (reach <= border) kept.push(border);
  }
  const passages = [];
  for (let i = 0; i + 1 < kept.length; i++) {
    const piece = text.slice(kept[i], kept[i + 1]);
    if (!piece.trim()) continue;
    const lead = piece.length - piece.trimStart().length;
    passages.push([kept[i] + lead, kept[i] + piece.trimEnd().length]);
  }
  return passages;
}

function lastNotAbove(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The model of a graph as `extract.kg.view` writes it. */
function modelOfGraph(graph) {
  const model = emptyModel();
  model.left_out = graph.left_out;
  model.sources = graph.models;
  model.nodes = graph.nodes.map((node) => ({ ...node, statements: [] }));
  const documents = new Map();
  model.passages = graph.passages.map(({ document, text }, number) => {
    if (!documents.has(document)) {
      documents.set(document, model.documents.length);
      model.documents.push({ id: document, passages: [] });
    }
    model.documents[documents.get(document)].passages.push(number);
    return newPassage(documents.get(document), text, 0);
  });
  const units = model.passages.map((passage) => unitsOf(passage.text));
  for (const statement of graph.statements) {
    const evidence = statement.evidence.map((found) => placed(found, units[found.passage]));
    for (const { passage, subject, object, qualifiers } of evidence) {
      for (const [span, node] of [[subject, statement.subject], [object, statement.object]]) {
        mark(model.passages[passage], ...span, model.nodes[node].type, node);
      }
      for (const { start, end, type } of qualifiers) mark(model.passages[passage], start, end, type, null);
    }
    model.statements.push({ ...statement, evidence });
  }
  return indexed(model);
}

function placed(found, at) {
  return {
    ...found,
    subject: found.subject.map(at),
    object: found.object.map(at),
    qualifiers: found.qualifiers.map((q) => ({ ...q, start: at(q.start), end: at(q.end) })),
  };
}

/** Adds what is looked up often: statements of nodes and of passages, counts of types and relations. */
function indexed(model) {
  model.statements.forEach((statement, number) => {
    for (const node of new Set([statement.subject, statement.object])) {
      model.nodes[node].statements.push(number);
    }
    statement.evidence.forEach((found, evidence) => {
      model.passages[found.passage].stated.push({ statement: number, evidence });
    });
  });
  model.types = tally(model.nodes.map((node) => node.type).filter(Boolean)).map(([type]) => type);
  model.relations = tally(model.statements.map((statement) => statement.relation));
  return model;
}

/** Names with their counts, the most frequent first, then by name. */
function tally(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

/* Relations as arcs above the words of one passage.
 *
 * An arc between words on one line is a bracket above that line. One between two lines leaves the first
 * to the margin and comes in from the margin on the second. Brackets that would touch are stacked; the
 * space that they need above each line is made before they are drawn. */

const STEP = 20; // pixels from one bracket to the next above it
const TEXT_LINE = 30; // height of a line without brackets
const MOST_LEVELS = 6;

/** What the arcs of a passage depend on, apart from the width. */
function arcsKey(state, number) {
  const { statement, evidence } = state.chosen ?? {};
  return shownFacts(state, number)
    .map((fact) => `${fact.statement}${fact.statement === statement && fact.evidence === evidence ? "*" : ""}`)
    .join(" ");
}

/** The facts of a passage that pass the filters, the chosen one first. */
function shownFacts(state, number) {
  const isChosen = (fact) => fact.statement === state.chosen?.statement;
  return state.model.passages[number].stated
    .filter((fact) => state.shown[fact.statement])
    .sort((a, b) => isChosen(b) - isChosen(a));
}

function drawArcs(block, state, number) {
  const words = block.firstChild;
  block.querySelectorAll("svg, .more").forEach((old) => old.remove());
  makeRoom(words, []);
  const arcs = shownFacts(state, number).flatMap((fact) => arcsOf(state, fact));
  if (arcs.length === 0) return;
  const segments = segmentsOf(block, words, arcs);
  const tooHigh = stack(segments);
  makeRoom(words, segments);
  for (const segment of segments) moveLabel(segment, segments);
  paint(block, words, segments.filter((segment) => segment.level < MOST_LEVELS), state);
  if (tooHigh) {
    block.append(element("p", { class: "more" },
      `${counted(tooHigh, "arc")} not drawn: choose a statement to see its own.`));
  }
}

/** The arc of a fact from subject to object, and one from the object to the value of each qualifier. */
function arcsOf(state, { statement, evidence }) {
  const { relation, score, evidence: all } = state.model.statements[statement];
  const { subject, object, qualifiers } = all[evidence];
  const chosen = state.chosen?.statement === statement && state.chosen.evidence === evidence;
  const base = { statement, evidence, chosen };
  return [
    { ...base, from: subject, to: object, label: relation, score, kind: "relation" },
    ...qualifiers.map(({ label, start, end }) => (
      { ...base, from: object, to: [start, end], label, score: null, kind: "qualifier" })),
  ];
}

/** Where the first line of each mentioned place stands: x, width and middle, within the passage. */
function anchorsOf(block, spans) {
  const origin = block.getBoundingClientRect();
  const anchors = new Map();
  for (const span of spans) {
    const rect = block.querySelector(`[data-span="${span}"]`)?.getClientRects()[0];
    if (!rect) continue;
    anchors.set(span, {
      left: rect.left - origin.left,
      width: rect.width,
      middle: rect.top + rect.height / 2 - origin.top,
      top: rect.top - origin.top,
    });
  }
  return anchors;
}

/** The brackets of all arcs, each on one line, with the marks that they start or end at. */
function segmentsOf(block, words, arcs) {
  const spans = new Set(arcs.flatMap((arc) => [arc.from.join("-"), arc.to.join("-")]));
  const anchors = anchorsOf(block, spans);
  const lineOf = (anchor) => Math.floor((anchor.middle - words.offsetTop) / TEXT_LINE);
  const ports = portsOf(arcs, anchors);
  const leftwards = getComputedStyle(block).direction === "rtl";
  const margins = [words.offsetLeft, words.offsetLeft + words.clientWidth];
  const segments = [];
  for (const arc of arcs) {
    const [from, to] = [arc.from.join("-"), arc.to.join("-")];
    if (!anchors.has(from) || !anchors.has(to)) continue;
    const [first, last] = [lineOf(anchors.get(from)), lineOf(anchors.get(to))];
    const [x1, x2] = [ports.get(arc).from, ports.get(arc).to];
    if (first === last) {
      segments.push({ arc, line: first, x1, x2, from, to });
    } else {
      const out = margins[(last > first) !== leftwards ? 1 : 0];
      const back = margins[(last > first) !== leftwards ? 0 : 1];
      segments.push({ arc, line: first, x1, x2: out, from, to: null });
      segments.push({ arc, line: last, x1: back, x2, from: null, to });
    }
  }
  for (const segment of segments) placeLabel(segment, margins);
  return segments;
}

/** Where on its marks each arc starts and ends: side by side, so that arcs of one mark stay apart. */
function portsOf(arcs, anchors) {
  const ends = new Map();
  const ports = new Map(arcs.map((arc) => [arc, {}]));
  for (const arc of arcs) {
    for (const [side, other] of [["from", "to"], ["to", "from"]]) {
      const own = arc[side].join("-");
      const towards = anchors.get(arc[other].join("-"))?.left ?? 0;
      if (!ends.has(own)) ends.set(own, []);
      ends.get(own).push({ arc, side, towards });
    }
  }
  for (const [span, list] of ends) {
    const anchor = anchors.get(span);
    if (!anchor) continue;
    list.sort((a, b) => a.towards - b.towards);
    const gap = Math.min(12, anchor.width / (list.length + 1));
    list.forEach(({ arc, side }, i) => {
      ports.get(arc)[side] = anchor.left + anchor.width / 2 + (i - (list.length - 1) / 2) * gap;
    });
  }
  return ports;
}

const measure = document.createElement("canvas").getContext("2d");

function placeLabel(segment, [left, right]) {
  const { arc, x1, x2 } = segment;
  // A label much wider than its bracket would cover the legs of others; the whole name is in its title.
  segment.label = shortened(arc.label, Math.max(24, Math.min(60, Math.floor(Math.abs(x2 - x1) / 7))));
  segment.scoreText = arc.score === null ? "" : ` ${arc.score.toFixed(2)}`;
  measure.font = "12px system-ui, sans-serif";
  segment.width = measure.measureText(segment.label + segment.scoreText).width + 10;
  const middle = (x1 + x2) / 2;
  segment.middle = Math.max(left + segment.width / 2, Math.min(right - segment.width / 2, middle));
  segment.start = Math.min(x1, x2, segment.middle - segment.width / 2) - 3;
  segment.end = Math.max(x1, x2, segment.middle + segment.width / 2) + 3;
}

/** Gives each bracket the lowest free level on its line, short ones first; the number of arcs too high. */
function stack(segments) {
  const taken = new Map();
  const order = [...segments].sort((a, b) =>
    b.arc.chosen - a.arc.chosen || (a.end - a.start) - (b.end - b.start));
  for (const segment of order) {
    if (!taken.has(segment.line)) taken.set(segment.line, []);
    const line = taken.get(segment.line);
    segment.level = 0;
    const clashes = (other) =>
      other.level === segment.level && other.start < segment.end && segment.start < other.end;
    while (line.some(clashes)) segment.level += 1;
    line.push(segment);
  }
  return new Set(segments.filter((s) => s.level >= MOST_LEVELS).map((s) => s.arc)).size;
}

/** Makes lines as high as the highest stack above them needs; the first line by a padding of its own. */
function makeRoom(words, segments) {
  const need = (of) => of.reduce((most, s) => Math.max(most, Math.min(s.level + 1, MOST_LEVELS) * STEP + 4), 0);
  const first = need(segments.filter((segment) => segment.line === 0));
  const rest = need(segments.filter((segment) => segment.line > 0));
  words.style.lineHeight = `${TEXT_LINE + rest}px`;
  words.style.paddingTop = `${Math.max(0, first - rest / 2)}px`;
  words.style.marginBottom = `${-rest / 2}px`; // half of a line's height is below it, for the next line
}

/** Moves a label along its bracket to where no leg of a higher bracket comes down on it, if it can. */
function moveLabel(segment, segments) {
  const { x1, x2, width, middle } = segment;
  const above = segments.filter((other) => other.line === segment.line && other.level > segment.level);
  const legs = above.flatMap((other) => [other.from && other.x1, other.to && other.x2]).filter(Boolean);
  const [low, high] = [Math.min(x1, x2), Math.max(x1, x2)];
  const stops = [low, ...legs.filter((x) => x > low && x < high), high].sort((a, b) => a - b);
  let best = Infinity;
  for (let i = 0; i + 1 < stops.length; i++) {
    if (stops[i + 1] - stops[i] < width + 4) continue;
    const at = Math.max(stops[i] + width / 2 + 2, Math.min(stops[i + 1] - width / 2 - 2, middle));
    if (Math.abs(at - middle) >= best) continue;
    best = Math.abs(at - middle);
    segment.middle = at;
  }
}

function paint(block, words, segments, state) {
  const spans = new Set(segments.flatMap((segment) => [segment.from, segment.to]).filter(Boolean));
  const anchors = anchorsOf(block, spans);
  const svg = svgElement("svg", { class: "arcs", "aria-hidden": "true" });
  // Higher brackets first, so that their legs pass behind the labels below them; tips before all.
  const order = [...segments].sort((a, b) => b.level - a.level);
  for (const segment of order) svg.append(painted(segment, anchors, state));
  for (const { arc, to, x2 } of order) {
    if (!to) continue;
    svg.append(svgElement("path", { d: `M${x2},${anchors.get(to).top} l-4,-7 h8 z`, class: arc.chosen ? "tip chosen" : "tip" }));
  }
  block.append(svg);
}

function painted({ arc, from, to, x1, x2, level, middle, width, label, scoreText }, anchors, state) {
  const line = (anchors.get(from) ?? anchors.get(to)).middle - TEXT_LINE / 2;
  const y = Math.round(line - level * STEP - 10) + 0.5;
  const group = svgElement("g", { class: `arc ${arc.kind}${arc.chosen ? " chosen" : ""}`, "data-statement": arc.statement });
  const turn = (x, towards) => x + Math.sign(towards - x) * Math.min(6, Math.abs(towards - x) / 2);
  const start = from ? `M${x1},${anchors.get(from).top} V${y + 6} Q${x1},${y} ${turn(x1, x2)},${y}` : `M${x1},${y}`;
  const end = to ? `H${turn(x2, x1)} Q${x2},${y} ${x2},${y + 6} V${anchors.get(to).top - 4}` : `H${x2}`;
  group.append(svgElement("path", { d: `${start} ${end}`, class: "line" }));
  group.append(svgElement("rect", { x: middle - width / 2, y: y - 9, width, height: 18, rx: 4 }));
  const text = svgElement("text", { x: middle, y: y + 4, "text-anchor": "middle" }, label);
  group.append(svgElement("title", {}, shortened(arc.label, 1000)));
  if (scoreText) text.append(svgElement("tspan", { class: "score" }, scoreText));
  group.append(text);
  group.addEventListener("click", (event) => {
    event.stopPropagation();
    state.choose(arc.statement, arc.evidence);
  });
  return group;
}

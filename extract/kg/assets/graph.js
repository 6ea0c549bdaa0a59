/* The graph: statements with one subject, relation and object are one edge. Drawn by Cytoscape.js. */

const MOST_NODES = [250, 1000, 5000];
const LEGIBLE = 0.9; // zoom at which labels can be read
const PORTION = 1000; // nodes and edges added or hidden before the page gets its turn
const MANY = 1000; // nodes from which on drawing is kept cheap

/** The panel of the graph, which is gone for good once `signal` says so. */
function makeGraph(state, signal) {
  const { model } = state;
  const canvas = element("div", {
    class: "canvas", role: "application", tabindex: "0",
    "aria-label": "Graph. Arrow keys move it, plus and minus zoom, 0 shows all of it. The list of statements has the same content.",
    onkeydown: steer,
  });
  const notice = element("p", { class: "notice", role: "status" });
  const busy = element("p", { class: "busy" }, "Arranging");
  const most = element("select", { "aria-label": "Nodes shown at most", onchange: () => refresh() },
    MOST_NODES.map((n) => element("option", { value: n, selected: n === MOST_NODES.at(-1) }, `at most ${n.toLocaleString("en")} nodes`)));
  const press = (name, sign, act) => element("button", { type: "button", class: "plain", "aria-label": name, title: name, onclick: act }, sign);
  const panel = element("div", { class: "graph" },
    element("div", { class: "graph-tools" }, notice,
      model.nodes.length > MOST_NODES[0] ? most : null,
      press("Zoom in", "+", () => zoom(1.3)), press("Zoom out", "−", () => zoom(1 / 1.3)), press("Show all", "⤢", () => cy && fit())),
    busy, canvas);

  let cy = null;
  let tapped = false;
  let latest = null;
  const edges = edgesOf(model);
  const edgeOf = new Map(edges.flatMap((edge, at) => edge.statements.map((number) => [number, at])));

  /** Draws what is to be seen. Called when the panel has become visible and when the filters change. */
  async function refresh() {
    if (panel.clientWidth === 0) return; // hidden: drawn when it is opened
    cy ??= start();
    const run = (latest = {});
    const isWanted = () => run === latest; // until the filters change
    const { drawn, nodes, left } = bestEdges(edges, state, Number(most.value));
    tell(nodes.size, drawn.size, left);
    if (!(await hide(drawn, nodes, isWanted))) return;
    if ([...nodes].some((node) => cy.getElementById(`n${node}`).empty())) {
      panel.setAttribute("aria-busy", "true");
      const places = await layOut(startOf(nodes), linksOf(drawn, nodes.size > MANY), isWanted, (share) => {
        busy.textContent = `Arranging ${counted(nodes.size, "node")}: ${Math.round(100 * share)} %`;
      });
      if (places === null) return;
      cy.batch(() => cy.nodes().forEach((node) => void node.position(places.get(numberOf(node)) ?? node.position())));
      fit([...places.values()]);
      if (!(await add([...nodes].map((node) => nodeElement(model, node, places.get(node))), isWanted))) return;
    }
    if (!(await add([...drawn].map((at) => edgeElement(edges[at], at)), isWanted))) return;
    panel.removeAttribute("aria-busy");
    showChosen();
  }

  function start() {
    const made = cytoscape({
      container: canvas,
      style: graphStyle(canvas, model.nodes.length > MANY),
      layout: { name: "preset" },
      pixelRatio: model.nodes.length > MANY ? 1 : "auto",
      hideEdgesOnViewport: model.nodes.length > MANY,
      textureOnViewport: model.nodes.length > MANY,
      minZoom: 0.02,
      maxZoom: 4,
      boxSelectionEnabled: false,
    });
    const here = (act) => {
      tapped = true; // what is chosen here stays where it is
      act();
      tapped = false;
    };
    made.on("tap", "node", (event) => here(() => state.chooseNode(numberOf(event.target))));
    made.on("tap", "edge", (event) => here(() => {
      const edge = edges[numberOf(event.target)];
      state.choose(edge.statements.find((number) => state.shown[number]));
    }));
    made.on("tap", (event) => event.target === made && state.clear());
    return made;
  }

  /** Hides and shows what changed, in portions; whether it was wanted to the end.
   *
   * By a style of each element's own: for a class Cytoscape goes through all styles again. */
  function hide(drawn, nodes, isWanted) {
    const isOut = (one) => !(one.isNode() ? nodes : drawn).has(numberOf(one));
    const changed = cy.elements().filter((one) => isHidden(one) !== isOut(one));
    return turnByTurn(changed, isWanted, (some) => cy.batch(() => {
      some.filter((one) => isOut(one)).style("display", "none");
      some.filter((one) => !isOut(one)).removeStyle("display");
    }));
  }

  /** Where nodes are, those not drawn yet on a spiral. */
  function startOf(nodes) {
    return [...nodes].map((id, turn) => {
      const known = cy.getElementById(`n${id}`);
      const far = 14 * Math.sqrt(turn);
      return known.empty()
        ? { id, x: far * Math.cos(2.4 * turn), y: far * Math.sin(2.4 * turn) }
        : { id, ...known.position() };
    });
  }

  function linksOf(drawn, many) {
    return [...drawn].map((at) => {
      const { subject, relation, object } = edges[at];
      // Long enough to write the relation on, where there is the room.
      const length = many ? 60 : Math.max(120, Math.min(260, 70 + 5.5 * relation.length));
      return { source: subject, target: object, length };
    });
  }

  /** Adds those elements that are missing, in portions; whether they were wanted to the end. */
  async function add(elements, isWanted) {
    const missing = elements.filter(({ data }) => cy.getElementById(data.id).empty());
    return turnByTurn(missing, isWanted, (some) => cy.add(some));
  }

  /** Shows all nodes. By their places alone: Cytoscape's own fit measures every label, which takes long. */
  function fit(places = cy.nodes().filter((node) => !isHidden(node)).map((node) => node.position())) {
    if (places.length === 0) return;
    const span = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const [left, right] = span(places.map((place) => place.x));
    const [top, bottom] = span(places.map((place) => place.y));
    const { clientWidth: width, clientHeight: height } = canvas;
    const zoom = Math.min(1.5, width / (right - left + 160), height / (bottom - top + 100));
    cy.viewport({ zoom, pan: { x: (width - zoom * (left + right)) / 2, y: (height - zoom * (top + bottom)) / 2 } });
  }

  function tell(nodes, drawn, left) {
    const parts = [`${counted(nodes, "node")}, ${counted(drawn, "edge")}`];
    if (left) parts.push(`${counted(left, "edge")} of lower score not drawn`);
    notice.textContent = parts.join("; ");
    notice.classList.toggle("partial", left > 0);
  }

  function showChosen() {
    if (!cy) return;
    cy.elements(".chosen").removeClass("chosen");
    const { statement, node } = state.chosen ?? {};
    const found = node !== undefined ? cy.getElementById(`n${node}`)
      : statement !== undefined ? cy.getElementById(`e${edgeOf.get(statement)}`) : cy.collection();
    if (found.empty()) return;
    const all = found.union(found.connectedNodes?.() ?? []);
    all.addClass("chosen");
    if (tapped) return;
    if (cy.zoom() < LEGIBLE) cy.zoom(LEGIBLE);
    cy.center(all);
  }

  function zoom(factor) {
    cy?.zoom({ level: cy.zoom() * factor, renderedPosition: { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 } });
  }

  function steer(event) {
    const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (pan) cy?.panBy({ x: pan[0], y: pan[1] });
    else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  }

  state.listen((what) => (what === "filter" ? refresh() : showChosen()));
  const restyle = () => cy?.style(graphStyle(canvas, model.nodes.length > MANY));
  const sizes = new ResizeObserver(settled(() => cy?.resize(), 100));
  sizes.observe(canvas);
  signal.addEventListener("abort", () => {
    latest = null; // what is being arranged is wanted no more
    sizes.disconnect();
    cy?.destroy(); // it listens to the window
    cy = null;
  });
  return { panel, refresh, restyle, graph: () => cy };
}

/** Does `act` to portions of `all`, with the page's turn after each; whether it was wanted to the end. */
async function turnByTurn(all, isWanted, act) {
  for (let at = 0; at < all.length; at += PORTION) {
    act(all.slice(at, at + PORTION));
    await pause();
    if (!isWanted()) return false;
  }
  return true;
}

function isHidden(drawn) {
  return drawn.style("display") === "none";
}

/** The number that the id of a drawn node or edge carries. */
function numberOf(drawn) {
  return Number(drawn.id().slice(1));
}

/** Subject, relation and object of edges, with the statements that each stands for. */
function edgesOf(model) {
  const edges = new Map();
  model.statements.forEach(({ subject, relation, object, score }, number) => {
    const key = `${subject}\n${object}\n${relation}`;
    if (!edges.has(key)) edges.set(key, { subject, relation, object, statements: [] });
    edges.get(key).statements.push(number);
  });
  return [...edges.values()];
}

/** The shown edges of the best scores, as long as their ends are at most `limit` nodes. */
function bestEdges(edges, state, limit) {
  const scored = [];
  edges.forEach(({ statements }, at) => {
    const shown = statements.filter((number) => state.shown[number]);
    if (shown.length) scored.push([Math.max(...shown.map((number) => state.model.statements[number].score)), at]);
  });
  scored.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  const [drawn, nodes] = [new Set(), new Set()];
  for (const [, at] of scored) {
    const { subject, object } = edges[at];
    const more = new Set([subject, object].filter((node) => !nodes.has(node))).size;
    if (nodes.size + more > limit) continue;
    nodes.add(subject).add(object);
    drawn.add(at);
  }
  return { drawn, nodes, left: scored.length - drawn.size };
}

function nodeElement(model, number, position) {
  const { label, type, literal, statements } = model.nodes[number];
  return {
    group: "nodes",
    data: { id: `n${number}`, label: shortened(label, 40), size: Math.min(64, 18 + 5 * Math.sqrt(statements.length)) },
    position: { ...position },
    classes: `${colourClass(model, type)}${literal ? " literal" : ""}`,
  };
}

function edgeElement({ subject, relation, object }, at) {
  return { group: "edges", data: { id: `e${at}`, source: `n${subject}`, target: `n${object}`, label: shortened(relation, 40) } };
}

/** The style of nodes and edges, in the colours that the page has at this moment. */
function graphStyle(within, many) {
  const colour = (name) => computedColour(within, name);
  const [ink, soft, line, surface, accent] = ["--ink", "--soft", "--line-strong", "--surface", "--accent"].map(colour);
  const label = { label: "data(label)", color: ink, "font-family": "system-ui, sans-serif", "min-zoomed-font-size": 8,
    "text-outline-color": surface, "text-outline-width": 2 };
  return [
    { selector: "node", style: { ...label, width: "data(size)", height: "data(size)", "font-size": 13, "border-width": 1.5, "border-color": surface, "text-valign": "bottom", "text-margin-y": 4 } },
    { selector: "edge", style: { ...label, color: soft, "font-size": 11, width: many ? 1 : 1.5, "line-color": line, "target-arrow-color": line,
      "target-arrow-shape": "triangle", "arrow-scale": 0.9, "curve-style": many ? "straight" : "bezier", "control-point-step-size": 55, "text-rotation": "autorotate",
      "text-outline-width": 0, "text-background-color": surface, "text-background-opacity": 0.85 } },
    ...["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "other"].map((name) => (
      { selector: `.type-${name}`, style: { "background-color": colour(`--edge-${name}`) } })),
    { selector: ".literal", style: { shape: "round-rectangle" } },
    { selector: "edge.chosen", style: { "line-color": accent, "target-arrow-color": accent, color: accent, width: 3, "z-index": 9, "min-zoomed-font-size": 0 } },
    { selector: "node.chosen", style: { "border-color": accent, "border-width": 4, "z-index": 9, "min-zoomed-font-size": 0 } },
  ];
}

function computedColour(within, name) {
  const probe = element("span");
  probe.style.color = `var(${name})`;
  within.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/* The text: sentences with their entities marked, and arcs drawn once a sentence comes into view. */

/** A text with marks, which may nest and cross. `dress(mark)` gives the element of a mark; a mark that
 * crosses another is several elements, of which the last has the class "last". */
function markedText(text, marks, dress) {
  const root = document.createDocumentFragment();
  const open = []; // marks around the place that has been reached, outermost first
  let reached = 0;
  const write = (end) => {
    if (end > reached) (open.at(-1)?.element ?? root).append(text.slice(reached, end));
    reached = Math.max(reached, end);
  };
  const start = (mark) => {
    const made = dress(mark);
    (open.at(-1)?.element ?? root).append(made);
    open.push({ mark, element: made });
  };
  const closeUpTo = (limit) => {
    while (open.length) {
      const end = Math.min(...open.map((piece) => piece.mark.end));
      if (end > limit) return;
      write(end);
      for (const { mark, element: made } of open.splice(open.findIndex((piece) => piece.mark.end === end))) {
        if (mark.end > end) start(mark);
        else made.classList.add("last");
      }
    }
  };
  const order = [...marks].sort((a, b) => a.start - b.start || b.end - a.end);
  for (const mark of order) {
    closeUpTo(mark.start);
    write(mark.start);
    start(mark);
  }
  closeUpTo(Infinity);
  write(text.length);
  return root;
}

/** The class that gives a type its colour; ten have one of their own. */
function colourClass(model, type) {
  const number = model.types.indexOf(type);
  return number < 0 || number > 9 ? "type-other" : `type-${number}`;
}

function makeText(container, state) {
  const { model } = state;
  const blocks = new Map(); // passage to its element
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) fill(Number(entry.target.dataset.passage));
    }
  }, { root: container, rootMargin: "300px" });

  for (const { id, passages } of model.documents) {
    const section = element("section", { class: "document", "aria-label": `Document ${shortened(id, 120)}` });
    if (model.documents.length > 1 || passages.length === 0) section.append(element("h3", {}, named(id)));
    for (const number of passages) {
      const words = element("div", { class: "words" }, model.passages[number].text);
      const block = element("div", { class: "passage", "data-passage": number, dir: "auto" }, words);
      blocks.set(number, block);
      section.append(block);
      seen.observe(block);
    }
    if (passages.length === 0) section.append(element("p", { class: "hint" }, "No text."));
    container.append(section);
  }

  const filled = new Set();
  function fill(number) {
    if (!filled.has(number)) {
      filled.add(number);
      const { text, marks } = model.passages[number];
      blocks.get(number).firstChild.replaceChildren(markedText(text, marks, dress));
    }
    draw(number);
  }

  function dress({ start, end, type, node }) {
    return element("mark", {
      class: `entity ${colourClass(model, type)}`,
      "data-type": type ?? "",
      "data-span": `${start}-${end}`,
      onclick: (event) => {
        event.stopPropagation();
        if (node !== null) state.chooseNode(node);
      },
    });
  }

  const drawn = new Map(); // passage to what its arcs were drawn for
  function draw(number) {
    const wanted = `${container.clientWidth} ${arcsKey(state, number)}`;
    if (drawn.get(number) === wanted || container.clientWidth === 0) return;
    drawn.set(number, wanted);
    drawArcs(blocks.get(number), state, number);
  }

  const drawAll = () => {
    for (const number of filled) if (isNear(blocks.get(number), container)) draw(number);
  };
  // A sentence far from view is drawn again when it comes near.
  container.addEventListener("scroll", settled(drawAll, 80), { passive: true });
  new ResizeObserver(settled(drawAll, 80)).observe(container);

  state.listen((what) => {
    if (what === "choose") showChosen();
    drawAll();
  });

  function showChosen() {
    for (const old of container.querySelectorAll(".passage.chosen, .entity.subject, .entity.object, .entity.value")) {
      old.classList.remove("chosen", "subject", "object", "value");
    }
    if (state.chosen?.statement === undefined) return;
    const { statement, evidence } = state.chosen;
    const found = model.statements[statement].evidence[evidence];
    fill(found.passage);
    const block = blocks.get(found.passage);
    block.classList.add("chosen");
    const emphasise = (span, role) => {
      for (const made of block.querySelectorAll(`[data-span="${span.join("-")}"]`)) made.classList.add(role);
    };
    found.qualifiers.forEach(({ start, end }) => emphasise([start, end], "value"));
    emphasise(found.subject, "subject");
    emphasise(found.object, "object");
    keepInView(block, 5);
  }

  /** Scrolls to a sentence, and again in the next frames, since those around it grow by their arcs. */
  function keepInView(block, frames) {
    const view = container.getBoundingClientRect();
    const own = block.getBoundingClientRect();
    if (own.top < view.top || own.bottom > view.bottom) block.scrollIntoView({ block: "center" });
    if (frames > 0) requestAnimationFrame(() => keepInView(block, frames - 1));
  }

  return { redraw: drawAll, showChosen };
}

function isNear(block, container) {
  const view = container.getBoundingClientRect();
  const own = block.getBoundingClientRect();
  return own.bottom > view.top - 300 && own.top < view.bottom + 300;
}

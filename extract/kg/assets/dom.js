/* Elements made from data. Text is only ever set as text, so no data can become markup. */

/** An element; attributes named on… listen, true is an attribute without a value, false and null none. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child != null));
  return made;
}

/** An SVG element; the arcs are drawn with it. */
function svgElement(tag, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}

/** The first `most` characters of a text, never half of one. */
function shortened(text, most) {
  if (text.length <= most) return text;
  const cut = text.slice(0, most);
  return (/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut) + "…";
}

/** A name of foreign origin, cut to a length and kept from reordering the text around it. */
function named(text, most = 120) {
  return element("bdi", text.length > most ? { title: shortened(text, 1000) } : {}, shortened(text, most));
}

/** "1 statement", "1,200 statements". */
function counted(number, one, many = one + "s") {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** Calls `act` once, `wait` milliseconds after the last of several calls. */
function settled(act, wait) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

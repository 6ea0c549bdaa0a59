/* The server's page: sends the text to /extract and hands the answer to the view. */
(() => {
"use strict";
const EXAMPLE = "Marie Curie was born in Warsaw on 7 November 1867. She studied physics at the University of Paris " +
  "from 1891 to 1894. In 1911, Marie Curie received the Nobel Prize in Chemistry. Her daughter Irène Joliot-Curie " +
  "received the Nobel Prize in Chemistry in 1935 together with her husband Frédéric Joliot-Curie.";

document.addEventListener("DOMContentLoaded", () => {
  const at = (id) => document.getElementById(id);
  const form = at("ask");
  const [text, threshold, key, button, said] = ["text", "threshold", "key", "extract", "said"].map(at);
  key.parentElement.hidden = form.dataset.needsKey !== "true";

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    extract();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  at("example").addEventListener("click", () => {
    text.value = EXAMPLE;
    form.requestSubmit();
  });

  /** Says one line; faults are said in another colour. */
  function say(line, fault = false) {
    said.textContent = line;
    said.classList.toggle("fault", fault);
  }

  async function extract() {
    if (button.disabled) return;
    const chars = [...text.value].length;
    const most = Number(form.dataset.maxChars);
    if (!text.value.trim()) return say("The text is empty.", true);
    if (chars > most) return say(`The text has ${chars.toLocaleString("en")} characters, at most ${most.toLocaleString("en")} are read.`, true);
    button.disabled = true;
    say("Reading …");
    const started = performance.now();
    try {
      const answer = await ask();
      if (answer.ok) show(await answer.json(), performance.now() - started);
      else say(await fault(answer), true);
    } catch {
      say("The server cannot be reached.", true);
    } finally {
      button.disabled = false;
    }
  }

  function ask() {
    const body = { text: text.value };
    if (threshold.value !== "") body.threshold = Number(threshold.value);
    const headers = { "content-type": "application/json" };
    if (key.value) headers["x-api-key"] = key.value;
    return fetch("/extract", { method: "POST", headers, body: JSON.stringify(body) });
  }

  async function fault(answer) {
    const { detail } = await answer.json().catch(() => ({ detail: answer.statusText }));
    const again = answer.headers.get("retry-after");
    return again ? `${detail} Try again in ${again} s.` : detail;
  }

  function show(found, milliseconds) {
    document.body.classList.remove("empty");
    window.tripackView.page = window.tripackView.showModel(at("found"), window.tripackView.modelOfDocuments([found]));
    const facts = found.triples.length === 1 ? "1 statement" : `${found.triples.length} statements`;
    say(`${facts} in ${(milliseconds / 1000).toFixed(2)} s`);
  }
});
})();

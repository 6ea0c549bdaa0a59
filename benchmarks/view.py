"""How the page of a graph holds up as the graph grows, in headless Chromium.

    python -m benchmarks.view --output benchmarks/results/view.json [--nodes 100 1000 5000]

For each number of nodes: the size of the page; seconds until a statement is chosen and until the graph is
drawn; the longest time in which the page did not answer meanwhile; the time that a filter takes; and the
time between frames while the graph is dragged. Graphs are made up:
1.5 statements a node, every other one at a node that has many. Each figure is the median of the rounds, the
longest block the greatest. `cpu_seconds_to_graph` is what the page's main thread computed meanwhile, the one
figure that hardly depends on what else the machine did; how much that was, `load_average` says. Needs
Chromium and the `test` extra.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.chromium import browser, chromium
from extract.kg.structures import Fact, Graph, Mention, Node, Statement
from extract.kg.view import graph_page
from extract.versions import environment

if TYPE_CHECKING:
    from playwright.sync_api import Page

_TYPES = ["PER", "ORG", "LOC", "TIME", "MISC"]
_RELATIONS = [f"relation {number}" for number in range(40)]

# Kept in the page: the longest task so far, as Chromium reports tasks of 50 ms and more.
_WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask", buffered: true });
"""
_FRAMES = """() => {
  window.frames_at = [];
  const frame = (now) => {
    window.frames_at.push(now);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
# From the filter to the second frame after it: the first is the one in which it is drawn.
_FILTER = """() => new Promise((done) => {
  const start = performance.now();
  window.tripackView.page.state.filter({ minScore: 0.5 });
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def make_graph(n_nodes: int, seed: int = 0) -> Graph:
    """A made-up graph of connected nodes, 1.5 statements a node, some nodes with many."""
    draw = random.Random(seed)
    names = [f"Entity {number}" for number in range(n_nodes)]
    nodes = {
        f"n{number}": Node(f"n{number}", name, draw.choice(_TYPES), (), (f"n{number}",), ())
        for number, name in enumerate(names)
    }
    statements = {}
    for number in range(n_nodes * 3 // 2):
        subject = number % (n_nodes - 1) + 1  # each node but the first is a subject
        other = int(subject * draw.random() ** (3 if number % 2 else 1))
        made = _statement(f"s{number}", subject, other, names, draw)
        statements[made.id] = made
    return Graph(nodes, statements)


def _statement(
    id: str, subject: int, other: int, names: Sequence[str], draw: random.Random
) -> Statement:
    relation, score = draw.choice(_RELATIONS), draw.random()
    text = f"{names[subject]} has {relation} to {names[other]}, as this sentence says."
    start = text.index(names[other], len(names[subject]))
    ends = (
        Mention(id, 0, len(names[subject]), names[subject], "PER"),
        Mention(id, start, start + len(names[other]), names[other], "PER"),
    )
    fact = Fact(ends[0], relation, None, ends[1], (), score, (0, len(text)), text, "made up")
    return Statement(id, f"n{subject}", relation, None, f"n{other}", (), score, (fact,))


def measure(page: Page, address: str) -> dict[str, float]:
    """One round: seconds and, for frames and blocks, milliseconds."""
    page.add_init_script(_WATCH)
    started = time.perf_counter()
    page.goto(address)
    page.locator(".statement").first.click()
    page.locator(".inspector blockquote").wait_for()
    found = {"seconds_to_statement": time.perf_counter() - started}
    computed = _computed(page)
    started = time.perf_counter()
    page.click("#tab-graph")
    page.locator(".graph:not([aria-busy])").wait_for(timeout=120_000)
    found["seconds_to_graph"] = time.perf_counter() - started
    found["cpu_seconds_to_graph"] = computed()
    found["longest_block_ms"] = page.evaluate("window.longest")
    frames = _frames_of_a_drag(page)
    found["frame_ms"] = statistics.median(frames)
    found["frame_p95_ms"] = sorted(frames)[int(0.95 * len(frames))]
    found["filter_ms"] = page.evaluate(_FILTER)
    return found


def _computed(page: Page) -> Callable[[], float]:
    """A function that gives the CPU seconds of the page's main thread from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def total() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    start = total()
    return lambda: total() - start


def _frames_of_a_drag(page: Page) -> list[float]:
    """Milliseconds from frame to frame while the empty ground is dragged to and fro."""
    box = page.locator(".canvas").bounding_box()
    assert box is not None
    page.get_by_role("button", name="Zoom out").click()  # makes room for the mouse beside the nodes
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.evaluate(_FRAMES)
    for step in range(60):
        page.mouse.move(box["x"] + 8 + 4 * (step % 20), box["y"] + 8 + step)
    times = page.evaluate("window.frames_at")
    page.mouse.up()
    return [after - before for before, after in itertools.pairwise(times)]


def run(sizes: Sequence[int], rounds: int, program: str) -> dict[str, Any]:
    """The figures of all sizes."""
    rows, load = [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, browser(program) as context:
        for n_nodes in sizes:
            graph = make_graph(n_nodes)
            path = Path(folder, f"{n_nodes}.html")
            path.write_text(graph_page(graph), encoding="utf-8")
            found = []
            for _ in range(rounds):
                page = context.new_page()
                found.append(measure(page, path.as_uri()))
                page.close()
            rows.append(
                {
                    "nodes": n_nodes,
                    "statements": len(graph.statements),
                    "kilobytes": round(path.stat().st_size / 1000),
                    **{name: _summary(name, [one[name] for one in found]) for name in found[0]},
                }
            )
            print(json.dumps(rows[-1]), flush=True)
        version = context.browser.version if context.browser is not None else program
    return {
        "rows": rows,
        "rounds": rounds,
        "browser": version,
        "load_average": round(load, 1),
        "environment": environment(),
    }


def _summary(name: str, values: Sequence[float]) -> float:
    best = max(values) if name == "longest_block_ms" else statistics.median(values)
    return round(best, 1 if name.endswith("_ms") else 2)


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description="Measure the page of a graph in Chromium.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    program = chromium()
    if program is None:
        parser.error("Chromium is not installed, or name it in TRIPACK_CHROMIUM.")
    figures = run(arguments.nodes, arguments.rounds, program)
    arguments.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

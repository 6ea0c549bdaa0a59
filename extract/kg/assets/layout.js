/* Where the nodes of the graph stand: d3-force, in slices so that the page keeps answering. */

const SLICE = 12; // milliseconds of computing before the page gets its turn

const pause = () => new Promise((next) => setTimeout(next));

/** Places for `nodes` ({id, x, y}) joined by `links` ({source, target, length}): a map from id to {x, y}.
 *
 * Nodes start from where they are. Calls `onProgress` with the share that is done; gives null as soon as
 * `isWanted()` is false. */
async function layOut(nodes, links, isWanted, onProgress) {
  const points = nodes.map((node) => ({ ...node }));
  const large = points.length > 1000;
  const rounds = large ? 100 : 300;
  const simulation = d3.forceSimulation(points).stop()
    .alphaDecay(1 - Math.pow(0.001, 1 / rounds))
    .force("charge", d3.forceManyBody().strength(large ? -120 : -600).theta(large ? 1.3 : 0.9).distanceMax(large ? 1500 : 3000))
    .force("link", d3.forceLink(links.map((link) => ({ ...link }))).id((point) => point.id).distance((link) => link.length))
    .force("x", d3.forceX().strength(0.06))
    .force("y", d3.forceY().strength(0.08));
  if (!large) simulation.force("collide", d3.forceCollide(46));
  let until = performance.now() + SLICE;
  for (let round = 0; round < rounds; round++) {
    simulation.tick();
    if (performance.now() < until) continue;
    onProgress(round / rounds);
    await pause();
    if (!isWanted()) return null;
    until = performance.now() + SLICE;
  }
  return new Map(points.map(({ id, x, y }) => [id, { x, y }]));
}

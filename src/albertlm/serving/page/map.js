// A map of vectors: their two main components, drawn beside a table of all similarities.

import { drawn, element } from "./dom.js";

const SIZE = 320;
const MARGIN = 28;
const STEPS = 200;

/** The vectors, scaled to length 1; of one for each token, the mean. */
export function unitVectors(features) {
  return features.map((of_text) => {
    const rows = Array.isArray(of_text[0]) ? of_text : [of_text];
    const mean = rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
    const length = Math.sqrt(product(mean, mean)) || 1;
    return mean.map((value) => value / length);
  });
}

/** The product of all pairs of vectors; of unit vectors, their cosines. */
export const products = (vectors) => vectors.map((x) => vectors.map((y) => product(x, y)));

const product = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);

/**
 * The first two principal components.
 *
 * @param {number[][]} vectors
 * @returns {[number, number][]} A point for each vector.
 */
export function components(vectors) {
  const mean = vectors[0].map((_, i) => vectors.reduce((sum, x) => sum + x[i], 0) / vectors.length);
  const gram = products(vectors.map((x) => x.map((value, i) => value - mean[i])));
  const axes = [0, 1].map(() => {
    const { axis, variance } = largest(gram);
    axis.forEach((x, i) => axis.forEach((y, j) => (gram[i][j] -= variance * x * y)));
    return axis.map((value) => value * Math.sqrt(variance));
  });
  return vectors.map((_, i) => [axes[0][i], axes[1][i]]);
}

/** The eigenvector of a symmetric matrix with the largest eigenvalue, which is not negative. */
function largest(matrix) {
  let axis = matrix.map((_, i) => Math.cos(i + 1));
  let variance = 0;
  for (let step = 0; step < STEPS; step++) {
    const next = matrix.map((row) => product(row, axis));
    variance = Math.sqrt(product(next, next));
    if (variance < 1e-9) return { axis: axis.map(() => 0), variance: 0 };
    axis = next.map((value) => value / variance);
  }
  const far = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return { axis: axis.map((value) => value * Math.sign(far)), variance };
}

/** The map and the table of texts with their features. */
export function similarityMap(features, texts) {
  const vectors = unitVectors(features);
  const points = components(vectors);
  const extent = Math.max(...points.flat().map(Math.abs)) || 1;
  const place = (value) => SIZE / 2 + (value / extent) * (SIZE / 2 - MARGIN);
  const label = "Map of the texts by their two main components; the table has all similarities";
  const marks = points.map(([x, y], i) =>
    drawn(
      "g",
      {},
      drawn("title", {}, texts[i]),
      drawn("circle", { cx: place(x), cy: place(-y), r: 11 }),
      drawn("text", { x: place(x), y: place(-y) + 4.5 }, String(i + 1)),
    ),
  );
  const middle = SIZE / 2;
  const picture = drawn(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": label, class: "map" },
    drawn("line", { x1: 0, x2: SIZE, y1: middle, y2: middle }),
    drawn("line", { x1: middle, x2: middle, y1: 0, y2: SIZE }),
    ...marks,
  );
  return element("div", { class: "similarities" }, picture, table(products(vectors), texts));
}

function table(cosines, texts) {
  const numbers = texts.map((_, i) => element("th", { scope: "col" }, String(i + 1)));
  const least = Math.min(...cosines.flat());
  const rows = texts.map((text, i) => {
    const cells = cosines[i].map((cosine) => {
      const cell = element("td", {}, cosine.toFixed(2));
      cell.style.setProperty("--share", (cosine - least) / (1 - least || 1));
      return cell;
    });
    const head = element("th", { scope: "row", title: text }, `${i + 1} ${text}`);
    return element("tr", {}, head, ...cells);
  });
  const head = element("tr", {}, element("td", {}), ...numbers);
  const caption = element("caption", {}, "Cosine similarities");
  const parts = [caption, element("thead", {}, head), element("tbody", {}, ...rows)];
  const attributes = { class: "scroll", tabindex: "0", role: "region", "aria-label": "Similarities" };
  return element("div", attributes, element("table", {}, ...parts));
}

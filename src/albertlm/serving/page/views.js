// Results of tasks as elements.

import { cut, element } from "./dom.js";

const MASK = "[MASK]";

const percent = (score) => `${(100 * score).toFixed(1)} %`;

const number = (score) => score.toFixed(3);

/** Names with their scores as bars; scores that are no probabilities, such as cosines, are numbers. */
export function bars(rows, areShares = rows.every(({ score }) => score >= 0 && score <= 1)) {
  const told = areShares ? percent : number;
  const items = rows.map(({ name, score }) => element("li", {}, ...row(name, score, told)));
  return element("ol", { class: "bars" }, ...items);
}

function row(name, score, told) {
  const bar = element("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", Math.min(1, Math.max(0, score)));
  const label = element("span", { class: "name" }, name);
  return [label, element("span", { class: "score" }, told(score)), bar];
}

/** Labels with scores. */
export const labels = (found) =>
  bars(found.map(({ label, score }) => ({ name: label, score })));

/** A text with its masks filled, and the words to choose from for each mask. */
export function fills(found, { text }) {
  const ofMasks = Array.isArray(found[0]) ? found : [found];
  const words = ofMasks.map(([best]) => element("mark", {}, best.token_str));
  const parts = text.split(MASK).flatMap((part, at) => [part, words[at] ?? MASK]);
  const sentence = element("p", { class: "text" }, ...parts.slice(0, -1));
  const lists = ofMasks.map((ofMask, at) => {
    const buttons = ofMask.map(({ token_str: word, score }, rank) => {
      const pressed = { type: "button", "aria-pressed": String(rank === 0) };
      const button = element("button", pressed, ...row(word, score, percent));
      button.addEventListener("click", () => {
        words[at].textContent = word;
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      });
      return button;
    });
    const title = ofMasks.length > 1 ? `Words for mask ${at + 1}` : "Words for the mask";
    const items = buttons.map((button) => element("li", {}, button));
    return element("ol", { class: "bars", "aria-label": title }, ...items);
  });
  return element("div", {}, sentence, ...lists);
}

/** The answer to a question, marked in its context. */
export function answer(found, { context }) {
  const { answer: words, score, start, end } = Array.isArray(found) ? found[0] : found;
  if (!words) return element("p", {}, "The context has no answer.");
  const parts = cut(context, [{ start, end }]).map(({ text, range }) =>
    range ? element("mark", {}, text) : text,
  );
  return element(
    "div",
    {},
    bars([{ name: words, score }]),
    element("p", { class: "text" }, ...parts),
  );
}

/** Entities as chips in their text, and a list of them. */
export function entities(found, { text }) {
  if (!found.length) return element("p", {}, "No entity was found.");
  const kinds = [...new Set(found.map(kindOf))].sort();
  const parts = cut(text, found).map(({ text: words, range }) => {
    if (!range) return words;
    const kind = element("span", { class: "kind" }, kindOf(range));
    const number = kinds.indexOf(kindOf(range)) % 6;
    return element("mark", { class: `chip hue-${number}`, title: percent(range.score) }, words, kind);
  });
  const rows = found.map((entity) => ({
    name: `${[...text].slice(entity.start, entity.end).join("")} · ${kindOf(entity)}`,
    score: entity.score,
  }));
  return element("div", {}, element("p", { class: "text" }, ...parts), bars(rows));
}

const kindOf = (entity) => entity.entity_group ?? entity.entity;

/** The probability that two texts are in order. */
export const order = (score) =>
  bars([
    { name: "in order", score },
    { name: "swapped", score: 1 - score },
  ]);

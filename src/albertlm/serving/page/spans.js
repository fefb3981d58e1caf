// Parts of texts, in tokens or code points: windows that a model can read, words, and entities.

import { isSpace } from "./normalizer.js";

const SHIFT = 128; // by how many tokens each window begins after the one before
const OUTSIDE = "O"; // the label of what is in no entity

/** Scripts without spaces: Thai to Burmese, Khmer, kana and ideographs. */
const UNSPACED =
  /^[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]$/u;
const LETTER = /^[\p{L}\p{N}\u0300-\u036f]$/u;
const PUNCTUATION = /^\p{P}$/u;

/**
 * The windows into a text, and which of its tokens have more context in each than in any other.
 *
 * @param {number} size The number of tokens of the text.
 * @param {number} room How many fit into a window.
 * @returns {{start: number, end: number, isBest: boolean[]}[]}
 */
export function windows(size, room) {
  const shift = Math.min(SHIFT, Math.floor((room + 1) / 2));
  const count = size <= room ? 1 : Math.ceil((size - room) / shift) + 1;
  const found = Array.from({ length: count }, (_, at) => {
    const start = at * shift;
    return { start, end: Math.min(start + room, size) };
  });
  const most = new Float64Array(size).fill(-1);
  const winners = new Int32Array(size);
  found.forEach(({ start, end }, number) => {
    for (let at = start; at < end; at++) {
      const context = Math.min(at - start, end - 1 - at) + 0.01 * (end - start);
      if (context <= most[at]) continue;
      most[at] = context;
      winners[at] = number;
    }
  });
  return found.map(({ start, end }, number) => {
    const isBest = Array.from(winners.subarray(start, end), (winner) => winner === number);
    return { start, end, isBest };
  });
}

/** The runs of letters, digits and combining marks; in scripts without spaces, of one each. */
export const letterRuns = (text) => runs([...text], (character) => LETTER.test(character));

/** The words of a text, with each punctuation mark at their ends as a word of its own. */
export function words(text) {
  const characters = [...text];
  return runs(characters, (character) => !isSpace(character)).flatMap(([start, end]) => {
    const isMark = (at) => PUNCTUATION.test(characters[at]);
    let [first, last] = [start, end];
    while (first < last && isMark(first)) first++;
    while (first < last && isMark(last - 1)) last--;
    return [...singles(start, first), ...(first < last ? [[first, last]] : []), ...singles(last, end)];
  });
}

const singles = (start, end) => Array.from({ length: end - start }, (_, i) => [start + i, start + i + 1]);

function runs(characters, isInside) {
  const found = [];
  for (let start = 0, end; start < characters.length; start = end) {
    end = start + 1;
    const isInRun = (at) => isInside(characters[at]) && !UNSPACED.test(characters[at]);
    if (isInRun(start)) {
      while (end < characters.length && isInRun(end)) end++;
    } else if (!UNSPACED.test(characters[start])) continue;
    found.push([start, end]);
  }
  return found;
}

/** The word that a character is in, or the character alone. */
export function around(at, spans) {
  return spans.find(([start, end]) => start <= at && at < end) ?? [at, at + 1];
}

/**
 * The labels of words, each that of the first token which begins in it.
 *
 * @param {{label: string, score: number, start: number, end: number}[]} tokens In order.
 * @param {[number, number][]} spans Of the words.
 */
export function wordTags(tokens, spans) {
  return spans.flatMap(([start, end]) => {
    const inside = tokens.filter((token) => start <= token.start && token.start < end);
    if (!inside.length) return [];
    return [{ ...inside[0], start, end: Math.max(end, inside.at(-1).end) }];
  });
}

/** Consecutive tags of one kind, without those of `O`. */
export function entities(tags) {
  const groups = [];
  let before;
  for (const tag of tags) {
    const kind = tag.label.replace(/^[BI]-/u, "");
    if (kind !== before || tag.label.startsWith("B-")) groups.push({ kind, tags: [] });
    groups.at(-1).tags.push(tag);
    before = kind;
  }
  return groups
    .filter(({ kind }) => kind !== OUTSIDE)
    .map(({ kind, tags: ofGroup }) => ({
      entity_group: kind,
      score: ofGroup.reduce((sum, tag) => sum + tag.score, 0) / ofGroup.length,
      start: ofGroup[0].start,
      end: ofGroup.at(-1).end,
    }));
}

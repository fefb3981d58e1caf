// Texts to ALBERT's token ids, as the tokenizer of the model makes them.

import { Normalizer, isHidden, isSpace } from "./normalizer.js";
import { Unigram } from "./unigram.js";

const SPACE = "▁";
const NOT_PRINTABLE = /(?! )[\p{C}\p{Z}]/u;
const BEFORE_COMMA = /\p{Nd},$/u;

export class Tokenizer {
  #pieces;
  #normalizer;
  #unigram;
  #added;
  #skipped;
  #splits = new Map();

  /** @param vocabulary The file that the page is exported with. */
  constructor(vocabulary) {
    this.#pieces = vocabulary.pieces;
    this.#normalizer = new Normalizer(vocabulary.rules);
    this.#unigram = new Unigram(vocabulary);
    this.#added = new Map(Object.entries(vocabulary.added));
    this.#skipped = new Set(vocabulary.skipped);
    this.special = vocabulary.special;
  }

  /** The number of ids. */
  get size() {
    return this.#pieces.length;
  }

  /**
   * The ids of a text without [CLS] and [SEP], and the place of each token in code points.
   *
   * @param {string} text
   * @returns {{ids: number[], spans: [number, number][]}}
   */
  encode(text) {
    if (/\p{Cs}/u.test(text)) {
      throw new Error("The text contains half of a character; type or paste it again.");
    }
    const ids = [];
    const spans = [];
    const characters = [...text];
    const isPrintable = !NOT_PRINTABLE.test(text);
    for (const { start, end, id } of this.#parts(text)) {
      if (id !== undefined) {
        ids.push(id);
        spans.push([start, end]);
        continue;
      }
      const beginsWord = start === 0 || (start < end && isSpace(characters[start]));
      for (const token of this.#encodePart(characters.slice(start, end), beginsWord)) {
        ids.push(token.id);
        const span = [start + token.start, start + token.end];
        spans.push(isPrintable ? span : visible(characters, ...span));
      }
    }
    return { ids, spans };
  }

  /** The text of ids, without special tokens apart from one that may be kept. */
  decode(ids, kept) {
    const shown = ids.filter((id) => id === kept || !this.#skipped.has(id));
    const pieces = shown.map((id) => this.#pieces[id]);
    return pieces.join("").replaceAll(SPACE, " ").replace(/^ /u, "");
  }

  /** The added tokens of a text, such as [MASK], and what lies between them, in code points. */
  *#parts(text) {
    const byLength = [...this.#added.keys()].sort((one, other) => other.length - one.length);
    const escaped = byLength.map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&"));
    let end = 0;
    let units = 0;
    for (const found of text.matchAll(new RegExp(escaped.join("|"), "gu"))) {
      const start = end + [...text.slice(units, found.index)].length;
      yield { start: end, end: start };
      end = start + [...found[0]].length;
      units = found.index + found[0].length;
      yield { start, end, id: this.#added.get(found[0]) };
    }
    yield { start: end, end: end + [...text.slice(units)].length };
  }

  #encodePart(original, beginsWord) {
    const aligned = this.#normalizer.align(original);
    const { characters, starts, ends } = aligned;
    const tokens = this.#unigram
      .encode(characters, beginsWord)
      .flatMap((token) => this.#withoutComma(token, characters));
    const places = this.#unigram.places(tokens, characters, beginsWord);
    return tokens.map(({ id }, at) => {
      const [first, last] = places[at];
      return { id, start: starts[first], end: Math.max(starts[first], ends[last]) };
    });
  }

  /** A token, or what comes in its place if a comma follows a digit in it, as in `▁1999,`. */
  #withoutComma(token, characters) {
    if (!BEFORE_COMMA.test(this.#pieces[token.id])) return [token];
    let end = token.end;
    while (end > token.start && characters[end - 1] !== ",") end--;
    const parts = [];
    for (const piece of this.#split(this.#pieces[token.id]).toReversed()) {
      const start = Math.max(token.start, end - [...piece.replace(SPACE, "")].length);
      parts.unshift({ id: this.#unigram.id(piece), piece, start, end });
      end = start;
    }
    return parts;
  }

  #split(piece) {
    if (!this.#splits.has(piece)) {
      const number = [...piece.slice(0, -1).replaceAll(SPACE, "")];
      let parts = this.#unigram.encode(number, true).map((token) => token.piece);
      if (!piece.startsWith(SPACE) && parts[0].startsWith(SPACE)) {
        parts = [parts[0].slice(1), ...parts.slice(1)].filter(Boolean);
      }
      this.#splits.set(piece, [...parts, ","]);
    }
    return this.#splits.get(piece);
  }
}

/** A span without white space, control and format characters at its beginning. */
function visible(characters, start, end) {
  let first = start;
  while (first < end && isHidden(characters[first])) first++;
  return [first < end ? first : start, end];
}

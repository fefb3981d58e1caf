// Segmentation as SentencePiece does it: its compiled normalisation, and the most probable pieces.

const SPACE = "▁";
const UNKNOWN_PENALTY = 10;
const encoder = new TextEncoder();
const encoded = new Map();

/** The bytes of a character in UTF-8. */
function bytesOf(character) {
  if (!encoded.has(character)) encoded.set(character, encoder.encode(character));
  return encoded.get(character);
}

/** The normalisation rules in a vocabulary of SentencePiece: a double-array trie over UTF-8. */
class CharacterMap {
  #units;
  #texts;

  /** @param {Uint8Array} bytes The size of the trie, its units, and the replacements. */
  constructor(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.length ? view.getUint32(0, true) : 0;
    this.#units = Uint32Array.from({ length: size / 4 }, (_, at) => view.getUint32(4 + 4 * at, true));
    this.#texts = bytes.subarray(4 + size);
  }

  /** The longest rule for what begins at a place: how many characters it replaces, and by what. */
  find(characters, at) {
    if (!this.#units.length) return undefined;
    let found;
    let node = offset(this.#units[0]);
    for (let end = at; end < characters.length; end++) {
      for (const byte of bytesOf(characters[end])) {
        node ^= byte;
        const unit = this.#units[node];
        if (((unit & 0x800000ff) >>> 0) !== byte) return found;
        node ^= offset(unit);
        if ((unit >>> 8) & 1) {
          found = { count: end + 1 - at, text: this.#text(this.#units[node] & 0x7fffffff) };
        }
      }
    }
    return found;
  }

  #text(start) {
    return new TextDecoder().decode(this.#texts.subarray(start, this.#texts.indexOf(0, start)));
  }
}

const offset = (unit) => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);

export class Unigram {
  /** @param vocabulary The file that the page is exported with. */
  constructor(vocabulary) {
    this.unknown = vocabulary.unknown;
    this.#collapses = vocabulary.collapses;
    this.#prefix = vocabulary.prefix;
    this.#map = new CharacterMap(
      Uint8Array.from(atob(vocabulary.character_map), (character) => character.charCodeAt(0)),
    );
    const hidden = new Set([...vocabulary.hidden, this.unknown]);
    const given = new Set(vocabulary.given);
    const learnt = vocabulary.scores.filter((_, id) => !hidden.has(id) && !given.has(id));
    const best = learnt.reduce((one, other) => Math.max(one, other), -Infinity);
    const worst = learnt.reduce((one, other) => Math.min(one, other), Infinity);
    this.#unknownScore = Math.fround(Math.fround(worst) - UNKNOWN_PENALTY);
    vocabulary.pieces.forEach((piece, id) => {
      if (hidden.has(id)) return;
      const characters = [...piece];
      for (let end = 1; end < characters.length; end++) {
        const beginning = characters.slice(0, end).join("");
        if (!this.#pieces.has(beginning)) this.#pieces.set(beginning, undefined);
      }
      let score = Math.fround(vocabulary.scores[id]);
      if (given.has(id)) {
        score = Math.fround(encoder.encode(piece).length * Math.fround(best)) - 0.1;
        this.#given.push(characters);
      }
      this.#pieces.set(piece, { id, score });
    });
    this.#given.sort((one, other) => other.length - one.length);
  }

  #collapses;
  #prefix;
  #map;
  #unknownScore;
  #given = []; // pieces that are never normalised, the longest first
  #pieces = new Map(); // by text; undefined for what only begins a piece

  /**
   * The pieces of a text: their ids, texts, and places in the characters given.
   *
   * @param {string[]} characters The code points of a text.
   * @param {boolean} beginsWord Whether the first one begins a word.
   * @returns {{id: number, piece: string, start: number, end: number}[]}
   */
  encode(characters, beginsWord) {
    const { normalized, origins } = this.#normalize(characters, beginsWord && this.#prefix);
    const tokens = [];
    for (const { id, start, end } of this.#segment(normalized)) {
      const piece = normalized.slice(start, end).join("");
      const last = tokens.at(-1);
      if (id === this.unknown && last?.id === id) {
        last.piece += piece;
        last.end = origins[end];
      } else {
        tokens.push({ id, piece, start: origins[start], end: origins[end] });
      }
    }
    return tokens;
  }

  /** The start and end of each token in the characters that were encoded, without spaces. */
  places(tokens, characters, beginsWord) {
    const sizes = tokens.map(({ piece }) => [...piece].length);
    let end = beginsWord && this.#prefix ? -1 : 0;
    if (sizes.reduce((sum, size) => sum + size, end) === characters.length) {
      // the characters of the pieces are those of the text, one by one
      return tokens.map(({ piece }, at) => {
        end += sizes[at];
        return [end - sizes[at] + (piece.startsWith(SPACE) ? 1 : 0), end];
      });
    }
    return tokens.map(({ start, end: last }) => {
      let [from, to] = [start, last];
      while (from < last && characters[from] === " ") from++;
      while (to > from && characters[to - 1] === " ") to--;
      return [from, to];
    });
  }

  /** The id of a piece. */
  id(piece) {
    return this.#pieces.get(piece)?.id ?? this.unknown;
  }

  /** The text that is cut into pieces, and the place that each of its characters comes from. */
  #normalize(characters, withPrefix) {
    const normalized = [];
    const origins = [];
    let at = 0;
    const add = (character) => {
      normalized.push(character === " " ? SPACE : character);
      origins.push(at);
    };
    while (this.#collapses && at < characters.length) {
      const { text, count } = this.#next(characters, at);
      if (text !== " ") break;
      at += count;
    }
    if (at === characters.length) return { normalized, origins: [at] };
    if (withPrefix) add(" ");
    let afterSpace = this.#collapses;
    while (at < characters.length) {
      const { text, count } = this.#next(characters, at);
      const kept = afterSpace ? text.replace(/^ +/u, "") : text;
      for (const character of kept) add(character);
      if (kept) afterSpace = this.#collapses && kept.endsWith(" ");
      at += count;
    }
    while (this.#collapses && normalized.at(-1) === SPACE) {
      normalized.pop();
      at = origins.pop();
    }
    origins.push(at);
    return { normalized, origins };
  }

  /** The text that replaces some characters, and how many it replaces. */
  #next(characters, at) {
    const isHere = (piece) => piece.every((character, i) => character === characters[at + i]);
    const given = this.#given.find(isHere);
    if (given) return { text: given.join(""), count: given.length };
    return this.#map.find(characters, at) ?? { text: characters[at], count: 1 };
  }

  /** The most probable pieces, in the precision that SentencePiece computes with. */
  #segment(characters) {
    const best = Array.from({ length: characters.length + 1 }, () => undefined);
    best[0] = { score: 0 };
    const offer = (start, end, id, added) => {
      const score = Math.fround(best[start].score + added);
      if (!best[end] || score > best[end].score) best[end] = { start, end, id, score };
    };
    for (let start = 0; start < characters.length; start++) {
      let text = "";
      let isKnown = false;
      for (let end = start + 1; end <= characters.length; end++) {
        text += characters[end - 1];
        if (!this.#pieces.has(text)) break;
        const piece = this.#pieces.get(text);
        if (!piece) continue;
        offer(start, end, piece.id, piece.score);
        isKnown ||= end === start + 1;
      }
      if (!isKnown) offer(start, start + 1, this.unknown, this.#unknownScore);
    }
    const pieces = [];
    for (let at = characters.length; at > 0; at = best[at].start) pieces.push(best[at]);
    return pieces.reverse();
  }
}

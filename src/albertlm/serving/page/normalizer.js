// Text normalisation of ALBERT: white space, NFKD, combining marks and lower case, with the place in
// the original that each character comes from. Texts are arrays of code points here.

const SPACE = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/u;
const HIDDEN = /^[\p{Cc}\p{Cf}]$/u;
const LAST_MARK = "\u0345"; // has the highest combining class, so normalisation puts it last

/** Whether a character is white space, as in Python. */
export const isSpace = (character) => SPACE.test(character);

/** Whether a character is white space, or a control or format character. */
export const isHidden = (character) => isSpace(character) || HIDDEN.test(character);

const marks = new Map();

/** Whether a character has a combining class, so that it belongs to the one before it. */
function isMark(character) {
  if (character < "\x80") return false;
  if (!marks.has(character)) {
    const isLast = character.normalize("NFKD").startsWith(LAST_MARK);
    marks.set(character, isLast || !(LAST_MARK + character).normalize("NFKD").startsWith(LAST_MARK));
  }
  return marks.get(character);
}

/** A normalised text; its character i comes from original.slice(starts[i], ends[i + 1]). */
class Aligned {
  characters = [];
  starts = [];
  ends = [0];

  add(characters, start, end) {
    for (const character of characters) {
      this.characters.push(character);
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  close() {
    this.starts.push(this.ends.at(-1));
    return this;
  }
}

export class Normalizer {
  /**
   * @param {{lower: boolean, accents: boolean, compose: boolean}} rules Whether capitals become
   *   small letters, marks are kept, and a letter and its marks become one character.
   */
  constructor(rules) {
    this.rules = rules;
  }

  /** Normalise the code points of a text. */
  align(original) {
    const found = new Aligned();
    for (let start = 0, end; start < original.length; start = end) {
      end = start + 1;
      if (isSpace(original[start])) {
        while (end < original.length && isSpace(original[end])) end++;
        if (start > 0 && end < original.length) found.add(" ", start, end);
        continue;
      }
      while (end < original.length && isMark(original[end])) end++;
      const cluster = original.slice(start, end);
      const changed = [...this.#decompose(cluster.join(""))];
      if (changed.join("") !== cluster.join("")) found.add(changed, start, end);
      else cluster.forEach((character, at) => found.add([character], start + at, start + at + 1));
    }
    if (this.rules.lower) {
      found.characters = [...found.characters.join("").toLowerCase()];
    }
    found.close();
    return this.rules.compose ? composed(found) : found;
  }

  #decompose(text) {
    const decomposed = text.normalize("NFKD");
    if (!this.rules.accents) {
      return [...decomposed].filter((character) => !isMark(character)).join("");
    }
    // the dot of the Turkish "İ" becomes that of the "i"
    return this.rules.lower ? decomposed.replace(/([Ii])\u0307/gu, "$1") : decomposed;
  }
}

/** The text in NFC; a composed character comes from all that it was composed of. */
function composed({ characters, starts, ends }) {
  const found = new Aligned();
  let start = 0;
  let letter = characters[0] ?? "";
  for (let end = 1; end <= characters.length; end++) {
    const next = characters[end] ?? "";
    const longer = (letter + next).normalize("NFC");
    if (next && (isMark(next) || longer !== letter + next)) {
      letter = longer;
      continue;
    }
    found.add([...letter], starts[start], ends[end]);
    start = end;
    letter = next;
  }
  return found.close();
}

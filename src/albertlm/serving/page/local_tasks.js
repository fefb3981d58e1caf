// Tasks as a model in the browser carries them out, with answers in the form of the hub.

import { products, unitVectors } from "./map.js";
import { around, entities, letterRuns, windows, wordTags, words } from "./spans.js";

const BEST = 20; // the different answers that compete for the probability
const ANSWER = 30; // the tokens of the longest answer
const QUESTION = 64; // the tokens after which a question is cut
const WINDOW = 384; // the tokens of the longest window of a context
const HYPOTHESIS = "This example is {}.";

/** Probabilities of logits. */
export function softmax(logits) {
  const largest = logits.reduce((one, other) => Math.max(one, other), -Infinity);
  const shares = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = shares.reduce((one, other) => one + other, 0);
  return shares.map((share) => share / sum);
}

const FUNCTIONS = {
  softmax,
  sigmoid: (logits) => Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit))),
  none: (logits) => Array.from(logits),
};

const byScore = (one, other) => other.score - one.score;

/**
 * The tasks by their names. Each takes the runner of a model and a request in the form of the hub.
 * `run(row)` computes the outputs of one text or pair, by name, with their dimensions and values.
 */
export const LOCAL_TASKS = {
  async "fill-mask"({ run, tokenizer }, { inputs, parameters }) {
    const row = single(tokenizer, inputs);
    const { mask } = tokenizer.special;
    const places = row.ids.flatMap((id, at) => (id === mask ? [at] : []));
    if (!places.length) throw new Error("The text has no [MASK]; write it where a word is missing.");
    const logits = rows((await run(row)).logits);
    const ofMasks = places.map((at) => {
      const scores = softmax(logits[at].subarray(0, tokenizer.size));
      const best = scores.map((score, token) => ({ score, token })).sort(byScore);
      return best.slice(0, parameters.top_k).map(({ score, token }) => ({
        score,
        token,
        token_str: tokenizer.decode([token]),
        sequence: tokenizer.decode(row.ids.with(at, token), places.length > 1 ? mask : undefined),
      }));
    });
    return ofMasks.length === 1 ? ofMasks[0] : ofMasks;
  },

  async "text-classification"({ run, tokenizer, model }, { inputs }) {
    const { text, text_pair: second } = typeof inputs === "string" ? { text: inputs } : inputs;
    const row = second ? pair(tokenizer, text, second) : single(tokenizer, text);
    const scores = FUNCTIONS[model.scores]((await run(row)).logits.data);
    return [model.labels.map((label, at) => ({ label, score: scores[at] })).sort(byScore)];
  },

  async "zero-shot-classification"({ run, tokenizer, model }, { inputs, parameters }) {
    const labels = [...new Set(parameters.candidate_labels)];
    const index = (name) => model.labels.findIndex((label) => label.toLowerCase().startsWith(name));
    const entailment = index("entail");
    const opposite = model.labels.length === 2 ? 1 - entailment : index("contradict");
    const isSeveral = parameters.multi_label || labels.length === 1;
    if (isSeveral && opposite < 0) {
      throw new Error("The model has no label contradiction; give several labels, of which one applies.");
    }
    const logits = [];
    for (const label of labels) {
      const row = pair(tokenizer, inputs, HYPOTHESIS.replace("{}", () => label));
      logits.push((await run(row)).logits.data);
    }
    const scores = isSeveral
      ? logits.map((ofLabel) => softmax([ofLabel[entailment], ofLabel[opposite]])[0])
      : softmax(logits.map((ofLabel) => ofLabel[entailment]));
    return labels.map((label, at) => ({ label, score: scores[at] })).sort(byScore);
  },

  async "token-classification"({ run, tokenizer, model }, { inputs }) {
    const { ids, spans } = tokenizer.encode(inputs);
    const tokens = [];
    for (const { start, end, isBest } of windows(ids.length, model.max_length - 2)) {
      const { cls, sep } = tokenizer.special;
      const part = [cls, ...ids.slice(start, end), sep];
      const logits = rows((await run({ ids: part, kinds: part.map(() => 0) })).logits);
      isBest.forEach((is, at) => {
        if (!is) return;
        const scores = softmax(logits[at + 1]);
        const best = scores.indexOf(Math.max(...scores));
        const [from, to] = spans[start + at];
        tokens.push({ label: model.labels[best], score: scores[best], start: from, end: to });
      });
    }
    const characters = [...inputs];
    return entities(wordTags(tokens, words(inputs))).map((entity) => ({
      ...entity,
      word: characters.slice(entity.start, entity.end).join(""),
    }));
  },

  async "question-answering"({ run, tokenizer, model }, { inputs: { question, context } }) {
    const { cls, sep, unk } = tokenizer.special;
    const before = [cls, ...tokenizer.encode(question).ids.slice(0, QUESTION), sep];
    const { ids, spans } = tokenizer.encode(context);
    const shows = spans.map(([start, end]) => start < end);
    if (!ids.some((id, at) => shows[at] && id !== unk)) return NO_ANSWER;
    const room = Math.min(WINDOW, model.max_length) - before.length - 1;
    if (room < 1) throw new Error("The question leaves no room for the context; shorten it.");
    const runsOfLetters = letterRuns(context);
    const found = [];
    for (const { start, end, isBest } of windows(ids.length, room)) {
      const part = [...ids.slice(start, end), sep];
      const row = {
        ids: [...before, ...part],
        kinds: [...before.map(() => 0), ...part.map(() => 1)],
      };
      const outputs = await run(row);
      const [starts, ends] = ["start_logits", "end_logits"].map((name) =>
        outputs[name].data.subarray(before.length),
      );
      const may = isBest.map((is, at) => is && shows[start + at]);
      const ofWindow = pairs(starts, ends, may, shows.slice(start, end)).sort(byScore);
      const ranges = ofWindow.map(({ first, last, score }) => ({
        start: around(spans[start + first][0], runsOfLetters)[0],
        end: around(spans[start + last][1] - 1, runsOfLetters)[1],
        score,
      }));
      found.push(...different(ranges, context));
    }
    const candidates = different(found.sort(byScore), context);
    const [best] = candidates;
    return best ? { ...best, score: softmax(candidates.map(({ score }) => score))[0] } : NO_ANSWER;
  },

  async "feature-extraction"(runner, { inputs }) {
    const found = [];
    for (const text of inputs) {
      const row = single(runner.tokenizer, text);
      found.push(rows((await runner.run(row)).last_hidden_state).map((state) => [...state]));
    }
    return unitVectors(found);
  },

  async "sentence-similarity"(runner, { inputs: { source_sentence: source, sentences } }) {
    const all = { inputs: [source, ...sentences] };
    return products(await LOCAL_TASKS["feature-extraction"](runner, all))[0].slice(1);
  },

  async "sentence-order"({ run, tokenizer }, { inputs: { first, second } }) {
    return softmax((await run(pair(tokenizer, first, second))).logits.data)[0];
  },
};

const NO_ANSWER = { answer: "", score: 1, start: 0, end: 0 };

/** The ids of a text with [CLS] and [SEP], and the segment of each. */
function single(tokenizer, text) {
  const { cls, sep } = tokenizer.special;
  const ids = [cls, ...tokenizer.encode(text).ids, sep];
  return { ids, kinds: ids.map(() => 0) };
}

function pair(tokenizer, first, second) {
  const one = single(tokenizer, first);
  const other = [...tokenizer.encode(second).ids, tokenizer.special.sep];
  return { ids: [...one.ids, ...other], kinds: [...one.kinds, ...other.map(() => 1)] };
}

/** The rows of an output of shape (1, rows, columns). */
function rows({ data, dims: [, count, size] }) {
  return Array.from({ length: count }, (_, at) => data.subarray(at * size, (at + 1) * size));
}

/** All answers of a window, in the order of their first and then of their last token. */
function pairs(starts, ends, mayStart, mayEnd) {
  const found = [];
  for (let first = 0; first < mayStart.length; first++) {
    if (!mayStart[first]) continue;
    for (let last = first; last < Math.min(mayEnd.length, first + ANSWER); last++) {
      if (mayEnd[last]) found.push({ first, last, score: starts[first] + ends[last] });
    }
  }
  return found;
}

/** The first ranges with different texts. */
function different(ranges, context) {
  const characters = [...context];
  const found = new Map();
  for (const range of ranges) {
    const answer = characters.slice(range.start, range.end).join("");
    if (!found.has(answer)) found.set(answer, { answer, ...range });
    if (found.size === BEST) break;
  }
  return [...found.values()];
}

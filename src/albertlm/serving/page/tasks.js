// What each task asks for, sends and shows.

import { similarityMap } from "./map.js";
import { answer, bars, entities, fills, labels, order } from "./views.js";

const lines = (text) => text.split("\n").filter((line) => line.trim());
const commas = (text) => text.split(",").map((label) => label.trim()).filter(Boolean);

const RIVER = "Ada Lovelace lived in London, where she met Charles Babbage in 1833.";

/**
 * The tasks by their names. Each has a title, what to enter (fields), examples of it, the `body` of a
 * request, its form for the Python client (the arguments after the text, by name), and a view.
 */
export const TASKS = {
  "fill-mask": {
    title: "Fill a mask",
    purpose: "Write [MASK] where a word is missing.",
    fields: [{ name: "text", label: "Text", rows: 4, mask: true }],
    examples: [
      { text: "Hello I'm a [MASK] model." },
      { text: "The boat crossed the [MASK]." },
      { text: "A [MASK] walked to the [MASK]." },
    ],
    body: ({ text }) => ({ inputs: text, parameters: { top_k: 5 } }),
    python: ({ text }) => ["fill_mask", [text], { top_k: 5 }],
    show: fills,
  },
  "question-answering": {
    title: "Answer a question",
    purpose: "Ask about a text that holds the answer.",
    fields: [
      { name: "text", label: "Question" },
      { name: "context", label: "Context", rows: 6 },
    ],
    examples: [
      { text: "Who lived in London?", context: RIVER },
      { text: "When did they meet?", context: RIVER },
    ],
    body: ({ text, context }) => ({ inputs: { question: text, context } }),
    python: ({ text, context }) => ["question_answering", [], { question: text, context }],
    show: answer,
  },
  "text-classification": {
    title: "Classify a text",
    purpose: "Enter a text, or two for a model of pairs.",
    fields: [
      { name: "text", label: "Text", rows: 4 },
      { name: "text_pair", label: "Second text", hint: "only for pairs", optional: true },
    ],
    examples: [{ text: "A warm and funny film." }, { text: "The plot goes nowhere." }],
    body: ({ text, text_pair: pair }) => ({ inputs: pair ? { text, text_pair: pair } : text }),
    python: ({ text, text_pair: pair }) => (pair ? undefined : ["text_classification", [text], {}]),
    show: ([found]) => labels(found),
  },
  "zero-shot-classification": {
    title: "Classify by your own labels",
    purpose: "Enter a text, and the labels it may have.",
    fields: [
      { name: "text", label: "Text", rows: 4 },
      { name: "candidate_labels", label: "Labels", hint: "with commas between" },
      { name: "multi_label", label: "Several labels may apply", box: true, optional: true },
    ],
    examples: [{ text: "The boat sank at night.", candidate_labels: "sea, law, music" }],
    body: ({ text, candidate_labels: all, multi_label: several }) => ({
      inputs: text,
      parameters: { candidate_labels: commas(all), multi_label: Boolean(several) },
    }),
    python: ({ text, candidate_labels: all, multi_label: several }) => [
      "zero_shot_classification",
      [text, commas(all)],
      several ? { multi_label: true } : {},
    ],
    show: labels,
  },
  "token-classification": {
    title: "Find entities",
    purpose: "Enter a text to find the names and things in it.",
    fields: [{ name: "text", label: "Text", rows: 4 }],
    examples: [{ text: RIVER }],
    body: ({ text }) => ({ inputs: text, parameters: { aggregation_strategy: "first" } }),
    python: ({ text }) => ["token_classification", [text], { aggregation_strategy: "first" }],
    show: entities,
  },
  "feature-extraction": {
    title: "Compare meanings",
    purpose: "Enter texts, one a line, to see which are similar.",
    fields: [{ name: "text", label: "Texts", rows: 7, hint: "two lines or more", least: 2 }],
    examples: [
      {
        text: "The river runs to the sea.\nA stream flows into the ocean.\nThe court heard the case.\nA judge read the law.\nShe painted a small boat.",
      },
    ],
    body: ({ text }) => ({ inputs: lines(text), normalize: true }),
    python: ({ text }) => ["feature_extraction", [lines(text)], { normalize: true }],
    show: (found, { text }) => similarityMap(found, lines(text)),
  },
  "sentence-similarity": {
    title: "Compare sentences",
    purpose: "Enter a sentence, and others to compare it with.",
    fields: [
      { name: "source_sentence", label: "Sentence" },
      { name: "sentences", label: "Others", rows: 4, hint: "one a line" },
    ],
    examples: [
      {
        source_sentence: "The river runs to the sea.",
        sentences: "A stream flows into the ocean.\nThe court heard the case.",
      },
    ],
    body: ({ source_sentence: source, sentences }) => ({
      inputs: { source_sentence: source, sentences: lines(sentences) },
    }),
    python: ({ source_sentence: source, sentences }) => [
      "sentence_similarity",
      [source, lines(sentences)],
      {},
    ],
    show: (found, { sentences }) =>
      bars(
        lines(sentences).map((name, at) => ({ name, score: found[at] })),
        false,
      ),
  },
  "sentence-order": {
    title: "Put in order",
    purpose: "Enter two texts that follow each other.",
    fields: [
      { name: "text", label: "First text", rows: 2 },
      { name: "text_pair", label: "Second text", rows: 2 },
    ],
    examples: [{ text: "She opened the door.", text_pair: "Then she walked in." }],
    body: ({ text, text_pair: pair }) => ({ inputs: { first: text, second: pair } }),
    show: order,
  },
  "multiple-choice": {
    title: "Choose",
    purpose: "Enter a context, a question, and its choices.",
    fields: [
      { name: "context", label: "Context", rows: 4 },
      { name: "text", label: "Question", hint: "with _ for the choice", optional: true },
      { name: "choices", label: "Choices", rows: 3, hint: "one a line", least: 2 },
    ],
    examples: [{ context: "It rained.", text: "The street is _.", choices: "wet\ndry" }],
    body: ({ context, text, choices }) => ({
      inputs: { context, ...(text && { question: text }), choices: lines(choices) },
    }),
    show: (found) => bars(found.map(({ choice: name, score }) => ({ name, score }))),
  },
};

/** Examples of a task: those of the model's card that have all of its fields, or built-in ones. */
export function examplesOf(task, model) {
  const { fields, examples } = TASKS[task];
  const needed = fields.filter((field) => !field.optional).map((field) => field.name);
  const fitting = (model.examples ?? []).filter(
    (example) =>
      needed.every((name) => example[name]) &&
      (task === "fill-mask") === String(example.text).includes("[MASK]"),
  );
  return (fitting.length ? fitting : examples).map((example) =>
    Object.fromEntries(
      Object.entries(example).map(([name, value]) => [name, joined(name, value)]),
    ),
  );
}

const joined = (name, value) =>
  Array.isArray(value) ? value.join(name === "candidate_labels" ? ", " : "\n") : value;

// The page: a model, one of its tasks, a form for it, and what comes out.

import { choices, element } from "./dom.js";
import { Server } from "./server.js";
import { LANGUAGES, snippet } from "./snippets.js";
import { TASKS, examplesOf } from "./tasks.js";

const MASK = "[MASK]";
const UNAUTHORIZED = 401;
const LOADING = 1000; // milliseconds until a model is asked for again

const parts = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((found) => [found.id, found]),
);
const state = { models: [], model: undefined, task: "", language: "curl" };
state.pending = new AbortController(); // of the request that is not answered yet
let backend;

/** The models, in the browser if the page names one, and else on its server. */
async function open() {
  const own = document.documentElement.dataset.model;
  if (!own) return new Server(document.baseURI);
  const { LocalModel } = await import("./local_model.js");
  return new LocalModel(new URL(own, document.baseURI));
}

async function start() {
  document.getElementById("unserved")?.remove();
  backend ??= await open();
  if (!(await load())) return;
  parts.login.hidden = true;
  parts.models.hidden = parts.workplace.hidden = false;
  parts.languages.replaceChildren(
    element("legend", {}, "Language"),
    ...choices("language", LANGUAGES, state.language, chooseLanguage),
  );
  follow();
}

/** Ask for the models; returns whether they came. */
async function load() {
  try {
    state.models = await backend.models();
  } catch (error) {
    fail(error);
    return false;
  }
  parts.model.replaceChildren(...state.models.map(({ name }) => element("option", {}, name)));
  return true;
}

/** Ask again for a model that was loading, if it is still the one that is shown. */
async function reload(name) {
  if (state.model.name !== name || !(await load())) return;
  chooseModel(state.models.find((model) => model.name === name) ?? state.models[0]);
}

/** Show what the fragment of the address says, and compute it. */
function follow() {
  const { model, task, ...given } = Object.fromEntries(
    new URLSearchParams(location.hash.slice(1)),
  );
  chooseModel(state.models.find(({ name }) => name === model) ?? state.models[0], task);
  if (task !== state.task || !Object.keys(given).length) return;
  fill(given);
  compute();
}

function chooseModel(model, task) {
  state.model = model;
  parts.model.value = model.name;
  document.title = `${model.name} · albertlm`;
  const tasks = Object.keys(TASKS).filter((each) => model.tasks.includes(each));
  const titles = Object.fromEntries(tasks.map((each) => [each, TASKS[each].title]));
  const chosen = [task, ...model.tasks].find((each) => tasks.includes(each));
  parts.facts.textContent = facts(model);
  parts.tasks.replaceChildren(
    element("legend", {}, "Task"),
    ...choices("task", titles, chosen, chooseTask),
  );
  state.task = chosen;
  parts.form.hidden = !chosen;
  parts.request.hidden = !chosen || !backend.address;
  if (chosen) return chooseTask(chosen);
  problem(`The model is ${model.state}${model.problem ? `: ${model.problem}` : ""}.`);
  if (model.state === "loading") setTimeout(() => reload(model.name), LOADING);
}

function facts({ max_length: most, download }) {
  const size = download && `${(download / 1e6).toFixed(1)} MB are downloaded, and nothing is sent`;
  return [most && `reads up to ${most} tokens`, size].filter(Boolean).join("; ");
}

function chooseTask(name) {
  const before = values();
  begin();
  state.task = name;
  const { purpose, fields } = TASKS[name];
  const examples = examplesOf(name, state.model);
  parts.purpose.textContent = purpose;
  parts.fields.replaceChildren(...fields.map(field));
  parts.examples.replaceChildren(...examples.map(exampleButton));
  parts.result.replaceChildren(element("p", { class: "hint" }, "The result will be shown here."));
  const isAsked = fields.every(({ name: each, optional }) => optional || before[each]);
  const hasMask = String(before.text).includes(MASK);
  fill(isAsked && hasMask === (name === "fill-mask") ? before : examples[0]);
}

function field({ name, label, rows, hint, box, optional, mask }) {
  const id = `field-${name}`;
  const attributes = { id, name, required: !optional, "aria-describedby": hint && `${id}-hint` };
  if (box) {
    const input = element("input", { ...attributes, type: "checkbox" });
    return element("p", { class: "box" }, input, element("label", { for: id }, label));
  }
  const input = rows
    ? element("textarea", { ...attributes, rows })
    : element("input", { ...attributes, type: "text", autocomplete: "off" });
  const head = element("p", { class: "label" }, element("label", { for: id }, label));
  if (hint) head.append(element("span", { class: "hint", id: `${id}-hint` }, hint));
  if (mask) head.append(maskButton(input));
  return element("div", {}, head, input);
}

function maskButton(input) {
  const button = element("button", { type: "button", id: "mask" }, `Insert ${MASK}`);
  button.addEventListener("click", () => {
    input.setRangeText(MASK, input.selectionStart, input.selectionEnd, "end");
    input.focus();
    update();
  });
  return button;
}

function exampleButton(example) {
  const told = Object.values(example)[0].split("\n")[0];
  const button = element("button", { type: "button" }, told);
  button.addEventListener("click", () => {
    fill(example);
    compute();
  });
  return button;
}

function values() {
  const inputs = [...parts.fields.querySelectorAll("input, textarea")];
  return Object.fromEntries(
    inputs.map(({ name, type, checked, value }) => [name, type === "checkbox" ? checked : value]),
  );
}

function fill(given) {
  for (const input of parts.fields.querySelectorAll("input, textarea")) {
    const value = given[input.name];
    if (input.type === "checkbox") input.checked = value === true || value === "true";
    else input.value = value ?? "";
  }
  update();
}

async function compute() {
  if (!parts.form.reportValidity()) return;
  const signal = begin();
  const { model, task } = state;
  const given = values();
  parts.result.setAttribute("aria-busy", "true");
  const tell = (text) => {
    if (!signal.aborted) parts.status.textContent = text;
  };
  try {
    const found = await backend.call(model, task, TASKS[task].body(given), tell, signal);
    if (signal.aborted) return;
    parts.result.replaceChildren(TASKS[task].show(found, given));
    parts.result.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (signal.aborted) return;
    fail(error);
  }
  tell("");
  parts.result.removeAttribute("aria-busy");
}

/** Give up what is being computed, and what is told of it; returns the signal of what comes next. */
function begin() {
  state.pending.abort();
  state.pending = new AbortController();
  parts.problem.textContent = parts.status.textContent = "";
  parts.result.removeAttribute("aria-busy");
  return state.pending.signal;
}

function fail(error) {
  problem(error.message);
  if (error.status !== UNAUTHORIZED) return;
  parts.login.hidden = false;
  parts.token.focus();
}

function problem(text) {
  parts.problem.textContent = text;
  parts.result.replaceChildren();
  if (parts.workplace.hidden) parts.status.textContent = text;
}

/** Check the fields, and show the request that they make. */
function update() {
  const { model, task, language } = state;
  const given = values();
  for (const { name, least, optional } of TASKS[task].fields) {
    const count = String(given[name]).split("\n").filter((line) => line.trim()).length;
    const wanted = least ? `Enter ${least} lines or more.` : "Enter a text.";
    const isEnough = optional || count >= (least ?? 1);
    parts.fields.querySelector(`[name="${name}"]`).setCustomValidity(isEnough ? "" : wanted);
  }
  if (!backend.address) return;
  parts.code.firstElementChild.textContent = snippet(language, {
    address: backend.address(model, task),
    body: TASKS[task].body(given),
    python: TASKS[task].python?.(given),
    hasToken: Boolean(backend.token),
  });
}

function chooseLanguage(language) {
  state.language = language;
  update();
}

async function copy(button, text) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copying is not allowed here";
  }
  setTimeout(() => (button.textContent = label), 2000);
}

function shared() {
  const given = Object.entries(values()).filter(([, value]) => value);
  const fragment = new URLSearchParams([
    ["model", state.model.name],
    ["task", state.task],
    ...given,
  ]);
  history.replaceState(null, "", `#${fragment}`);
  return location.href;
}

parts.model.addEventListener("change", () => chooseModel(state.models[parts.model.selectedIndex]));
parts.form.addEventListener("input", update);
parts.form.addEventListener("submit", (event) => {
  event.preventDefault();
  compute();
});
parts.form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) compute();
});
parts.share.addEventListener("click", () => copy(parts.share, shared()));
parts.copy.addEventListener("click", () => copy(parts.copy, parts.code.textContent));
parts.login.addEventListener("submit", (event) => {
  event.preventDefault();
  backend.token = parts.token.value.trim();
  parts.status.textContent = "";
  if (state.models.length) {
    parts.login.hidden = true;
    compute();
  } else start();
});
addEventListener("hashchange", follow);
start();

// A model that is computed in the browser, by ONNX Runtime.

import { LOCAL_TASKS } from "./local_tasks.js";
import { Tokenizer } from "./tokenizer.js";

export class LocalModel {
  #address;
  #opened;

  /** @param {URL} address The description of the model, with its files beside it. */
  constructor(address) {
    this.#address = address;
  }

  /** The only model; nothing else is downloaded yet. */
  async models() {
    return [await (await fetch(this.#address)).json()];
  }

  /** Carry out a task, as a server does; the first call downloads the model. */
  async call(model, task, body, tell) {
    this.#opened ??= this.#open(model, tell).catch((error) => {
      this.#opened = undefined; // the next call tries again
      throw error;
    });
    const runner = await this.#opened;
    tell("Computing…");
    return LOCAL_TASKS[task](runner, body);
  }

  async #open(model, tell) {
    const runtime = new URL(model.runtime, this.#address);
    const { InferenceSession, Tensor, env } = await import(new URL(model.library, runtime));
    env.wasm.numThreads = 1; // more need headers that few servers of files send
    env.wasm.wasmPaths = runtime.href;
    const vocabulary = await (await fetch(new URL(model.vocabulary, this.#address))).json();
    const bytes = await download(new URL(model.graph, this.#address), tell);
    tell("Starting the model…");
    const session = await InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    const run = ({ ids, kinds }) => {
      if (ids.length > model.max_length) {
        throw new Error(
          `The text has ${ids.length} tokens, but the model reads at most ${model.max_length}; shorten it.`,
        );
      }
      const tensor = (values) =>
        new Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
      return session.run({
        input_ids: tensor(ids),
        attention_mask: tensor(ids.map(() => 1)),
        token_type_ids: tensor(kinds),
      });
    };
    return { run, tokenizer: new Tokenizer(vocabulary), model };
  }
}

async function download(address, tell) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname} could not be downloaded; is it there?`);
  const size = Number(response.headers.get("Content-Length"));
  const chunks = [];
  let read = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    read += value.length;
    tell(`Downloading the model: ${megabytes(read)} of ${megabytes(size)} MB…`);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

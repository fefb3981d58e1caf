// Models that a server computes.

const TRIES = 30;
const TOKEN = "token";

/** What keeps a request from being answered; a status of 401 asks for a token. */
export class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Server {
  /** The server that the page comes from. */
  constructor(root) {
    this.root = root;
  }

  /** What is said of the models of a server, each with a name and tasks. */
  async models() {
    return (await this.#answer("info")).models;
  }

  get token() {
    return sessionStorage.getItem(TOKEN) ?? "";
  }

  set token(value) {
    sessionStorage.setItem(TOKEN, value);
  }

  /** The address of a task. */
  address(model, task) {
    const name = model.name.split("/").map(encodeURIComponent).join("/");
    return new URL(`models/${name}/pipeline/${task}`, this.root).href;
  }

  /**
   * Carry out a task; a model that is loading is waited for.
   *
   * @param model One of the models.
   * @param {string} task One of its tasks.
   * @param body The request in the form of the hub.
   * @param {(text: string) => void} tell Is called with what is waited for.
   * @param {AbortSignal} signal Gives up.
   * @returns The answer in the form of the hub.
   */
  async call(model, task, body, tell, signal) {
    const request = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    };
    return this.#answer(this.address(model, task), request, tell);
  }

  async #answer(address, request = {}, tell = () => {}) {
    const headers = { ...request.headers };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    for (let tries = 1; ; tries++) {
      const response = await fetch(new URL(address, this.root), { ...request, headers }).catch(() => {
        throw new RequestError("The server cannot be reached. Is it still running?");
      });
      if (response.ok) return response.json();
      const wait = Number(response.headers.get("Retry-After"));
      if (response.status !== 503 || !wait || tries === TRIES) {
        const told = (await response.json().catch(() => undefined))?.error;
        throw new RequestError(told ?? `The server answered ${response.status}.`, response.status);
      }
      tell("The model is loading…");
      await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    }
  }
}

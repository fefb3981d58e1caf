// A request as a program, in the languages that it can be shown in.

export const LANGUAGES = { curl: "curl", python: "Python", javascript: "JavaScript" };

/**
 * A request as code.
 *
 * @param {string} language One of `LANGUAGES`.
 * @param {{address: string, body: object, python: array | undefined, hasToken: boolean}} request
 *   `python` is the method of the hub's client, its arguments, and those that have names.
 */
export function snippet(language, request) {
  return { curl, python, javascript }[language](request);
}

function curl({ address, body, hasToken }) {
  const data = JSON.stringify(body).replaceAll("'", "'\\''");
  return [
    `curl ${address}`,
    ...(hasToken ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    "-H 'Content-Type: application/json'",
    `-d '${data}'`,
  ].join(" \\\n  ");
}

function python({ address, body, python: call, hasToken }) {
  if (!call) {
    const headers = hasToken ? ', headers={"Authorization": f"Bearer {token}"}' : "";
    return `import requests\n\nresponse = requests.post(\n    "${address}",\n    json=${literal(body)}${headers},\n)\nprint(response.json())`;
  }
  const [method, given, named] = call;
  const options = Object.entries(named).map(([name, value]) => `${name}=${literal(value)}`);
  const token = hasToken ? ", token=token" : "";
  return [
    "from huggingface_hub import InferenceClient",
    "",
    `client = InferenceClient("${address}"${token})`,
    `print(client.${method}(${[...given.map(literal), ...options].join(", ")}))`,
  ].join("\n");
}

/** A value in Python. */
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value && typeof value === "object") {
    const entries = Object.entries(value).map(([key, each]) => `${literal(key)}: ${literal(each)}`);
    return `{${entries.join(", ")}}`;
  }
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

function javascript({ address, body, hasToken }) {
  const token = hasToken ? "\n    Authorization: `Bearer ${token}`," : "";
  return `const response = await fetch("${address}", {
  method: "POST",
  headers: {
    "Content-Type": "application/json",${token}
  },
  body: JSON.stringify(${JSON.stringify(body)}),
});
console.log(await response.json());`;
}

// Tokenize lines: node tokenize.mjs TOKENIZER.JS VOCABULARY.JSON < lines.json > rows.json
// A row has the ids of a line and the start and end of each token.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [script, file] = process.argv.slice(2);
const { Tokenizer } = await import(pathToFileURL(script));
const tokenizer = new Tokenizer(JSON.parse(fs.readFileSync(file)));
const rows = JSON.parse(fs.readFileSync(0)).map((line) => {
  const { ids, spans } = tokenizer.encode(line);
  return [ids, spans];
});
process.stdout.write(JSON.stringify(rows));

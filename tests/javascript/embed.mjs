// Embed texts with OpenAI's client: node embed.mjs URL < request.json > vectors.json
import fs from "node:fs";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const models = await client.models.list();
const { data } = await client.embeddings.create(JSON.parse(fs.readFileSync(0)));
const vectors = data.map(({ embedding }) => embedding);
console.log(JSON.stringify({ models: models.data.map(({ id }) => id), vectors }));

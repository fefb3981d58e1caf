// Run exports: node run.mjs RUNTIME FOLDER... < inputs.json > outputs.json
// Inputs are rows of integers by name; the outputs of each export have dimensions and values by name.
import fs from "node:fs";
import path from "node:path";

const [runtime, ...folders] = process.argv.slice(2);
const inputs = JSON.parse(fs.readFileSync(0));

async function run(folder) {
  if (runtime === "transformers") {
    const { AutoModel, Tensor, env } = await import("@huggingface/transformers");
    env.localModelPath = path.dirname(folder);
    env.allowRemoteModels = false;
    const options = { dtype: "fp32", subfolder: "", model_file_name: "model" };
    const model = await AutoModel.from_pretrained(path.basename(folder), options);
    return model(tensors(Tensor));
  }
  const ort = await import(`onnxruntime-${runtime}`);
  const file = path.join(folder, "model.onnx");
  // onnxruntime-web opens no files
  const model = runtime === "web" ? fs.readFileSync(file) : file;
  return (await ort.InferenceSession.create(model)).run(tensors(ort.Tensor));
}

function tensors(Tensor) {
  const named = Object.entries(inputs).map(([name, rows]) => {
    const values = BigInt64Array.from(rows.flat(), BigInt);
    return [name, new Tensor("int64", values, [rows.length, rows[0].length])];
  });
  return Object.fromEntries(named);
}

const found = [];
for (const folder of folders) {
  const outputs = Object.entries(await run(folder)).map(([name, { dims, data }]) => {
    return [name, { dims, values: Array.from(data, Number) }];
  });
  found.push(Object.fromEntries(outputs));
}
console.log(JSON.stringify(found));

"""The protocols of the clients that people have; each has its routes, schemas and form of errors.

hub: the tasks of the Hugging Face hub, as `huggingface_hub.InferenceClient` calls them.
hub_schemas: what these tasks ask for and answer.
open_inference: version 2 of the Open Inference Protocol, as KServe and Triton have it.
openai: embeddings and models, as OpenAI's clients ask for them.
schemas: shared by all protocols: strict JSON, texts, errors in OpenAPI, vectors.
tei: the routes of text-embeddings-inference.
"""

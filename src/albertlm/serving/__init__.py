"""The inference API: models behind the protocols of the clients that people have, and a page.

A process answers HTTP and never computes; each model is computed by worker processes of its own. So
a worker that dies is replaced, a model whose folder changes is exchanged when the new one is warm,
and one that is idle gives back all of its memory. `protocols` has the routes and schemas of the
hub, OpenAI, text-embeddings-inference and Open Inference, and `page` the files of the page.

serving_config: what is served and the limits, from options or the environment.
errors: why a request is not answered.
service: what protocols ask of the models.
model_service: the models that are served.
served_model: a model, whose workers are started, exchanged, replaced and unloaded.
folders: the names of models, and when a folder has changed.
worker_process: a worker process, as the front sees it.
worker: the process itself, and the messages.
loaded_model: a model with all the tasks that it has.
batching: the calls of concurrent requests in batches.
app: the application, which is all routes behind the limits, and errors in their protocol's form.
health: whether the server lives and its models are ready, and its metrics.
authorization: bearer tokens.
limits: what a request may weigh.
calls: one call of a model for a request.
logs: what is seen of each request, in headers and in the log.
request_metrics: metrics for Prometheus.
server: the process that listens, and drains when it is told to stop.
on_ray: the same application on Ray Serve.
page_files: the files of the page, and what they may load.
page_routes: the page and its files over HTTP.
page_vocabulary: a vocabulary of SentencePiece in the form that the tokenizer of the page reads.
static_page: the page as a folder, with a model that is computed in the browser.
"""

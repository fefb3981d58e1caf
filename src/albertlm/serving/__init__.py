"""The inference API: models behind the protocols of the clients that people have, and a page.

A process answers HTTP and never computes; each model is computed by worker processes of its own. So
a worker that dies is replaced, a model whose folder changes is exchanged when the new one is warm,
and one that is idle gives back all of its memory.

config: what is served and the limits, from options or the environment.
errors: why a request is not answered.
page_files: the files of the page, and what they may load.
page_routes: the page and its files over HTTP.
page_vocabulary: a vocabulary of SentencePiece in the form that the tokenizer of the page reads.
service: the models, their workers, and the queue before them.
static_page: the page as a folder, with a model that is computed in the browser.
"""

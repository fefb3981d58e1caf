"""Make token shards and training batches, and score predictions.

build_tokens: tokenise a corpus into token shards.
token_shards: token shards on disk: ids and the bounds of sentences, paragraphs and documents.
segments: cut token shards into pairs of segments with a sentence label (paper section 3.1).
spans: choose the tokens to predict: single tokens, or runs of whole words.
masking: mask or replace the chosen tokens (paper equation 1).
batches: batches of examples, and positions in a stream of them.
loader: make batches from token shards: every example once per epoch, in a seeded order.
mixture: make batches from several corpora, each of which has a share of the examples.
prefetch: make batches in advance, in a thread or in processes, in the order of the stream.
coverage: check that every example of an epoch was seen exactly once.
randomness: random numbers that depend only on their purpose.
packing: pack texts of different lengths into rows.
scoring: the loss and accuracy of predictions, from logits and labels.
"""

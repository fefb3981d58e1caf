"""Pipelines, which process texts with a model.

base: shared by all pipelines: options, tokenization, and batches sorted by length.
features: vectors for texts, or for each of their tokens.
fill_mask: the most probable tokens for the masks of a text.
multiple_choice: the most probable of several choices for a context.
question_answering: answers to questions, as spans of a context.
reranking: texts in the order of how well they answer a query.
sentence_order: the probability that two sentences are in order.
sentence_similarity: how similar sentences are, by the cosines of their features.
text_classification: the labels of texts or pairs, or the number that a regression gives.
token_classification: the labels of words, and the entities that they make up.
zero_shot_classification: labels that a model was never trained on.
"""

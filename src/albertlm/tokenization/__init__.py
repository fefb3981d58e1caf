"""From text to token ids and back: the tokenizer, and the training of vocabularies for it.

added_tokens: finding added tokens, such as `[MASK]`, in texts.
batch_encoding: what a call of the tokenizer returns, and the rows that it consists of.
checks: checks of the arguments that the tokenizer is called with.
definition: a `tokenizer.json`: what rules it has, and its form for a vocabulary of SentencePiece.
encoder: the interface of what encodes texts with a vocabulary of any kind.
encoding: from token ids to the model's inputs: truncation, padding and tensors.
google_segmenter: text to pieces as Google's code does it, with SentencePiece and the digit-comma
    rule.
hub_format: a tokenizer's files on the hub: the vocabulary, and `tokenizer_config.json`.
hub_normalization: text normalisation as the `tokenizer.json` of the hub's ALBERT defines it.
hub_segmenter: text to pieces as `tokenizers` does it with the hub's `tokenizer.json`.
library_encoder: encoding with a vocabulary of any other kind, through `tokenizers`.
model_file: a vocabulary of SentencePiece: its pieces, and what it says about itself.
normalization: text normalisation as in Google's code, with a map back to the original text.
opening: from the file of a vocabulary to what encodes texts with it.
piece_encoder: encoding with a vocabulary of SentencePiece, in Google's way or in that of the hub.
pieces: conversion between pieces and ids, from ids to text, and tokens that are added.
segmenter: the interface of both segmenters, and the types that they use.
special_tokens: the special tokens of a vocabulary, and tokens that are added to it.
tokenizer: the tokenizer, which converts texts to the model's inputs.
training_process: SentencePiece's training, in a process that can be interrupted.
vocabulary: training a vocabulary, and measuring how well one fits a text.
wordpiece: BERT's vocabularies: a `vocab.txt` of word pieces.
"""

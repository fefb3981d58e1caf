"""Build a corpus of clean, deduplicated, sentence-split documents from dumps, books and files.

abbreviations: after which abbreviations a sentence goes on, by language.
buckets: group documents whose fingerprints share a hash, and compare their signatures.
build: run all steps of a build: read, clean, filter, split, deduplicate and write.
cleaning: repair damaged characters and remove leftover markup, extra whitespace and headings.
compression: decompress files in bounded memory.
documents: the records that the stages exchange: documents, drops and spans of inputs.
duplicates: find exact and near copies among any number of documents by their fingerprints.
files: list, open and decompress input files, given as local paths or fsspec URLs.
filters: decide which documents are worth training on.
fingerprints: reduce a document of any length to the 528 bytes by which its copies are found.
inputs: divide inputs of any format into spans, and read documents from spans.
languages: language codes of the Wikipedias, and the English names of common languages.
sentences: split text into sentences, and store them as text.
shards: read, write and sample a corpus on disk: parquet shards and their manifest.
stages: the two steps of a build that process every document: prepare and write.
statistics: count documents, sentences and words, and plot how their lengths are distributed.
"""

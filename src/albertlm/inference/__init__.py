"""Engines compute hidden states, heads compute logits, and pipelines process texts.

factory: make a pipeline from a task and the name of a model.
bulk: features or filled masks of every line of a large file, in shards.
early_exit: fewer applications for texts whose prediction is confident.
heads: the heads in NumPy, on the hidden states of any engine.
accuracy: how closely an engine in int8 agrees with float32, and the limit.
exported: an export as an engine, to compare it with its model.
speed: how fast the engines are on this machine, remembered for `engine="auto"`.
processor: what the processor can do.
threads: products of heads beside a library with threads of its own.
arithmetic: NumPy functions for engines and heads.
"""

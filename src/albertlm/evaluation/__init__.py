"""Evaluation of models.

pretraining: score masked tokens and sentence order on held-out documents.
tasks: score a model on the examples of a task, through the pipelines that serve it.
"""

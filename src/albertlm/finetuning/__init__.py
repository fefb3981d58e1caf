"""Fine-tuning of a model on a task from end to end: data, runs with several seeds, results.

task_data: the training and dev data of a task, checked, and what they have in common.
job: a fine-tuning as every process receives it.
seeds: runs with several seeds, of which failed ones are started again.
grid: the same with each combination of some values of the recipe.
failures: signs that a run has learned nothing.
preview: what a fine-tuning would do, without training.
"""

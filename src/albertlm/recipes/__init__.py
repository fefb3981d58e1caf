"""Complete configurations for pretraining and fine-tuning, by name.

ablations: the paper's ablations, as recipes that differ from a base recipe in one respect.
card: the results of the eight released models.
published: the eight released models as they were pretrained.
tasks: recipes for fine-tuning, by task and size of the model.
registry: all recipes by name.
small: recipes for small budgets: a few minutes, a night on a CPU, ten minutes or an hour on a GPU.
"""

"""What tasks are, how their files are read, and how predictions are scored.

task: what a task is: its head, labels, metrics and files, how they are read, how it is scored.
catalogue: all tasks by name.
rows: rows of tables with their places: TSV, CSV, JSON lines and parquet, compressed or not.
hub_data: data sets of the hub as files.
columns: the official tables of tasks on texts and pairs.
labels: names of classes, their order, and their place in a checkpoint.
leaks: rows that training and dev data share, and splitting of a file in two.
predictions: files of predictions.
submission: files that GLUE's server accepts.
comparison: comparison of two models by their predictions.
scores: formulas of scores.
classification: scoring of classes, numbers and choices.
glue: the tasks of GLUE.
hans: HANS, and the two classes that three of MNLI stand for.
race: RACE.
squad: SQuAD: its files, the comparison of answers, and the scores of version 1.1.
squad_v2: the scores and thresholds of SQuAD 2.0.
tagging: tags of words, the entities that they mark, and scores of both.
conll: sentences of tagged words.
own: a user's own task.
windows: texts, or questions with their contexts, in windows of tokens.
answers: logits of starts and ends in windows to answers.
choices: multiple choice as rows of tokens.
words: labels of tokens to labels of words, and those to entities.
"""

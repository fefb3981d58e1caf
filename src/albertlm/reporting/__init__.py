"""Reports on runs, tasks and bias as numbers, figures and pages, and model cards.

history: the configuration and the log of a pretraining run, read from its folder.
summary: a run in numbers: its size, totals, and last and best values.
curves: plot the curves of one or several runs in one figure.
across: the horizontal axis of the curves, with phases and events.
page: write the report on one or several runs as a Markdown page with tables.
task_results: results of tasks, gathered into the table of the model card.
figures: the style of all figures, how they are saved, and those of a corpus and of answers.
audit: the file of an audit of bias, and its rows.
bias_figures: the figures of an audit.
bias_page: the page of an audit.
card_facts: what the files of a model, its runs, evaluations and audits say of it.
card_words: what people say of a model.
model_card: the model card, made of both.
"""

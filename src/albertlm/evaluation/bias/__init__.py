"""Bias of masked language models, and whether a model is good enough for it to be measured.

attention: how much attention each token receives.
contrasts: the items whose scores differ most.
counterfactual: what a classifier predicts where only the group differs.
crows_pairs: which of two sentences a model prefers, one of them more stereotyping.
likelihood: log-probabilities of pieces at masked and visible positions, in full batches.
probes: what a model writes in the place of a mask for one group and for another.
rates: what a classifier gets right, of all texts and by group.
resampling: intervals, tests and corrections, with fixed seeds.
stereoset: whether a model prefers stereotypes, and what makes sense.
swapped_data: a user's texts with swapped words, and the control of a model.
swaps: texts about two groups that differ in nothing else.
validity: what a model knows of the sentences that measure its bias.
winobias: which pronoun a model expects for an occupation.
word_lists: templates, groups and words of probes, from files and built in.
"""

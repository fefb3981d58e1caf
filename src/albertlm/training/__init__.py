"""The training loop and the runs that it trains.

run: the interface between the loop and a run.
loop: steps, accumulation, checkpoints, rollback, logging and stopping, for any run.
pretraining: the pretraining run: its data, loss, validation and output.
objective: the loss of pretraining, over masked tokens and sentence orders.
finetuning: the fine-tuning run: its data, loss, looks at dev data, and output.
finetuning_config: the configuration of a fine-tuning run.
features: examples of a task as rows of tokens with labels.
labelled: batches of labelled examples with similar lengths.
losses: the losses of fine-tuning.
run_config: the configuration of a run, and the options of its execution.
launch: start a run in this process, in those of torchrun, or on a Ray cluster.
budget: the time of a run, and the plan that fixes its steps so that they take this time.
clock: measure the time of a run's steps, and watch the time that it has left.
judgement: the rules by which a run is judged from its losses: spikes and plateaus.
exports: the models that a run writes into its folder, at its end and before.
group: communication between the processes of a run.
steps: make optimizer steps without waiting for the device, and read their values later.
stopping: stop a run on a signal.
updates: update weights from gradients, in one process or several.
optimizer: LAMB exactly as in google-research/albert, and AdamW.
initialisation: initial weights: random, or from a checkpoint of another depth, length or
    vocabulary.
snapshots: the checkpoints of a run, with all that is needed to resume it.
memory: check that a run fits into memory before its first step.
devices: the precision, the speed and the pauses of a device.
metrics: the log of a run: `metrics.jsonl`, and TensorBoard files if TensorBoard is installed.
"""

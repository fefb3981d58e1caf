"""Run an ONNX file with the inputs of a .npz: python run_graph.py MODEL INPUTS OUTPUT.

It imports as little as possible, since it is also run on an emulated processor.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime

if __name__ == "__main__":
    model, inputs, output = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (states,) = session.run(["last_hidden_state"], dict(np.load(inputs)))
    np.save(output, states)

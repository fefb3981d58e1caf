"""ALBERT as a graph for other runtimes, with the shared layer as the body of a loop.

graph: the model over the operations of a format, written once for all formats.
package: folders with a graph, a tokenizer, a card and examples, and their check.
onnx: the operations of ONNX, and graphs for ONNX Runtime.
openvino: the operations of OpenVINO, and graphs for it.
"""

"""Models as ONNX files (extra "onnx"), for onnxruntime and others; checked against onnxruntime.

``model.to_onnx(path)`` of the models writes them; `ids_of_texts` gives what a file that reads ids takes.
"""

from pyffnn.integrations.onnx.graph import OPSET
from pyffnn.integrations.onnx.models import ids_of_texts, to_onnx

__all__ = ["OPSET", "ids_of_texts", "to_onnx"]

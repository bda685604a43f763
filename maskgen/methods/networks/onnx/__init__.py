"""Any saliency network as an ONNX file."""

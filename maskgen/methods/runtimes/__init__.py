"""What runs a learned network: torch, OpenVINO or ONNX Runtime."""

"""Inpainting networks as ONNX files: `declaration` says what one takes and gives, `method` fills with it."""

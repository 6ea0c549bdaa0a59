"""The network as an ONNX file: export, 8-bit numbers, a gate of parity with PyTorch, and a session to run it.

Needs `pip install 'tripack[onnx]'`; nothing here is imported unless it is asked for.
"""

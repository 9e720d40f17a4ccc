"""The embedded model server: TensorFlow Serving's flags, wire protocol and model directory, without TensorFlow."""

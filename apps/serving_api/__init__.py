"""Speak TensorFlow Serving's wire protocol without TensorFlow: messages, tensors, channel and client."""

"""The way from pictures to a commit as a Kubeflow pipeline; its steps are calls of the command line (docs/pipeline.md).

Apart from `calls` and `steps` these modules need kfp (requirements/pipeline.txt), and none of them needs TensorFlow.
"""

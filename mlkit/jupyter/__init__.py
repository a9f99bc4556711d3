"""mlkit's additions to Jupyter: the extension of the kernels that `mlkit run` starts, and JupyterLab's hook after a save."""

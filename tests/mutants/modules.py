"""Which tests must notice a change of which module. A row names quick tests: each mutant runs all of them until one fails.

A module is its path below `mlkit`, tests are patterns of paths below `tests`.
"""

MODULES = {
    "gates": ("unit/test_gates*.py",),
    "intervals": ("unit/test_intervals*.py", "unit/test_gates*.py"),
    "parameters/binding": ("unit/test_parameter*.py",),
    "parameters/checked_values": ("unit/test_parameter*.py",),
    "parameters/parameter_file": ("unit/test_parameter*.py",),
    "parameters/parameters_cell": ("unit/test_parameter*.py",),
    "parameters/typed_text": ("unit/test_parameter*.py",),
    "evidence": ("unit/test_evidence*.py",),
    "steps": ("unit/test_steps*.py", "unit/test_reuse*.py"),
    "movielens/splits": ("unit/test_movielens_s*.py",),
    "tabular/splits": ("unit/test_tabular_s*.py",),
    "recordio/reading": ("unit/test_recordio*.py", "unit/test_inference_formats*.py"),
    "recordio/writing": ("unit/test_recordio*.py", "unit/test_inference_formats*.py"),
    "screening/rules": ("unit/test_screening*.py",),
    "screening/texts": ("unit/test_screening*.py",),
    "local/guard": ("unit/test_guard*.py",),
    "runner/client": ("unit/test_runner.py", "unit/test_runner_ends.py"),
    "runner/engine": ("unit/test_runner.py", "unit/test_runner_ends.py"),
    "runner/iopub": ("unit/test_runner.py", "unit/test_runner_ends.py"),
    "local/codepipeline/engine": ("unit/test_codepipeline_[ae]*.py",),
}

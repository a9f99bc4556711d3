"""Which tests must notice a change of which module. A row names quick tests: each mutant runs all of them until one fails.

A module is its path below `mlkit` or below the sources of another package; tests are patterns of paths below the repository.
"""

from pathlib import Path

_SOURCES = ("mlkit", "packages/sagemaker_formats/src/sagemaker_formats", "packages/localaws/src")

MODULES = {
    "gate/estimate": ("tests/unit/test_estimates.py",),
    "gate/metrics": ("tests/unit/test_metrics.py",),
    "gate/policy": ("tests/unit/test_estimates.py",),
    "gate/slices": ("tests/unit/test_slices.py",),
    "gate/answers": ("tests/unit/test_targets.py",),
    "gate/baselines": ("tests/unit/test_baselines.py",),
    "gate/error_table": ("tests/unit/test_targets.py",),
    "gate/target": ("tests/unit/test_targets.py",),
    "data/label_figures": ("tests/unit/test_targets.py",),
    "tabular/columns": ("tests/unit/test_tabular_columns.py",),
    "tabular/encoding": ("tests/unit/test_tabular_encoding.py",),
    "gate/verdicts": ("tests/unit/test_gates*.py", "tests/unit/test_estimates.py"),
    "gate/bootstrap": ("tests/unit/test_intervals*.py", "tests/unit/test_gates*.py"),
    "parameters/binding": ("tests/unit/test_parameter*.py",),
    "parameters/checked_values": ("tests/unit/test_parameter*.py",),
    "parameters/parameter_file": ("tests/unit/test_parameter*.py",),
    "parameters/parameters_cell": ("tests/unit/test_parameter*.py",),
    "parameters/typed_text": ("tests/unit/test_parameter*.py",),
    "evidence/manifest": ("tests/unit/test_evidence*.py",),
    "evidence/envelope": ("tests/unit/test_envelope*.py", "tests/unit/test_verification*.py"),
    "evidence/verification": ("tests/unit/test_verification*.py",),
    "evidence/sealed_records": ("tests/unit/test_verification*.py",),
    "evidence/bundle": ("tests/unit/test_verification*.py",),
    "evidence/seals": ("tests/unit/test_verification*.py",),
    "evidence/seal_chain": ("tests/unit/test_verification*.py",),
    "evidence/sealed_results": ("tests/unit/test_verification*.py",),
    "evidence/sealed_source": ("tests/unit/test_verification*.py",),
    "evidence/strict_json": ("tests/unit/test_strict_json.py",),
    "evidence/staged": ("tests/unit/test_staged.py",),
    "evidence/archives": ("tests/unit/test_zipped_artifacts.py",),
    "evidence/layout": ("tests/unit/test_places_of_evidence.py",),
    "evidence/agreement": ("tests/unit/test_sealing.py",),
    "aws/object_versions": ("tests/unit/test_sealing.py",),
    "aws/gathering": ("tests/unit/test_sealing.py",),
    "aws/sealing": ("tests/unit/test_sealing.py",),
    "aws/approval_message": ("tests/unit/test_approval_message.py",),
    "aws/approved": ("tests/unit/test_approved_seals.py",),
    "aws/tools_upload": ("tests/unit/test_places_of_evidence.py",),
    "project/evidence_tools": ("tests/unit/test_evidence_tools.py",),
    "reuse/finished_steps": ("tests/unit/test_steps*.py", "tests/unit/test_reuse*.py"),
    "movielens/splits": ("tests/unit/test_movielens_s*.py",),
    "tabular/splits": ("tests/unit/test_tabular_s*.py",),
    "recordio/framing": ("packages/sagemaker_formats/tests/test_*.py",),
    "recordio/layouts": ("packages/sagemaker_formats/tests/test_*.py",),
    "recordio/message": ("packages/sagemaker_formats/tests/test_*.py",),
    "recordio/reader": ("packages/sagemaker_formats/tests/test_*.py",),
    "recordio/varints": ("packages/sagemaker_formats/tests/test_*.py",),
    "recordio/writer": ("packages/sagemaker_formats/tests/test_*.py",),
    "screening/rules": ("tests/unit/test_screening*.py",),
    "screening/texts": ("tests/unit/test_screening*.py",),
    "localaws/front/guard": ("packages/localaws/tests/unit/test_guard*.py",),
    "runner/notebook_client": ("tests/unit/test_notebook_client.py",),
    "runner/papermill_engine": ("tests/unit/test_papermill_engine.py",),
    "runner/iopub": ("tests/unit/test_iopub.py",),
    "localaws/codepipeline/scheduler": ("packages/localaws/tests/unit/test_codepipeline_[ae]*.py",),
}


def path_of(module: str, root: Path) -> Path:
    """The module's file in the repository, or the copy of it, at `root`."""
    return next(path for source in _SOURCES if (path := root / source / f"{module}.py").is_file())

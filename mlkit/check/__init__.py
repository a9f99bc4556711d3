"""Whether mlkit.yml's steps, the notebooks and the templates fit together, found without running anything.

project_check        the check of a whole project
step_check           steps against their notebooks, and against the builds that run them
templates            which values CloudFormation gives to builds
dataset_names        one name for the data in all places that say it
committed_notebooks  what git holds of the notebooks
"""

from mlkit.check.project_check import Checked, Problem, check_project

__all__ = ["Checked", "Problem", "check_project"]

"""Compares mlkit.yml's steps, the notebooks and the templates, without running anything.

project_check        the check of a whole project
step_check           compares steps with their notebooks, and with the builds that run them
template_builds      the values that templates pass to builds
dataset_names        compares the names of the data in all places
committed_notebooks  checks the notebooks in git
"""

from mlkit.check.project_check import Checked, Problem, check_project

__all__ = ["Checked", "Problem", "check_project"]

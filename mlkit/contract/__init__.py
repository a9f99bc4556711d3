"""Whether the project's buildspecs and templates pass its notebooks what they take, found without running anything.

located    YAML that remembers its lines
words      shell text as commands and words
shell      a build's shell: which commands it starts, and what its variables may hold
templates  which values CloudFormation gives to builds
calls      `mlkit run` and `papermill` as they read their words
about      one name for the data in all places that say it
committed  what git holds of the notebooks
checking   the check of a whole project
"""

from mlkit.contract.checking import Checked, Problem, check_project

__all__ = ["Checked", "Problem", "check_project"]

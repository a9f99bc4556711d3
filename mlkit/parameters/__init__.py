"""Reads a notebook's parameters from its `parameters` cell, and binds a caller's values to them.

The cell holds only assignments of literals, so that mlkit can read it without running it:

    tune: bool = False             # whether to search for hyperparameters
    epochs = 100                   # the default's type is the parameter's
    instance_type: str | None = None
    split: Literal["hashed", "latest"] = "hashed"  # one of these; a cell above imports Literal, or the annotation is in quotes
    country: str                   # required: no default; run by hand, the notebook stops with NameError at its first use

declared         a parameter: name, type, default and help; the types as the cell writes them
parameters_cell  reads the cell
parameter_file   reads YAML files of values
typed_text       reads typed text as a parameter's type
checked_values   checks that a value has a type, and is the same in JSON and in the kernel
binding          binds a caller's values to a notebook's parameters
refused_values   shows a refused value in a message
"""

from mlkit.notebook.notebook_file import load_notebook
from mlkit.parameters.binding import bind
from mlkit.parameters.declared import Parameter, ParameterType
from mlkit.parameters.parameter_file import parameters_in, read_parameter_file
from mlkit.parameters.parameters_cell import parameters_of, read_parameters
from mlkit.parameters.typed_text import Typed

__all__ = [
    "Parameter",
    "ParameterType",
    "Typed",
    "bind",
    "load_notebook",
    "parameters_in",
    "parameters_of",
    "read_parameter_file",
    "read_parameters",
]

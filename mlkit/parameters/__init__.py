"""A notebook's parameters: read from its own `parameters` cell, and strictly bound to what a caller gives.

The cell holds nothing but assignments of literals, so that it can be read without running it:

    tune: bool = False             # whether to search for hyperparameters
    epochs = 100                   # the default's type is the parameter's
    instance_type: str | None = None
    split: Literal["hashed", "latest"] = "hashed"  # one of these; a cell above imports Literal, or the annotation is a text
    country: str                   # no default: it must be given; run by hand, the notebook stops with NameError where it is used first

declared         what a parameter is
annotations      types as the cell writes them
parameters_cell  the cell
parameter_file   YAML files of values
typed_text       text that was typed, read as a parameter's type
checked_values   whether a value is of a type, and can be kept and given to a kernel as it is
binding          a caller's values for a notebook's parameters
refused_values   how a refusal shows a value
"""

from mlkit.notebook_file import load_notebook
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

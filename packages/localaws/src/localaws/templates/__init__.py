"""Evaluates CloudFormation templates: text, parameters, conditions, intrinsic functions, rules, references.

Pure: it reads no service. What a template takes from its account (exports, SSM parameters, resources) comes in as functions.
Every error is a TemplateError with CloudFormation's text. `tests/unit/test_template_evaluation.py` is the table of conformance.
"""

from localaws.templates.conditions import check_conditions, evaluate_conditions
from localaws.templates.functions import Evaluator, Surroundings
from localaws.templates.parameters import resolve_parameters, value_of
from localaws.templates.references import check_references, creation_order, references
from localaws.templates.rules import check_rules
from localaws.templates.scalars import NO_VALUE, UNKNOWN, NotKnownYetError, TemplateError, as_text, as_texts, is_scalar
from localaws.templates.sections import check_sections, check_shape
from localaws.templates.template_text import parse_template

__all__ = [
    "NO_VALUE",
    "UNKNOWN",
    "Evaluator",
    "NotKnownYetError",
    "Surroundings",
    "TemplateError",
    "as_text",
    "as_texts",
    "check_conditions",
    "check_references",
    "check_rules",
    "check_sections",
    "check_shape",
    "creation_order",
    "evaluate_conditions",
    "is_scalar",
    "parse_template",
    "references",
    "resolve_parameters",
    "value_of",
]

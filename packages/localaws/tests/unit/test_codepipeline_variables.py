"""References to variables, and what becomes of them."""

import pytest

from localaws.codepipeline.action_variables import Unresolved, references, resolve

KNOWN = {"Src": {"CommitId": "abc", "CommitMessage": "say #{Src.CommitId}"}, "codepipeline": {"PipelineExecutionId": "1"}}


def test_references_are_replaced_wherever_they_stand() -> None:
    given = {"A": "#{Src.CommitId}-#{codepipeline.PipelineExecutionId}", "B": "${Src.CommitId} # {x}"}
    assert resolve(given, KNOWN) == {"A": "abc-1", "B": "${Src.CommitId} # {x}"}


def test_a_value_that_looks_like_a_reference_stays_as_it_is() -> None:
    assert resolve({"A": "#{Src.CommitMessage}"}, KNOWN) == {"A": "say #{Src.CommitId}"}


def test_a_variable_that_was_not_produced_is_named_with_those_that_were() -> None:
    with pytest.raises(Unresolved, match=r"#\{Src.Tag\} cannot be resolved. Variables of the namespace Src: CommitId, CommitMessage"):
        resolve({"A": "#{Src.Tag}"}, KNOWN)


def test_a_reference_is_split_at_its_first_period() -> None:
    found = list(references({"A": "#{n.a.b}"}))
    assert [(item.setting, item.namespace, item.key) for item in found] == [("A", "n", "a.b")]

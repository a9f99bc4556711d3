"""What a rule passes to its target: the input's text, and whether EventBridge could deliver it.

EventBridge's guide says that input transformers do not escape what they extract. So a quote or a line break in the text can make the
input no JSON, and then the delivery fails.
"""

import json
from collections.abc import Mapping
from typing import Any

from localaws.kit.open_questions import assumed


def escape_as_assumed(eventbridge: Any) -> None:
    """Escape the extracted text inside a string of the template, if `input-escape` is assumed so."""
    original = eventbridge._render_placeholder

    def render(name: str, token: str, replacements: Mapping[str, Any], in_string: bool) -> str:
        value = replacements.get(name)
        if in_string and isinstance(value, str) and assumed("input-escape") == "escaped":
            return json.dumps(value)[1:-1]
        return str(original(name, token, replacements, in_string))

    eventbridge._render_placeholder = render


def transformed(eventbridge: Any, target: Mapping[str, Any], event: Any, rule: Any, view: Any) -> str | None:
    """The text that the target's input transformer makes; None if the target has no transformer."""
    transformer = target.get("InputTransformer")
    if not transformer:
        return None
    return str(eventbridge._apply_input_transformer(transformer, rule, view or eventbridge._pattern_event_view(event)))


def is_deliverable(target: Mapping[str, Any], text: str | None) -> bool:
    """Whether the transformed input is JSON, or lines of JSON strings. A template without quotes is plain text."""
    if text is None or '"' not in target["InputTransformer"].get("InputTemplate", ""):
        return True
    return _is_json(text) or all(_is_json(line) for line in text.split("\n"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

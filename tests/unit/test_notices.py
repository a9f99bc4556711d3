"""What a build tells by event reaches people as a mail, whatever a notebook's heading or error holds."""

import json

from hypothesis import given
from hypothesis import strategies as st

from mlkit.aws.notices import mailable

TEXT = st.text(st.one_of(st.characters(), st.sampled_from('"\\\n\r\t<>{}')), max_size=300)


@given(TEXT)
def test_a_text_of_a_notebook_stays_within_the_rule_s_json_string(text: str) -> None:
    plain = mailable(text)
    assert json.loads(f'"In {plain}."') == f"In {plain}."
    assert len(plain) <= 200
    assert "<" not in plain  # the start of a variable of the template


def test_a_text_stays_readable() -> None:
    assert mailable("Don't split\nby `user`: µ = 3 %") == "Don't split by user : µ = 3 %"
    assert mailable('KeyError("C:\\data")') == "KeyError('C:/data')"

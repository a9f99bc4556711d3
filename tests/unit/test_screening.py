"""Secrets planted wherever a notebook can hold one. Every planted value is made here, at run time."""

import base64
import copy
import hashlib
import html
import io
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from mlkit.evidence.run_record import Redaction
from mlkit.screening import Screener
from mlkit.screening.notebook_outputs import cell_numbers


def invented(length=24, seed="a"):
    """Letters and digits without a meaning."""
    letters = base64.b64encode(hashlib.sha512(f"{seed} planted".encode()).digest()).decode()
    return "".join(sign for sign in letters if sign.isalnum())[:length]


VALUE = invented()
RULE = "a planted value"
NAME = "pass" + "word"
TRICKY = "a'b\"c\\d<e>&f/g+h " + invented(8, "tricky")
GITHUB = "gh" + "p_" + invented(36, "github")


def notebook(*cells, **metadata):
    return new_notebook(cells=list(cells), metadata=metadata)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def display(**data):
    return new_output("display_data", data={mime.replace("__", "+").replace("_", "/"): value for mime, value in data.items()})


def printed(*outputs):
    return notebook(new_code_cell("show()", outputs=list(outputs)))


def screened(content, known=VALUE):
    """The clean notebook and its redactions; what was given is as it was, and what comes out is a valid notebook."""
    before = copy.deepcopy(content)
    clean, redactions = Screener({RULE: known} if known else {}).notebook(content)
    assert content == before
    nbformat.validate(clean)
    return clean, redactions


def assert_gone(clean, *values):
    text = nbformat.writes(clean)
    for value in values:
        assert value not in text
        assert json.dumps(value)[1:-1] not in text


# Where


def test_a_value_in_source_is_replaced_and_listed_without_itself():
    clean, redactions = screened(notebook(new_markdown_cell("# Title"), new_code_cell(f"connect({VALUE!r})")))
    assert clean.cells[1].source == f"connect('[redacted: {RULE}]')"
    assert redactions == (Redaction(rule=RULE, place="source", cell_number=1),)


def test_a_value_in_markdown_has_no_cell_number():
    clean, redactions = screened(notebook(new_code_cell("1"), new_markdown_cell(f"use `{VALUE}`"), new_raw_cell("raw")))
    assert clean.cells[1].source == f"use `[redacted: {RULE}]`"
    assert redactions == (Redaction(rule=RULE, place="source", cell_number=None),)


def test_source_and_text_may_be_lists_of_lines():
    content = json.loads(nbformat.writes(printed(stream(f"first\nthen {VALUE}\nlast"))))
    content["cells"][0]["source"] = ["one()\n", f"two({VALUE!r})\n", "three()"]
    clean, redactions = Screener({RULE: VALUE}).notebook(content)
    assert clean["cells"][0]["source"] == ["one()\n", f"two('[redacted: {RULE}]')\n", "three()"]
    assert clean["cells"][0]["outputs"][0]["text"] == ["first\n", f"then [redacted: {RULE}]\n", "last"]
    assert [one.place for one in redactions] == ["output", "source"]


def test_only_cells_that_run_are_counted():
    cells = [
        new_markdown_cell("x"),
        new_code_cell("a()"),
        new_code_cell("  "),
        new_code_cell("b()", metadata={"tags": ["skip-execution"]}),
        new_code_cell("c()"),
    ]
    assert cell_numbers(notebook(*cells)) == [None, 1, None, None, 2]


@pytest.mark.parametrize("text", ["{}", "before {} behind", "\n\n{}\n", "key={};", "[{}]", "x{}x"])
def test_a_value_in_a_stream_is_replaced(text):
    clean, redactions = screened(printed(stream(text.format(VALUE))))
    assert clean.cells[0].outputs[0].text == text.format(f"[redacted: {RULE}]")
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


def test_a_value_in_an_error_is_replaced_in_its_text_and_traceback():
    lines = ["\x1b[0;31mValueError\x1b[0m", f'File "x.py"\n----> 1 login(\x1b[38;5;124m"{VALUE}"\x1b[39m)', f"ValueError: no {VALUE}"]
    error = new_output("error", ename="ValueError", evalue=f"no {VALUE}", traceback=lines)
    clean, redactions = screened(printed(error))
    mark = f"[redacted: {RULE}]"
    assert clean.cells[0].outputs[0].evalue == f"no {mark}"
    assert clean.cells[0].outputs[0].traceback == [lines[0], lines[1].replace(VALUE, mark), lines[2].replace(VALUE, mark)]
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


@pytest.mark.parametrize("code", ["\x1b[31m", "\x1b[38;5;28;01m", "\x1b[0m", "\\x1b[31m", "\x1b]8;;http://a\x1b\\"])
def test_colour_codes_inside_of_a_value_do_not_hide_it(code):
    shown = f"{code}{VALUE[:7]}{code}{VALUE[7:20]}{code}{VALUE[20:]}{code}"
    clean, _ = screened(printed(stream(shown)))
    text = clean.cells[0].outputs[0].text
    assert text == f"{code}[redacted: {RULE}]{code * 3}"


@pytest.mark.parametrize("code", ["\x1b[38;5;124m", ""])
def test_a_secret_of_an_unknown_value_is_found_between_colour_codes(code):
    lines = ["Traceback", f'----> 1 {NAME}\x1b[38;5;241m=\x1b[39m {code}"{VALUE}"{code}']
    clean, redactions = screened(printed(new_output("error", ename="E", evalue="e", traceback=lines)), known=None)
    assert_gone(clean, VALUE)
    assert redactions == (Redaction(rule="Secret Keyword", place="output", cell_number=1),)


def test_a_traceback_whose_lines_part_a_value_is_clean():
    error = new_output("error", ename="E", evalue="e", traceback=[f"a {VALUE[:9]}", f"{VALUE[9:]} b"])
    clean, _ = screened(printed(error))
    assert clean.cells[0].outputs[0].traceback == [f"a [redacted: {RULE}]", f"[redacted: {RULE}] b"]


def test_a_value_in_a_data_frame_is_replaced_in_text_and_html():
    pandas = pytest.importorskip("pandas")
    value = invented(10) + "<&>" + invented(10, "b")
    frame = pandas.DataFrame({"user": ["ann", "bob"], "code": [value, "none"]})
    clean, redactions = screened(printed(display(text_plain=repr(frame), text_html=frame.to_html())), known=value)
    assert_gone(clean, value, html.escape(value), invented(10))
    assert f"<td>[redacted: {RULE}]</td>" in clean.cells[0].outputs[0].data["text/html"]
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


@pytest.mark.parametrize(
    "shape", ["<td>{}</td>", "<b>{}</b>", "<td>\n  {}\n</td>", '<a href="{}">x</a>', "<!-- {} -->", "<script>x='{}'</script>"]
)
def test_a_secret_of_an_unknown_value_is_found_in_html(shape):
    clean, redactions = screened(printed(display(text_html=shape.format(GITHUB))), known=None)
    assert clean.cells[0].outputs[0].data["text/html"] == shape.format("[redacted: GitHub Token]")
    assert [one.rule for one in redactions] == ["GitHub Token"]


def test_tags_inside_of_a_value_do_not_hide_it():
    clean, _ = screened(printed(display(text_html=f"<p>{VALUE[:5]}<span class='k'>{VALUE[5:]}</span></p>")))
    assert clean.cells[0].outputs[0].data["text/html"] == f"<p>[redacted: {RULE}]<span class='k'></span></p>"


def test_cells_of_a_table_are_not_read_as_one_word():
    content = printed(display(text_html=f"<td>a</td><td>{GITHUB}</td><td>b</td>"))
    clean, _ = screened(content, known=None)
    assert clean.cells[0].outputs[0].data["text/html"] == "<td>a</td><td>[redacted: GitHub Token]</td><td>b</td>"


def test_values_in_json_outputs_are_replaced_in_members_and_names():
    data = {"list": [1, 2.5, None, True, VALUE], "deep": {VALUE: {"x": f"is {VALUE}"}}}
    output = new_output("display_data", data={"application/json": data, "application/vnd.x+json": {"y": VALUE}})
    clean, _ = screened(printed(output))
    mark = f"[redacted: {RULE}]"
    assert clean.cells[0].outputs[0].data["application/json"] == {"list": [1, 2.5, None, True, mark], "deep": {mark: {"x": f"is {mark}"}}}
    assert clean.cells[0].outputs[0].data["application/vnd.x+json"] == {"y": mark}


def test_names_that_become_the_same_keep_their_members():
    output = new_output("display_data", data={"application/json": {f"a{VALUE}": 1, f"a{TRICKY}": 2}})
    clean, _ = Screener({RULE: VALUE, f"{RULE}": TRICKY}).notebook(printed(output))
    screener = Screener()
    screener.add(RULE, VALUE)
    screener.add(RULE, TRICKY)
    clean, _ = screener.notebook(printed(output))
    assert list(clean.cells[0].outputs[0].data["application/json"].values()) == [1, 2]


@pytest.mark.parametrize("member", [NAME, f"db_{NAME}", "apiKey", "client_secret", "SecretAccessKey"])
def test_a_member_named_like_a_secret_is_one(member):
    output = new_output("display_data", data={"application/json": {"user": "ann", member: "Blue.Horse.9"}})
    clean, redactions = screened(printed(output), known=None)
    assert clean.cells[0].outputs[0].data["application/json"] == {"user": "ann", member: "[redacted: Secret Keyword]"}
    assert redactions == (Redaction(rule="Secret Keyword", place="output", cell_number=1),)


def test_values_in_metadata_are_replaced():
    cell = new_code_cell("1", metadata={"note": f"uses {VALUE}"}, outputs=[])
    clean, redactions = screened(notebook(cell, author={"login": VALUE}))
    assert clean.cells[0].metadata.note == f"uses [redacted: {RULE}]"
    assert clean.metadata.author.login == f"[redacted: {RULE}]"
    assert set(redactions) == {Redaction(rule=RULE, place="metadata", cell_number=number) for number in (None, 1)}


def test_metadata_of_an_output_is_part_of_the_output():
    clean, redactions = screened(printed(new_output("display_data", data={"text/plain": "x"}, metadata={"text/plain": {"t": VALUE}})))
    assert_gone(clean, VALUE)
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


# What the notebook gives away about itself


def test_a_value_that_the_source_gives_away_is_looked_for_everywhere():
    weak = "blue.horse"
    first = new_code_cell(f'{NAME} = "{weak}"', outputs=[stream(f"len({weak})")])
    second = new_code_cell(
        "show()", outputs=[display(text_html=f"<td>{weak}</td>"), stream(base64.b64encode(f"me:{weak}".encode()).decode())]
    )
    clean, redactions = screened(notebook(new_markdown_cell(f"It is {weak}."), first, second), known=None)
    assert_gone(clean, weak)
    assert clean.cells[0].source == "It is [redacted: Secret Keyword]."
    assert set(redactions) == {
        Redaction(rule="Secret Keyword", place=place, cell_number=number)
        for place, number in (("source", None), ("source", 1), ("output", 1), ("output", 2))
    }


@pytest.mark.parametrize(
    "assignment",
    [
        '{} = "{}"',
        "{} = '{}'",
        '{}: str = "{}"',
        '{}: str | None = "{}"  # for tests',
        'db_{} = "{}"',
        'connect(user="ann", {}="{}")',
        'config = {{"{}": "{}"}}',
        'os.environ["{}"] = "{}"',
        'config.{} = "{}"',
        'assert {} == "{}"',
        '{} = r"{}"',
        '{} = """{}"""',
        "%env {}={}",
        "!export {}={}",
        "!tool --{} {}",
        'json = \'{{"{}": "{}"}}\'',
        '"{{\\"{}\\": \\"{}\\"}}"',
    ],
)
def test_keywords_in_source_are_found_in_all_that_python_allows(assignment):
    value = "blue.horse9"
    clean, redactions = screened(notebook(new_code_cell(assignment.format(NAME, value))), known=None)
    assert value not in clean.cells[0].source
    assert redactions == (Redaction(rule="Secret Keyword", place="source", cell_number=1),)


def test_an_escaped_value_is_known_as_what_it_means():
    source = f'{NAME} = "blue\\"horse\\\\nine"'
    clean, _ = screened(notebook(new_code_cell(source, outputs=[stream('blue"horse\\nine')])), known=None)
    assert clean.cells[0].outputs[0].text == "[redacted: Secret Keyword]"


def test_injected_parameters_are_clean_in_source_and_metadata():
    weak = "green-horse-battery"
    cell = new_code_cell(f'# Parameters\n{NAME} = "{weak}"\nepochs = 3\n', metadata={"tags": ["injected-parameters"]})
    later = new_code_cell("use()", outputs=[stream(weak)])
    clean, redactions = screened(notebook(cell, later, papermill={"parameters": {NAME: weak, "epochs": 3}}), known=None)
    assert_gone(clean, weak)
    assert clean.metadata.papermill.parameters == {NAME: "[redacted: Secret Keyword]", "epochs": 3}
    assert {one.place for one in redactions} == {"source", "metadata", "output"}


def test_a_parameter_that_only_the_metadata_holds_is_known_in_outputs():
    content = notebook(new_code_cell("use()", outputs=[stream("is green-horse")]), papermill={"parameters": {NAME: "green-horse"}})
    clean, _ = screened(content, known=None)
    assert clean.cells[0].outputs[0].text == "is [redacted: Secret Keyword]"


# Encodings

FORMS: dict[str, Callable[[str], str]] = {
    "hex": lambda value: value.encode().hex(),
    "upper hex": lambda value: value.encode().hex().upper(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64, one before": lambda value: base64.b64encode(b"x" + value.encode() + b"yz").decode(),
    "base64, two before": lambda value: base64.b64encode(b"xy" + value.encode() + b"z").decode(),
    "urlsafe base64": lambda value: base64.urlsafe_b64encode(b"\xff\xfe" + value.encode() + b"\xff\xfe").decode(),
    "base64 in lines": lambda value: base64.encodebytes(b"-" * 50 + value.encode() + b"-" * 50).decode(),
    "base64 of base64": lambda value: base64.b64encode(base64.b64encode(value.encode())).decode(),
    "base64 of JSON": lambda value: base64.b64encode(json.dumps({"a": value}).encode()).decode(),
    "base64 in a URL": lambda value: quote(base64.b64encode(b"\xfb\xef" + value.encode()).decode(), safe=""),
    "URL": lambda value: quote(value, safe=""),
    "URL, slashes left": quote,
    "lower URL": lambda value: "".join(
        f"%{byte:02x}" if not (chr(byte).isalnum() and byte < 128) and byte != 45 else chr(byte) for byte in value.encode()
    ),
    "JSON": json.dumps,
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "repr": repr,
    "repr of bytes": lambda value: repr(value.encode()),
    "repr of repr": lambda value: repr(repr(value)),
    "HTML": html.escape,
    "HTML, quotes left": lambda value: html.escape(value, quote=False),
    "HTML of JSON": lambda value: html.escape(json.dumps(value)),
}


@pytest.mark.parametrize(
    "value", [VALUE, TRICKY, "schlüssel-ßß-ключ-" + invented(8), "six666"], ids=["plain", "tricky", "letters", "short"]
)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_value_is_found(form, value):
    shown = FORMS[form](value)
    clean, redactions = screened(printed(stream(f"<<{shown}>>")), known=value)
    assert shown.strip() not in clean.cells[0].outputs[0].text
    assert clean.cells[0].outputs[0].text.startswith("<<")
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


def test_base64_of_a_value_goes_as_a_whole():
    for data in (f"ann:{VALUE}:more".encode(), b"\xff\xfe" + VALUE.encode() + b"\xff\xfe"):
        token = base64.b64encode(data).decode()
        clean, _ = screened(printed(stream(f"Send {token}.")))
        assert clean.cells[0].outputs[0].text == f"Send [redacted: {RULE}]."


@pytest.mark.parametrize(
    "encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes, lambda data: base64.b64encode(base64.b64encode(data))]
)
def test_a_secret_of_an_unknown_value_is_found_in_base64(encode):
    token = encode(f'{{"user": "ann", "note": "{"-" * 60}", "token": "{GITHUB}"}}'.encode()).decode()
    clean, redactions = screened(printed(stream(f"data {token}")), known=None)
    assert clean.cells[0].outputs[0].text.strip() == "data [redacted: GitHub Token]"
    assert [one.rule for one in redactions] == ["GitHub Token"]


def test_a_value_over_several_lines_is_found_whole_and_in_parts():
    lines = [invented(64, str(number)) for number in range(4)]
    whole = "\n".join(lines)
    for shown in (whole, repr(whole), json.dumps(whole), lines[2], whole.replace("\n", "\r\n"), "  " + "\n  ".join(lines)):
        clean, _ = screened(printed(stream(shown)), known=whole)
        assert_gone(clean, *lines)


def test_the_secret_members_of_a_known_json_object_are_known():
    value = json.dumps({"username": "admin", NAME: "horse-and-cart", "port": 5432, "more": {"random": VALUE}})
    clean, _ = screened(printed(stream(f"admin horse-and-cart {VALUE}")), known=value)
    assert clean.cells[0].outputs[0].text == f"admin [redacted: {RULE}] [redacted: {RULE}]"


def test_a_known_value_that_is_too_short_is_not_redacted():
    clean, redactions = screened(printed(stream("five5 and more")), known="five5")
    assert clean.cells[0].outputs[0].text == "five5 and more"
    assert redactions == ()


# Over borders

HALF, REST = VALUE[:11], VALUE[11:]
SPLITS = {
    "streams": [stream(f"a {HALF}"), stream(f"{REST} b")],
    "streams, line break": [stream(f"a {HALF}\n"), stream(f"{REST} b\n")],
    "stdout and stderr": [stream(f"a {HALF}"), stream(f"{REST} b", "stderr")],
    "stdout and stderr, line break": [stream(f"a {HALF}\n"), stream(f"{REST} b\n", "stderr")],
    "stream and display": [stream(f"a {HALF}"), display(text_plain=f"{REST} b")],
    "stream and repr": [stream(f"a {HALF}\n"), display(text_plain=f"'{REST}'")],
    "stream and html": [stream(f"a {HALF}\n"), display(text_plain="<HTML>", text_html=f"<p>{REST}</p>")],
    "displays": [display(text_plain=repr(HALF)), display(text_plain=repr(REST))],
    "stream and error": [stream(HALF), new_output("error", ename="E", evalue="e", traceback=[REST])],
    "stream and json": [stream(HALF), new_output("display_data", data={"application/json": {"x": REST}})],
    "three": [stream(VALUE[:5]), stream(VALUE[5:15], "stderr"), stream(VALUE[15:])],
    "every letter": [stream(sign, "stderr" if number % 2 else "stdout") for number, sign in enumerate(VALUE)],
    "long outputs": [stream("x " * 9000 + HALF), stream(REST + " y" * 9000)],
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_value_split_over_outputs_is_found(name):
    clean, redactions = screened(printed(*SPLITS[name]))
    text = nbformat.writes(clean)
    assert HALF not in text
    assert REST not in text
    assert f"[redacted: {RULE}]" in text
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


def test_a_value_with_a_blank_at_the_border_of_outputs_is_found():
    value = f"{HALF} {REST}"
    clean, _ = screened(printed(stream(f"{HALF} "), stream(REST, "stderr")), known=value)
    assert_gone(clean, HALF, REST)


@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_value_split_over_two_cells_is_found(ending):
    cells = [new_code_cell("a()", outputs=[stream(HALF + ending)]), new_markdown_cell("x"), new_code_cell("b()", outputs=[stream(REST)])]
    clean, redactions = screened(notebook(*cells))
    assert clean.cells[0].outputs[0].text == f"[redacted: {RULE}]{ending}"
    assert clean.cells[2].outputs[0].text == f"[redacted: {RULE}]"
    assert set(redactions) == {Redaction(rule=RULE, place="output", cell_number=number) for number in (1, 2)}


@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_secret_of_an_unknown_value_split_over_outputs_is_found(ending):
    clean, redactions = screened(printed(stream(GITHUB[:20] + ending), stream(GITHUB[20:], "stderr")), known=None)
    assert_gone(clean, GITHUB[:20], GITHUB[20:])
    assert [one.rule for one in redactions] == ["GitHub Token"]


@pytest.mark.parametrize("value", [base64.b64encode(VALUE.encode()).decode(), VALUE.encode().hex()])
def test_an_encoded_value_split_over_outputs_is_found(value):
    clean, _ = screened(printed(stream(value[:14]), stream(value[14:], "stderr")))
    assert_gone(clean, value[:14], value[14:])


@pytest.mark.parametrize("broken", [f"{HALF}\n{REST}", f"{HALF}\\n{REST}", f"({HALF!r}\n {REST!r})", f"{HALF}\r\n    {REST}"])
def test_a_value_broken_over_lines_is_found(broken):
    clean, _ = screened(printed(stream(broken)))
    assert_gone(clean, HALF, REST)


# Pictures


def png(**comments):
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    for key, text in comments.items():
        info.add_itxt(key[1:], text, zip=True) if key.startswith("i") else info.add_text(key[1:], text, zip=key.startswith("z"))
    Image.new("RGB", (3, 3)).save(file, "PNG", pnginfo=info)
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("kind", ["t", "z", "i"])
@pytest.mark.parametrize(("text", "known"), [(f"by {VALUE}", VALUE), (f"by {GITHUB}", None)])
def test_a_picture_with_a_secret_in_its_comments_goes_as_a_whole(kind, text, known):
    clean, redactions = screened(printed(display(image_png=png(**{f"{kind}Comment": text}), text_plain="<Figure>")), known=known)
    rule = RULE if known else "GitHub Token"
    assert clean.cells[0].outputs[0].data == {"text/plain": f"<Figure>\n[redacted: {rule}]"}
    assert redactions == (Redaction(rule=rule, place="output", cell_number=1),)


def test_a_picture_with_a_value_in_its_bytes_goes_as_a_whole():
    data = base64.encodebytes(b"\xff\xd8\xff\xfe\x00\x40" + VALUE.encode() + bytes(range(256))).decode()
    clean, _ = screened(printed(display(image_jpeg=data)))
    assert clean.cells[0].outputs[0].data == {"text/plain": f"[redacted: {RULE}]"}


def test_an_svg_with_a_value_in_its_text_goes_as_a_whole():
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><text x="1">{VALUE[:4]}<tspan>{VALUE[4:]}</tspan></text></svg>'
    clean, _ = screened(printed(new_output("display_data", data={"image/svg+xml": svg, "text/plain": "<Figure>"})))
    assert clean.cells[0].outputs[0].data == {"text/plain": f"<Figure>\n[redacted: {RULE}]"}


def test_an_attached_picture_with_a_value_goes():
    cell = new_markdown_cell(
        "![x](attachment:x.png)", attachments={"x.png": {"image/png": png(tComment=VALUE)}, "y.png": {"image/png": png()}}
    )
    clean, redactions = screened(notebook(cell))
    assert "image/png" not in clean.cells[0].attachments["x.png"]
    assert clean.cells[0].attachments["y.png"] == {"image/png": png()}
    assert redactions == (Redaction(rule=RULE, place="source", cell_number=None),)


def test_a_picture_that_is_no_base64_is_read_as_text():
    clean, _ = screened(printed(display(image_png=f"no base64: {VALUE}")))
    assert_gone(clean, VALUE)


def test_a_comment_that_unpacks_without_end_does_no_harm():
    chunk = b"Comment\0\0" + zlib.compress(bytes(50_000_000))
    data = b"\x89PNG\r\n\x1a\n" + len(chunk).to_bytes(4, "big") + b"zTXt" + chunk + bytes(4)
    _, redactions = screened(printed(display(image_png=base64.b64encode(data).decode())))
    assert redactions == ()


# The screener


def test_a_value_that_becomes_known_later_is_found_in_what_was_clean_before():
    screener, content = Screener(), printed(stream(f"is {VALUE}"))
    assert screener.notebook(content)[1] == ()
    screener.add(RULE, VALUE)
    clean, redactions = screener.notebook(content)
    assert clean.cells[0].outputs[0].text == f"is [redacted: {RULE}]"
    assert redactions == (Redaction(rule=RULE, place="output", cell_number=1),)


def test_the_second_time_says_the_same_and_gives_another_notebook():
    screener, content = Screener({RULE: VALUE}), printed(stream(f"is {VALUE}"), display(text_plain="x", image_png=png(tA=VALUE)))
    first, second = screener.notebook(content), screener.notebook(content)
    assert first == second
    first[0].cells[0].outputs.clear()
    assert second[0].cells[0].outputs
    assert screener.notebook(content) == second


def test_a_cleaned_notebook_does_not_change_again():
    content = notebook(new_code_cell(f'{NAME} = "blue.horse"', outputs=[stream(f"{VALUE} {GITHUB}"), stream(HALF), stream(REST, "stderr")]))
    screener = Screener({RULE: VALUE})
    clean, _ = screener.notebook(content)
    assert screener.notebook(clean) == (clean, ())
    assert Screener({RULE: VALUE}).notebook(clean) == (clean, ())


def test_a_value_that_is_part_of_a_rules_name_does_not_turn_in_circles():
    screener = Screener({"environment of all": "environment"})
    clean, _ = screener.text("the environment", "log")
    assert clean == "the [redacted: environment of all]"
    assert screener.text(clean, "log") == (clean, ())


def test_secrets_side_by_side_are_all_found():
    tokens = ["gh" + "p_" + invented(36, str(number)) for number in range(4)]
    clean, _ = Screener().text(" ".join(tokens), "log")
    assert clean == " ".join(["[redacted: GitHub Token]"] * 4)


def test_the_better_known_rule_gives_its_name_and_both_are_listed():
    clean, redactions = Screener({RULE: GITHUB}).text(f"x {GITHUB}", "log")
    assert clean == f"x [redacted: {RULE}]"
    assert {one.rule for one in redactions} == {RULE, "GitHub Token"}


def test_a_line_is_cleaned_and_its_place_kept():
    clean, redactions = Screener({RULE: VALUE}).text(f"kernel: {VALUE}", "build log")
    assert clean == f"kernel: [redacted: {RULE}]"
    assert redactions == (Redaction(rule=RULE, place="build log", cell_number=None),)


def test_a_record_is_cleaned_in_names_and_values_and_stays_a_record():
    record = {
        "parameters": [{"name": NAME, "type": "str", "value": "green-horse", "source": "-p"}, {"name": "epochs", "value": 3}],
        "failure": {"evalue": f"green-horse was refused, {VALUE} too", "cell_number": 2},
        "metrics": {"auc": 0.5},
        VALUE: (1, "x"),
    }
    before = copy.deepcopy(record)
    clean, redactions = Screener({RULE: VALUE}).document(record, "record")
    assert record == before
    assert clean == {
        "parameters": [
            {"name": NAME, "type": "str", "value": "[redacted: Secret Keyword]", "source": "-p"},
            {"name": "epochs", "value": 3},
        ],
        "failure": {"evalue": f"[redacted: Secret Keyword] was refused, [redacted: {RULE}] too", "cell_number": 2},
        "metrics": {"auc": 0.5},
        f"[redacted: {RULE}]": (1, "x"),
    }
    assert set(redactions) == {Redaction(rule=rule, place="record", cell_number=None) for rule in (RULE, "Secret Keyword")}


def test_a_secret_of_the_notebook_is_redacted_in_the_record():
    screener = Screener()
    screener.notebook(notebook(new_code_cell(f'{NAME} = "blue.horse"')))
    assert screener.document({"evalue": "no blue.horse"}, "record")[0] == {"evalue": "no [redacted: Secret Keyword]"}

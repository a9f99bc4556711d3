"""`mlkit check` on small projects, with buildspecs and templates as other people write them."""

import json
import re
import shutil
from pathlib import Path

import papermill.cli
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mlkit import cli
from mlkit.contract import calls, check_project
from mlkit.contract.calls import call_of, guessed

ROOT = Path(__file__).parents[2]
CELL = 'tune: bool = False\nepochs: int = 100\nrate: float = 0.5\nlabel: str = "a"\nlayers: list = [1]\nseed: int | None = None\n'
PROJECT = """
  Train:
    Type: AWS::CodeBuild::Project
    Properties:
      Source: {Type: CODEPIPELINE, BuildSpec: buildspecs/train.yml}
      Environment:
        EnvironmentVariables:
          - {Name: TUNE, Value: !Ref Tune}
"""
TUNE = "Parameters:\n  Tune: {Type: String, Default: notebook, AllowedValues: [notebook, true, false]}\n"


def notebook(cell=CELL):
    code = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": cell, "outputs": [], "execution_count": None}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [code]})


@pytest.fixture
def make(tmp_path):
    """`make({"buildspecs/train.yml": ...})`: the messages of a project that holds notebooks/train.ipynb and these files."""

    def made(files):
        for name, content in {"notebooks/train.ipynb": notebook(), **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return [str(problem) for problem in check_project(tmp_path).problems]

    return made


def buildspec(*commands, env="", phase="build"):
    listed = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    return f"version: 0.2\n{env}phases:\n  {phase}:\n    commands:\n{listed}"


def run(make, *commands, **more):
    return make({"buildspecs/train.yml": buildspec(*commands, **more)})


def test_the_project_s_own_buildspecs_and_templates_fit():
    checked = check_project(ROOT)
    assert (checked.problems, checked.runs) == ([], 3)


BREAKS = [
    ("buildspecs/build_and_train.yml", "-o tune", "-o tuen", "no parameter `tuen`. Did you mean `tune`?"),
    ("buildspecs/build_and_train.yml", "02_train.ipynb", "02_trian.ipynb", "Did you mean notebooks/02_train.ipynb?"),
    ("buildspecs/build_and_train.yml", '"$TUNE"', '"$TUNES"', "$TUNES is set nowhere"),
    ("buildspecs/build_and_train.yml", "-o tune", "-p tune", "not 'notebook'"),
    ("buildspecs/test_endpoint.yml", "-o min_match_rate", "-o test_rows 2.5 -o min_match_rate", "`test_rows` is int"),
    ("CloudFormation/codepipeline.yaml", 'notebook, "true", "false"', 'notebook, "true", maybe', "not 'maybe'"),
    ("CloudFormation/codepipeline.yaml", "{Name: TUNE,", "{Name: TUNED,", "$TUNE is set nowhere"),
    (
        "CloudFormation/codepipeline.yaml",
        '{"name":"ENVIRONMENT","value":"qa"}',
        '{"name":"ENV","value":"qa"}',
        "$ENVIRONMENT is set nowhere",
    ),
    (
        "CloudFormation/codepipeline.yaml",
        "buildspecs/test_endpoint.yml",
        "buildspecs/test_endpoints.yml",
        "Did you mean buildspecs/test_endpoint.yml?",
    ),
    ("CloudFormation/codepipeline.yaml", '"value":"qa"}]', '"value":"qa"]', "EnvironmentVariables of QA.TestEndpoint is not JSON"),
    ("notebooks/02_train.ipynb", "tune: bool = False", "search: bool = False", "no parameter `tune`"),
    ("notebooks/02_train.ipynb", "tune: bool = False", "tune: int = 0", "`true` is for a bool"),
    ("notebooks/01_prep.ipynb", 'your_initials: str = \\"mlkit\\"', "your_initials: int = 1", "`your_initials` is int"),
    ("notebooks/03_test_endpoint.ipynb", "test_rows: int = 0", "test_rows: int", "`test_rows` (int) is required and was not given"),
    ("notebooks/03_test_endpoint.ipynb", '"parameters"', '"other"', "no cell tagged `parameters`"),
]


@pytest.mark.parametrize(("file", "old", "new", "message"), BREAKS, ids=lambda value: str(value)[:30])
def test_whatever_side_of_the_contract_is_broken_is_told(tmp_path, file, old, new, message):
    for folder in ("notebooks", "buildspecs", "CloudFormation"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    found = "\n".join(str(problem) for problem in check_project(tmp_path).problems)
    assert message in found, found


def test_a_problem_names_file_line_command_and_where_the_value_comes_from(make):
    template = f"{TUNE.replace('true', 'maybe')}Resources:{PROJECT}"
    files = {
        "buildspecs/train.yml": buildspec("true", 'mlkit run notebooks/train.ipynb -o tune "$TUNE"'),
        "CloudFormation/a.yaml": template,
    }
    [problem] = make(files)
    line = 1 + template.splitlines().index("          - {Name: TUNE, Value: !Ref Tune}")
    assert problem.splitlines() == [
        "buildspecs/train.yml:6: Parameter `tune` is bool (default False), not 'maybe': write one of true yes on 1 false no off 0.",
        f"    $TUNE may be 'maybe', see CloudFormation/a.yaml:{line}, Train",
        '    in: mlkit run notebooks/train.ipynb -o tune "$TUNE"',
    ]


@pytest.mark.parametrize(
    "command",
    [
        "mlkit run notebooks/train.ipynb",
        ".venv/bin/mlkit run notebooks/train.ipynb -p tune true --evidence s3://b/",
        "mlkit run --evidence s3://b/ notebooks/train.ipynb out.ipynb --parameter epochs 3",
        "mlkit run notebooks/train.ipynb -o tune notebook -o rate 1 -p layers '[1, 2]' -p seed none",
        "cd notebooks && mlkit run train.ipynb && cd ..",
        "cd elsewhere; cd ..; mlkit run ./notebooks/../notebooks/train.ipynb",
        'mlkit run "$CODEBUILD_SRC_DIR/notebooks/train.ipynb" -p label "$CODEBUILD_BUILD_ID-$AWS_REGION"',
        "echo mlkit run notebooks/nowhere.ipynb -p x y",
        "pip install mlkit papermill notebook",
        "mlkit run /tmp/made.ipynb -p anything goes",
        "mlkit run notebooks/train.ipynb # -p nothing 1",
        "papermill s3://bucket/x.ipynb out.ipynb -p any thing",
        "papermill notebooks/train.ipynb out.ipynb -p tune True -p epochs 3 -p rate 1 -r label 7 --log-output -k python3",
        "papermill notebooks/train.ipynb out.ipynb -y '{layers: [2], tune: no}'",
        "python3 -m papermill notebooks/train.ipynb out.ipynb -p seed None",
        "if mlkit run notebooks/train.ipynb -p tune on; then echo yes; fi",
        "for EPOCHS in 1 2; do mlkit run notebooks/train.ipynb -p epochs $EPOCHS; done",
        "for NB in notebooks/*.ipynb; do papermill $NB out.ipynb -p what ever; done",
        'NB=train; time uv run mlkit run notebooks/$NB.ipynb -p label "$(date)"',
        'mlkit run notebooks/train.ipynb -p tune "${MAYBE_SET:-false}"',
        ". ./made.env; mlkit run notebooks/train.ipynb -p tune $FROM_THE_FILE",
        "mlkit run --help",
        'bash -c "mlkit run notebooks/train.ipynb -p epochs 3"',
        "mlkit run notebooks/train.ipynb -f made-by-the-build.yaml",
        "mlkit run notebooks/train.ipynb -f wrong.yaml -p epochs 3",
        'mlkit run notebooks/train.ipynb -p label "$CODEBUILD_SRC_DIR_Trained/x"',
    ],
)
def test_what_fits_is_accepted_however_it_is_written(make, command):
    assert make({"wrong.yaml": "epochs: many\n", "buildspecs/train.yml": buildspec(command)}) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("mlkit run notebooks/trian.ipynb", "there is no notebook notebooks/trian.ipynb. Did you mean notebooks/train.ipynb?"),
        ("mlkit run notebooks/train", "there is no notebook notebooks/train"),
        ("mlkit run notebooks/train.ipynb -p tuen true", "no parameter `tuen`"),
        ("mlkit run notebooks/train.ipynb -p tuen $(date)", "no parameter `tuen`"),
        ("mlkit run notebooks/train.ipynb -p epochs 1.5", "`epochs` is int"),
        ("mlkit run notebooks/train.ipynb -p epochs notebook", "`epochs` is int"),
        ("mlkit run notebooks/train.ipynb -p label no", "`no` is for a bool"),
        ("mlkit run notebooks/train.ipynb -p layers 1,2", "write it as JSON"),
        ("mlkit run notebooks/train.ipynb -p epochs", "-p needs a name and a value"),
        ("mlkit run notebooks/train.ipynb -p epochs 1 -p epochs 2", "-p epochs is given twice"),
        ("mlkit run notebooks/train.ipynb -p epochs $EMPTY -p tune true", "not '-p'"),
        ("mlkit run notebooks/train.ipynb -p tune $NOWHERE", "$NOWHERE is set nowhere"),
        ('X="a $NOWHERE"; mlkit run notebooks/train.ipynb -p label "$X"', "$NOWHERE is set nowhere"),
        ("mlkit run notebooks/train.ipynb -p label $CODEBUILD_BILD_ID", "$CODEBUILD_BILD_ID is set nowhere"),
        ("cd notebooks; mlkit run notebooks/train.ipynb", "there is no notebook notebooks/notebooks/train.ipynb"),
        ("cd x && mlkit run \\\n  notebooks/train.ipynb", "there is no notebook x/notebooks/train.ipynb"),
        ("true && mlkit run notebooks/train.ipynb -p tune maybe || true", "not 'maybe'"),
        ("OUT=$(mlkit run notebooks/train.ipynb -p tune maybe)", "not 'maybe'"),
        ("bash -ec 'true; mlkit run notebooks/train.ipynb -p tune maybe'", "not 'maybe'"),
        ("for E in 1 x; do mlkit run notebooks/train.ipynb -p epochs $E; done", "not 'x'"),
        ("if true; then E=x; fi; E=${E:-1}; mlkit run notebooks/train.ipynb -p epochs $E", "not 'x'"),
        ("env A=1 timeout 60 .venv/bin/mlkit run notebooks/train.ipynb -p tune maybe", "not 'maybe'"),
        ("papermill notebooks/train.ipynb out.ipynb -p tune false", "papermill would pass the text 'false'"),
        ("papermill notebooks/train.ipynb out.ipynb -r epochs 3", "papermill would pass the text '3'"),
        ("papermill notebooks/train.ipynb out.ipynb -p epochs 1e3", "`epochs` is int"),
        ("papermill notebooks/train.ipynb out.ipynb -p label 007", "`label` is str"),
        ("papermill notebooks/train.ipynb out.ipynb -y 'epochs: many'", "papermill would pass the text 'many'"),
        ("python -m papermill notebooks/train.ipynb out.ipynb -p Tune True", "no parameter `Tune`"),
        ("papermill notebooks/nowhere.ipynb out.ipynb", "there is no notebook notebooks/nowhere.ipynb"),
        ("mlkit run notebooks/train.ipynb -f params.yaml", "no parameter `deep`"),
        ("mlkit run notebooks/train.ipynb -f broken.yaml", "broken.yaml, line 1: the file is a list"),
        ("mlkit run notebooks/train.ipynb -f quoted.yaml", "not '3': it is a str; leave out the quotes"),
        ("mlkit run notebooks/train.ipynb -f twice.yaml", "twice.yaml, line 2: `epochs` is there twice"),
    ],
)
def test_what_does_not_fit_is_told(make, command, message):
    env = 'env:\n  variables: {EMPTY: ""}\n'
    values = {
        "params.yaml": "epochs: 3\ndeep: 1\n",
        "broken.yaml": "- a\n",
        "quoted.yaml": "epochs: '3'\n",
        "twice.yaml": "epochs: 3\nepochs: 4\n",
    }
    problems = make({**values, "buildspecs/train.yml": buildspec(command, env=env)})
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith("buildspecs/train.yml:7: ") for problem in problems)


SPLIT = "split: 'Literal[\"hashed\", \"latest\"]' = 'hashed'"


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("mlkit run notebooks/train.ipynb -p split latest", []),
        ("mlkit run notebooks/train.ipynb -p split newest", ["newest"]),
        ("papermill notebooks/train.ipynb out.ipynb -p split newest", ["newest"]),
        ("for S in hashed latest random; do mlkit run notebooks/train.ipynb -p split $S; done", ["random"]),
        ('mlkit run notebooks/train.ipynb -o split "$SPLIT"', ["newest", "oldest"]),
        ('mlkit run notebooks/train.ipynb -p split "$SPLIT"', ["notebook", "newest", "oldest"]),
        ('mlkit run notebooks/train.ipynb -p split "${SPLIT%st}"', []),
        ("mlkit run notebooks/train.ipynb -f split.yaml", ["random"]),
    ],
)
def test_every_value_that_may_come_is_held_to_the_choices(make, command, wrong):
    allowed = "Parameters:\n  Split: {Type: String, Default: notebook, AllowedValues: [notebook, hashed, newest, latest, oldest]}\n"
    project = PROJECT.replace("{Name: TUNE, Value: !Ref Tune}", "{Name: SPLIT, Value: !Ref Split}")
    files = {
        "notebooks/train.ipynb": notebook(SPLIT),
        "split.yaml": "split: random\n",
        "buildspecs/train.yml": buildspec(command),
        "CloudFormation/a.yaml": f"{allowed}Resources:{project}",
    }
    found = [re.search(r"not '(\w+)': it is not one of the choices", problem) for problem in make(files)]
    assert [match[1] if match else None for match in found] == wrong


def test_a_notebook_with_the_values_of_an_earlier_run_is_told(make):
    injected = {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "epochs = 7"}
    content = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [injected]})
    [problem] = make({"notebooks/train.ipynb": content, "buildspecs/train.yml": buildspec("mlkit run notebooks/train.ipynb")})
    assert "notebooks/train.ipynb: cell 1 is tagged `injected-parameters`" in problem


def test_a_block_of_commands_is_told_by_the_line_within_it(make):
    block = "      - |\n        set -e\n        mlkit run \\\n          notebooks/train.ipynb -p tuen 1\n"
    [problem] = make({"buildspecs/train.yml": f"version: 0.2\nphases:\n  build:\n    commands:\n{block}"})
    assert problem.startswith("buildspecs/train.yml:7: There is no parameter `tuen`")


@pytest.mark.parametrize("phase", ["install", "pre_build", "build", "post_build"])
def test_every_phase_is_read(make, phase):
    assert len(run(make, "mlkit run notebooks/nowhere.ipynb", phase=phase)) == 1


def test_the_part_that_runs_finally_and_a_command_without_a_list_are_read(make):
    text = "phases:\n  build:\n    commands: mlkit run notebooks/a.ipynb\n    finally:\n      - mlkit run notebooks/b.ipynb\n"
    assert len(make({"buildspec.yml": text})) == 2


def test_variables_go_through_all_phases(make):
    text = "phases:\n  install:\n    commands: [export E=x]\n  build:\n    commands: ['mlkit run notebooks/train.ipynb -p epochs $E']\n"
    assert "not 'x'" in make({"buildspecs/train.yml": text})[0]


@pytest.mark.parametrize(("section", "accepted"), [("variables", False), ("parameter-store", True), ("secrets-manager", True)])
def test_of_the_buildspec_s_env_only_literals_are_known(make, section, accepted):
    problems = run(make, "mlkit run notebooks/train.ipynb -p epochs $E", env=f"env:\n  {section}:\n    E: /many\n")
    assert (problems == []) is accepted


def test_a_batch_gives_its_builds_variables_of_their_own(make):
    text = "batch: {build-list: [{identifier: a}]}\n" + buildspec("mlkit run notebooks/train.ipynb -p epochs $E")
    assert make({"buildspecs/train.yml": text}) == []


def test_what_an_anchor_stands_for_is_read(make):
    text = "x: &phase\n  commands: [mlkit run notebooks/nowhere.ipynb]\nphases:\n  build:\n    <<: *phase\n"
    assert len(make({"buildspecs/train.yml": text})) == 1


def test_what_a_notebook_requires_must_be_given(make):
    files = {"notebooks/train.ipynb": notebook("country: str\nyear: int\n"), "p.yaml": "year: 1\n"}
    [problem] = make({**files, "buildspecs/train.yml": buildspec("mlkit run notebooks/train.ipynb -f p.yaml")})
    assert "`country` (str) is required and was not given" in problem
    for given in ("-f later.yaml", "-p country $(x) -p year 1", "$ARGUMENTS", "-f p.yaml -p country norway"):
        command = f"read ARGUMENTS; mlkit run notebooks/train.ipynb {given}"
        assert make({**files, "buildspecs/train.yml": buildspec(command)}) == []


def test_a_notebook_whose_parameters_cannot_be_read_is_told_where_it_is_run(make):
    files = {"notebooks/train.ipynb": notebook("x = compute()")}
    [problem] = make({**files, "buildspecs/train.yml": buildspec("mlkit run notebooks/train.ipynb")})
    assert problem.startswith("buildspecs/train.yml:5: notebooks/train.ipynb: line 1 of the `parameters` cell: the default of `x`")


def pipeline(variables="[]", project="!Ref Train", more=""):
    return f"""
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Variables: {more or "[]"}
      Stages:
        - Name: Build
          Actions:
            - Name: Train
              Configuration:
                ProjectName: {project}
                EnvironmentVariables: {variables}
"""


def value(make, text, parameters=TUNE, more=""):
    """The problems of a project that sets EPOCHS so."""
    project = PROJECT + f"          - {{Name: EPOCHS, Value: {text}}}\n"
    command = "mlkit run notebooks/train.ipynb -o tune $TUNE -o epochs $EPOCHS"
    return make({"buildspecs/train.yml": buildspec(command), "CloudFormation/a.yaml": f"{parameters}{more}Resources:{project}"})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("3", None),
        ('"3"', None),
        ("three", "'three'"),
        ("true", "`true` is"),
        ("!Ref Known", None),
        ("{Ref: Known}", None),
        ("!Ref Wrong", "'many'"),
        ("!Ref Choice", "'few'"),
        ("!Ref Open", None),
        ("!Ref AWS::Region", None),
        ("!GetAtt Thing.Arn", None),
        ('{"Fn::ImportValue": !Sub "${Known}-x"}', None),
        ('!Sub "${Known}0"', None),
        ('!Sub "${Choice}0"', "'few0'"),
        ('!Sub ["${A}1", {A: !Ref Wrong}]', "'many1'"),
        ('!Sub "${AWS::StackName}-x"', None),
        ('!Sub "${!Known}"', "'${Known}'"),
        ("!If [Big, !Ref Known, !Ref Wrong]", "'many'"),
        ('!Join ["", ["1", !Ref Known]]', None),
        ('!Join ["-", ["a", !Ref Known]]', "'a-3'"),
        ('!FindInMap [Sizes, !Ref "AWS::Region", small]', None),
        ('!FindInMap [Sizes, !Ref "AWS::Region", large]', "'lots'"),
        ('"{{resolve:ssm:/epochs}}"', None),
    ],
)
def test_a_project_s_variable_is_followed_to_what_it_may_hold(make, text, wrong):
    parameters = (
        f"{TUNE}  Known: {{Type: Number, Default: 3}}\n  Wrong: {{Type: String, Default: many}}\n"
        "  Choice: {Type: String, Default: 1, AllowedValues: [1, few]}\n  Open: {Type: String}\n"
    )
    mappings = "Mappings:\n  Sizes:\n    eu-west-1: {small: 1, large: 2}\n    us-east-1: {small: 3, large: lots}\n"
    problems = value(make, text, parameters, mappings)
    assert [wrong in problem for problem in problems] == ([] if wrong is None else [True])


def test_a_variable_may_be_there_in_one_branch_only(make):
    project = PROJECT + "          - !If [Big, {Name: EPOCHS, Value: many}, !Ref AWS::NoValue]\n"
    command = "mlkit run notebooks/train.ipynb -o epochs $EPOCHS"
    [problem] = make({"buildspecs/train.yml": buildspec(command), "CloudFormation/a.yaml": f"{TUNE}Resources:{project}"})
    assert "'many'" in problem


def test_a_secret_of_the_project_is_not_followed(make):
    project = PROJECT + "          - {Name: EPOCHS, Value: /a/parameter, Type: PARAMETER_STORE}\n"
    files = {"buildspecs/train.yml": buildspec("mlkit run notebooks/train.ipynb -o epochs $EPOCHS")}
    assert make({**files, "CloudFormation/a.yaml": f"{TUNE}Resources:{project}"}) == []


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("""'[{"name":"EPOCHS","value":"3"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"#{variables.Epochs}"}]'""", "'lots'"),
        ("""'[{"name":"EPOCHS","value":"1#{variables.Epochs}"}]'""", "'1lots'"),
        ("""'[{"name":"EPOCHS","value":"#{variables.Open}"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"#{variables.Epoch}"}]'""", "#{variables.Epoch} is no variable of the pipeline"),
        ("""'[{"name":"EPOCHS","value":"#{Build.EPOCHS}"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"#{codepipeline.PipelineExecutionId}"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"s","type":"SECRETS_MANAGER"}]'""", None),
        ("""!Sub '[{"name":"EPOCHS","value":"${Tune}"}]'""", "'true'"),
        ("""!Sub '[{"name":"EPOCHS","value":"${AWS::AccountId}"}]'""", None),
        ("""'[{"name":"EPOCH","value":"3"}]'""", "$EPOCHS is set nowhere"),
        ("""'{"name":"EPOCHS","value":"3"}'""", "is not JSON"),
        ("""'[{"name": EPOCHS}]'""", "is not JSON"),
        ("!ImportValue somewhere", "$EPOCHS is set nowhere"),
    ],
)
def test_an_action_s_variables_are_followed(make, given, wrong):
    variables = "[{Name: Epochs, DefaultValue: lots}, {Name: Open}]"
    template = f"{TUNE}Resources:{PROJECT}{pipeline(given, more=variables)}"
    command = "mlkit run notebooks/train.ipynb -o epochs $EPOCHS"
    problems = make({"buildspecs/train.yml": buildspec(command), "CloudFormation/a.yaml": template})
    assert bool(problems) is (wrong is not None), problems
    assert wrong is None or any(wrong in problem for problem in problems)


def test_an_action_overrules_the_project_and_the_project_the_buildspec(make):
    env = "env:\n  variables: {TUNE: maybe, EPOCHS: many}\n"
    action = pipeline("""'[{"name":"TUNE","value":"true"}]'""")
    project = PROJECT.replace("!Ref Tune", "perhaps") + "          - {Name: EPOCHS, Value: 3}\n"
    command = "mlkit run notebooks/train.ipynb -o tune $TUNE -o epochs $EPOCHS"
    files = {"buildspecs/train.yml": buildspec(command, env=env), "CloudFormation/a.yaml": f"Resources:{project}{action}"}
    assert make(files) == []


def test_each_action_is_held_to_the_contract(make):
    second = """
            - Name: Again
              Configuration: {ProjectName: !Ref Train, EnvironmentVariables: '[]'}
"""
    template = f"{TUNE}Resources:{PROJECT}" + pipeline("""'[{"name":"EPOCHS","value":"3"}]'""").rstrip() + second
    [problem] = make(
        {"buildspecs/train.yml": buildspec("mlkit run notebooks/train.ipynb -o epochs $EPOCHS"), "CloudFormation/a.yaml": template}
    )
    assert "$EPOCHS is set nowhere" in problem


def test_a_pipeline_in_another_template_finds_the_project_by_its_name(make):
    project = f"Parameters: {{Name: {{Type: String, Default: train}}}}\nResources:{PROJECT}".replace(
        "Properties:\n", "Properties:\n      Name: !Ref Name\n"
    )
    other = "Resources:" + pipeline("""'[{"name":"EPOCHS","value":"x"}]'""", project="train")
    files = {"CloudFormation/a.yaml": project, "CloudFormation/b.yml": other}
    [problem] = make({**files, "buildspecs/train.yml": buildspec("mlkit run notebooks/train.ipynb -o epochs $EPOCHS")})
    assert "not 'x'" in problem
    assert "CloudFormation/b.yml" in problem


def inline(source):
    head = "Parameters:\n  Epochs: {Type: String, Default: many}\nResources:\n  Train:\n"
    return f"{head}    Type: AWS::CodeBuild::Project\n    Properties:\n      Source:\n        {source}\n"


@pytest.mark.parametrize(
    ("tag", "command"),
    [
        ("", "mlkit run notebooks/train.ipynb -p epochs many"),
        ("!Sub ", "mlkit run notebooks/train.ipynb -p epochs ${Epochs}"),
        ("!Sub ", "E=many; mlkit run notebooks/train.ipynb -p epochs ${!E}"),
        ("!Sub ", "E=many; mlkit run notebooks/train.ipynb -p epochs $E"),
    ],
)
def test_a_buildspec_within_the_template_is_read_there(make, tag, command):
    lines = ["phases:", "  build:", "    commands:", f"      - {command}"]
    source = f"BuildSpec: {tag}|\n" + "\n".join(f"          {line}" for line in lines)
    [problem] = make({"CloudFormation/a.yaml": inline(source)})
    assert problem.startswith("CloudFormation/a.yaml:12: Parameter `epochs` is int (default 100), not 'many'")


def test_a_buildspec_elsewhere_is_found_and_one_that_is_missing_is_told(make):
    files = {"ci/train.yml": buildspec("mlkit run notebooks/nowhere.ipynb")}
    [problem] = make({**files, "CloudFormation/a.yaml": inline("BuildSpec: ./ci/train.yml")})
    assert problem.startswith("ci/train.yml:5: ")
    [problem] = make({"CloudFormation/a.yaml": inline("BuildSpec: ci/tain.yml")})
    assert problem.startswith("CloudFormation/a.yaml:8: there is no buildspec ci/tain.yml for Train")
    [problem] = make({"CloudFormation/a.yaml": inline("Type: CODEPIPELINE")})
    assert "there is no buildspec buildspec.yml for Train" in problem
    assert make({"CloudFormation/a.yaml": inline("BuildSpec: arn:aws:s3:::bucket/train.yml")}) == []


@pytest.mark.parametrize("file", ["buildspecs/train.yml", "CloudFormation/a.yaml"])
def test_a_file_that_is_no_yaml_is_told_with_its_line(make, file):
    [problem] = make({file: "a: 1\nb: [\n"})
    assert problem.startswith(f"{file}:3: this is not YAML")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "x",
        "phases:",
        "phases: []",
        "phases: {build: }",
        "phases: {build: {commands: {a: b}}}",
        "phases: {build: {commands: [[a]]}}",
        "env: 1",
    ],
)
def test_a_buildspec_of_another_shape_is_no_error_of_ours(make, text):
    assert make({"buildspecs/train.yml": text}) == []


@pytest.mark.parametrize("file", ["CloudFormation/codepipeline.yaml", "buildspecs/build_and_train.yml"])
def test_no_half_written_file_makes_it_fall_over(tmp_path, file):
    for folder in ("notebooks", "buildspecs", "CloudFormation"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    lines = (ROOT / file).read_text().splitlines(keepends=True)
    for left_out in range(0, len(lines), 3 if len(lines) < 100 else 53):
        (tmp_path / file).write_text("".join(lines[:left_out] + lines[left_out + 1 :]))
        check_project(tmp_path)


@pytest.mark.parametrize("text", ["True", "true", "False", "None", "none", "3", "-3", "1_000", "3.5", "1e3", "nan", "x", "", " 3 "])
def test_papermill_s_values_are_guessed_as_papermill_does(text):
    expected = papermill.cli._resolve_type(text)
    assert type(guessed(text)) is type(expected)
    assert str(guessed(text)) == str(expected)


def test_the_options_that_give_parameters_are_those_of_the_tools():
    pairs = {name for p in papermill.cli.papermill.params for name in p.opts if p.name.startswith("parameters")}
    assert pairs == calls._PAPERMILL.keys()
    own = {name for p in get_command(cli.app).commands["run"].params for name in p.opts if p.name in ("parameter", "setting", "file")}
    assert own == calls._MLKIT.keys()


def test_the_later_source_wins_as_it_does_when_the_notebook_runs():
    assert call_of(["papermill", "a.ipynb", "-r", "x", "3", "-p", "x", "3", "-y", "x: 4"]).given == {"x": "3"}
    assert call_of(["mlkit", "run", "a.ipynb", "-p", "x", "1", "-o", "x", "2", "-o", "y", "notebook"]).given == {"x": "1"}


def test_a_parameter_that_is_left_to_the_notebook_must_exist(make):
    [problem] = run(make, "mlkit run notebooks/train.ipynb -o tine notebook")
    assert "There is no parameter `tine`. Did you mean `tune`?" in problem


def test_the_command_says_what_fits_or_ends_with_the_parameters_exit_code(make, tmp_path):
    assert run(make, "mlkit run notebooks/train.ipynb") == []
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, "Fits: 1 run of a notebook in 1 buildspec\n")
    run(make, "mlkit run notebooks/nowhere.ipynb")
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert result.exception.exit_code == 10
    assert "buildspecs/train.yml:5: there is no notebook" in str(result.exception)


@pytest.mark.parametrize("text", ["\x00", "a: &x [*x]", "a: b\n---\nc: d"])
def test_what_yaml_does_not_allow_is_told(make, text):
    [problem] = make({"buildspecs/train.yml": text})
    assert "this is not YAML" in problem


MLKIT_YML = "kind: tabular\ndataset: shop\ntable: sales\nsource: load_data.py\n"
LAKE = """Resources:
  Database: {Type: AWS::Glue::Database, Properties: {CatalogId: x, DatabaseInput: {Name: !Sub "${YourInitials}-ml-lab-shop"}}}
  Table: {Type: AWS::Glue::Table, Properties: {CatalogId: x, DatabaseName: !Ref Database, TableInput: {Name: sales}}}
"""
NAMES = {
    "mlkit.yml": MLKIT_YML,
    "CloudFormation/datalake.yaml": LAKE,
    "notebooks/01_prep.ipynb": notebook('dataset: str = "shop"\ntable: str = "sales"\n'),
}


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({}, []),
        ({"notebooks/01_prep.ipynb": notebook('your_initials: str = "x"\n')}, []),
        (
            {"CloudFormation/datalake.yaml": LAKE.replace("shop", "store")},
            ["mlkit.yml:2: dataset is shop, but CloudFormation/datalake.yaml makes the database <initials>-ml-lab-store"],
        ),
        (
            {"CloudFormation/datalake.yaml": LAKE.replace("sales", "sold")},
            ["mlkit.yml:3: table is sales, but CloudFormation/datalake.yaml makes the table sold"],
        ),
        (
            {"notebooks/01_prep.ipynb": notebook('dataset: str = "shop"\ntable: str = "sold"\n')},
            ["mlkit.yml:3: table is sales, but notebooks/01_prep.ipynb reads 'sold' unless it is told otherwise"],
        ),
        ({"mlkit.yml": "kind: tabular\n"}, ["mlkit.yml:1: mlkit.yml does not say kind, dataset, table, source, or says more"]),
        ({"mlkit.yml": "kind: [\n"}, ["mlkit.yml:1: mlkit.yml is not YAML"]),
    ],
    ids=["the same everywhere", "not asked for", "another database", "another table", "another parameter", "half of mlkit.yml", "no YAML"],
)
def test_the_data_has_one_name_in_mlkit_yml_lake_and_preparation(make, tmp_path, changed, problems):
    found = make({**NAMES, **changed})
    assert len(found) == len(problems)
    for message, expected in zip(found, problems, strict=True):
        assert expected in message.replace(f"{tmp_path}/", "")


def test_an_example_s_data_has_one_name():
    assert check_project(ROOT / "examples" / "breast_cancer").problems == []

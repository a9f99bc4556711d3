"""`mlkit check` on small projects, with steps, buildspecs and templates as other people write them."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlkit import cli
from mlkit.check import check_project
from mlkit.check.step_check import buildspecs_run_by, steps_run_by

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
ABOUT = "kind: tabular\ndataset: shop\ntable: sales\nsource: load_data.py\n"


def notebook(cell=CELL):
    code = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": cell, "outputs": [], "execution_count": None}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [code]})


def project_file(parameters="{}", notebook="notebooks/train.ipynb"):
    """A mlkit.yml whose sixth line is its one step, train."""
    return f"{ABOUT}steps:\n  train: {{notebook: {notebook}, parameters: {parameters}}}\n"


def buildspec(*commands, env="", phase="build"):
    listed = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    return f"version: 0.2\n{env}phases:\n  {phase}:\n    commands:\n{listed}"


TUNED = project_file("{tune: {env: TUNE, unless: notebook}}")
EPOCHS = project_file("{tune: {env: TUNE, unless: notebook}, epochs: {env: EPOCHS}}")
RUNS_TRAIN = buildspec(".venv/bin/mlkit run train")


@pytest.fixture
def make(tmp_path):
    """`make({"buildspecs/train.yml": ...})`: the messages of a project that holds notebooks/train.ipynb and these files."""

    def made(files):
        for name, content in {"notebooks/train.ipynb": notebook(), "mlkit.yml": TUNED, **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return [str(problem) for problem in check_project(tmp_path).problems]

    return made


def test_the_project_s_own_steps_and_templates_fit():
    checked = check_project(ROOT)
    assert (checked.problems, checked.steps, checked.buildspecs) == ([], 3, 5)


BREAKS = [
    ("mlkit.yml", "tune: {", "tuen: {", "no parameter `tuen`. Did you mean `tune`?"),
    ("mlkit.yml", "02_train.ipynb", "02_trian.ipynb", "Did you mean notebooks/02_train.ipynb?"),
    (
        "mlkit.yml",
        "env: TUNE",
        "env: TUNES",
        "by neither the project nor the action nor the buildspec. Did you mean TUNE?",
    ),
    ("mlkit.yml", "{env: TUNE, unless: notebook}", "{env: TUNE}", "not 'notebook'"),
    ("mlkit.yml", "reuse: true", "reuse: maybe", "`reuse` of step prep is neither true nor false"),
    (
        "buildspecs/build_and_train.yml",
        "run --buildspec build_and_train",
        "run prep trian",
        "mlkit.yml lists no step trian. Did you mean train?",
    ),
    (
        "buildspecs/build_and_train.yml",
        "--buildspec build_and_train",
        "--buildspec build_and_trian",
        "No step has the buildspec build_and_trian. Did you mean build_and_train?",
    ),
    (
        "mlkit.yml",
        "buildspec: test_endpoint",
        "buildspec: test_endpoints",
        "mlkit.yml:25: step test: nothing runs `mlkit run --buildspec test_endpoints`. Did you mean test_endpoint?",
    ),
    ("CloudFormation/pipeline_builds.yaml", 'notebook, "true", "false"', 'notebook, "true", maybe', "not 'maybe'"),
    ("CloudFormation/pipeline_builds.yaml", "{Name: TUNE,", "{Name: TUNED,", "TUNE is set by neither"),
    ("CloudFormation/pipeline_builds.yaml", "{Name: YOUR_INITIALS,", "{Name: INITIALS,", "YOUR_INITIALS is set by neither"),
    (
        "CloudFormation/pipeline_builds.yaml",
        'lab-test-endpoint"}',
        'lab-test"}',
        "step test in TestEndpoint: ENVIRONMENT is set by neither",
    ),
    (
        "CloudFormation/codepipeline.yaml",
        '{"name":"ENVIRONMENT","value":"qa"}',
        '{"name":"ENV","value":"qa"}',
        "step test in TestEndpoint in QA.TestEndpoint: ENVIRONMENT is set by neither",
    ),
    ("CloudFormation/codepipeline.yaml", '"value":"qa"}', '"value":"test"}', "not 'test': it is not one of the choices"),
    (
        "CloudFormation/pipeline_builds.yaml",
        "buildspecs/test_endpoint.yml",
        "buildspecs/test_endpoints.yml",
        "Did you mean buildspecs/test_endpoint.yml?",
    ),
    ("CloudFormation/codepipeline.yaml", '"value":"qa"}]', '"value":"qa"]', "EnvironmentVariables of QA.TestEndpoint is not JSON"),
    ("notebooks/02_train.ipynb", "tune: bool = False", "tuned: bool = False", "no parameter `tune`"),
    ("notebooks/02_train.ipynb", "tune: bool = False", "tune: int = 0", "`true` is for a bool"),
    ("notebooks/01_prep.ipynb", 'your_initials: str = \\"mlkit\\"', "your_initials: int = 1", "`your_initials` is int"),
    ("notebooks/03_test_endpoint.ipynb", "test_rows: int = 0", "test_rows: int", "`test_rows` (int) is required and was not given"),
    ("notebooks/03_test_endpoint.ipynb", '"parameters"', '"other"', "no cell tagged `parameters`"),
]


@pytest.mark.parametrize(("file", "old", "new", "message"), BREAKS, ids=lambda value: str(value)[:30])
def test_whatever_side_is_broken_is_told(tmp_path, file, old, new, message):
    copy_project(tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    found = "\n".join(str(problem) for problem in check_project(tmp_path).problems)
    assert message in found, found


def copy_project(target):
    for folder in ("notebooks", "buildspecs", "CloudFormation"):
        shutil.copytree(ROOT / folder, target / folder)
    shutil.copy(ROOT / "mlkit.yml", target)


def test_a_problem_names_file_line_and_where_the_value_comes_from(make):
    template = f"{TUNE.replace('true', 'maybe')}Resources:{PROJECT}"
    [problem] = make({"buildspecs/train.yml": RUNS_TRAIN, "CloudFormation/a.yaml": template})
    line = 1 + template.splitlines().index("          - {Name: TUNE, Value: !Ref Tune}")
    assert problem.splitlines() == [
        "mlkit.yml:6: step train in Train: "
        "Parameter `tune` is bool (default False), not 'maybe': write one of true yes on 1 false no off 0.",
        f"    TUNE may be 'maybe', see CloudFormation/a.yaml:{line}, Train",
    ]


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("mlkit run prep train", ["prep", "train"]),
        (".venv/bin/mlkit run prep train --staging-bucket $STAGING", ["prep", "train"]),
        ("cd x && mlkit run prep && mlkit run my-test_2", ["prep", "my-test_2"]),
        ("mlkit run train -p tune true", ["train"]),
        ("mlkit run train; echo done", ["train"]),
        ("mlkit run notebooks/train.ipynb -p tune true", []),
        ("mlkit run train.ipynb out.ipynb", []),
        ("mlkit run --reuse train", []),
        ("mlkit run $STEP", []),
        ("mlkit runs prep", []),
        ("papermill notebooks/train.ipynb out.ipynb", []),
    ],
)
def test_of_a_buildspec_s_commands_only_the_names_of_steps_are_read(command, names):
    assert steps_run_by(command) == names


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("mlkit run --buildspec train", ["train"]),
        ('.venv/bin/mlkit run --staging-bucket "$STAGING" --buildspec=build_and_train', ["build_and_train"]),
        ("mlkit run --buildspec a && mlkit run --no-reuse --buildspec b", ["a", "b"]),
        ("mlkit run prep; docker run --buildspec x", []),
        ("mlkit run --buildspec $BUILD", []),
        ("mlkit runs --buildspec x", []),
    ],
)
def test_of_a_buildspec_s_commands_the_buildspecs_are_read(command, names):
    assert buildspecs_run_by(command) == names


def test_the_steps_of_a_buildspec_are_held_to_its_variables(make):
    step = "steps:\n  train: {notebook: notebooks/train.ipynb, buildspec: train, parameters: {tune: {env: TUNES}}}\n"
    template = f"{TUNE}Resources:{PROJECT}"
    [problem] = make(
        {
            "mlkit.yml": f"{ABOUT}{step}",
            "buildspecs/train.yml": buildspec("mlkit run --buildspec train"),
            "CloudFormation/a.yaml": template,
        }
    )
    assert problem.startswith("mlkit.yml:6: step train in Train: TUNES is set by neither the project nor the action nor the buildspec")


SPLIT = "split: 'Literal[\"hashed\", \"latest\"]' = 'hashed'"


@pytest.mark.parametrize(
    ("unless", "wrong"), [(", unless: notebook", ["newest", "oldest"]), ("", ["notebook", "newest", "oldest"])], ids=["unless", "always"]
)
def test_every_value_that_may_come_is_held_to_the_choices(make, unless, wrong):
    allowed = "Parameters:\n  Split: {Type: String, Default: notebook, AllowedValues: [notebook, hashed, newest, latest, oldest]}\n"
    project = PROJECT.replace("{Name: TUNE, Value: !Ref Tune}", "{Name: SPLIT, Value: !Ref Split}")
    files = {
        "notebooks/train.ipynb": notebook(SPLIT),
        "mlkit.yml": project_file(f"{{split: {{env: SPLIT{unless}}}}}"),
        "buildspecs/train.yml": RUNS_TRAIN,
        "CloudFormation/a.yaml": f"{allowed}Resources:{project}",
    }
    found = [re.search(r"not '(\w+)': it is not one of the choices", problem) for problem in make(files)]
    assert [match[1] if match else None for match in found] == wrong


def test_a_notebook_with_the_values_of_an_earlier_run_is_told(make):
    injected = {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "epochs = 7"}
    content = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [injected]})
    [problem] = make({"notebooks/train.ipynb": content})
    assert problem.startswith("notebooks/train.ipynb:1: code cell 1 holds parameters of an earlier run")


@pytest.mark.parametrize("phase", ["install", "pre_build", "build", "post_build"])
def test_every_phase_is_read(make, phase):
    [problem] = make({"buildspecs/train.yml": buildspec("true", "mlkit run nowhere", phase=phase)})
    assert problem == "buildspecs/train.yml:6: mlkit.yml lists no step nowhere"


def test_the_part_that_runs_finally_and_a_command_without_a_list_are_read(make):
    text = "phases:\n  build:\n    commands: mlkit run nowhere\n    finally:\n      - mlkit run elsewhere\n"
    assert len(make({"buildspec.yml": text})) == 2


@pytest.mark.parametrize(("section", "accepted"), [("variables", False), ("parameter-store", True), ("secrets-manager", True)])
def test_of_the_buildspec_s_env_only_literals_are_known(make, section, accepted):
    env = f"env:\n  {section}:\n    EPOCHS: /many\n"
    files = {"mlkit.yml": EPOCHS, "CloudFormation/a.yaml": f"{TUNE}Resources:{PROJECT}"}
    problems = make({**files, "buildspecs/train.yml": buildspec("mlkit run train", env=env)})
    assert (problems == []) is accepted


def test_an_anchors_commands_are_read(make):
    text = "x: &phase\n  commands: [mlkit run nowhere]\nphases:\n  build:\n    <<: *phase\n"
    assert len(make({"buildspecs/train.yml": text})) == 1


def test_a_key_that_is_there_twice_is_told(make):
    [problem] = make({"mlkit.yml": f"{TUNED}  train: {{notebook: notebooks/train.ipynb}}\n"})
    assert problem == "mlkit.yml:7: this is not YAML: the key `train` is there twice"


def test_a_step_must_give_the_parameters_that_its_notebook_requires(make):
    files = {"notebooks/train.ipynb": notebook("country: str\nyear: int\n")}
    [problem] = make({**files, "mlkit.yml": project_file("{year: {env: YEAR}}")})
    assert problem == "mlkit.yml:6: step train: Parameter `country` (str) is required and was not given."
    assert make({**files, "mlkit.yml": project_file("{year: {env: YEAR}, country: {env: COUNTRY}}")}) == []


def test_a_notebook_whose_parameters_cannot_be_read_is_told_at_its_step(make):
    [problem] = make({"notebooks/train.ipynb": notebook("x = compute()")})
    assert problem.startswith("mlkit.yml:6: step train: notebooks/train.ipynb: line 1 of the `parameters` cell: the default of `x`")


def test_variables_that_codebuild_sets_need_no_setting(make):
    parameters = "{label: {env: CODEBUILD_BUILD_ID}}"
    files = {"mlkit.yml": project_file(parameters), "CloudFormation/a.yaml": f"{TUNE}Resources:{PROJECT}"}
    assert make({**files, "buildspecs/train.yml": RUNS_TRAIN}) == []


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
    template = f"{parameters}{more}Resources:{project}"
    return make({"mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN, "CloudFormation/a.yaml": template})


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
    [problem] = make({"mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN, "CloudFormation/a.yaml": f"{TUNE}Resources:{project}"})
    assert "'many'" in problem


def test_a_secret_of_the_project_is_not_followed(make):
    project = PROJECT + "          - {Name: EPOCHS, Value: /a/parameter, Type: PARAMETER_STORE}\n"
    files = {"mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN}
    assert make({**files, "CloudFormation/a.yaml": f"{TUNE}Resources:{project}"}) == []


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("""'[{"name":"EPOCHS","value":"3"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"#{variables.Epochs}"}]'""", "'lots'"),
        ("""'[{"name":"EPOCHS","value":"1#{variables.Epochs}"}]'""", "'1lots'"),
        ("""'[{"name":"EPOCHS","value":"#{variables.Open}"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"#{variables.Epoch}"}]'""", "#{variables.Epoch} is not a variable of the pipeline"),
        ("""'[{"name":"EPOCHS","value":"#{Build.EPOCHS}"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"#{codepipeline.PipelineExecutionId}"}]'""", None),
        ("""'[{"name":"EPOCHS","value":"s","type":"SECRETS_MANAGER"}]'""", None),
        ("""!Sub '[{"name":"EPOCHS","value":"${Tune}"}]'""", "'true'"),
        ("""!Sub '[{"name":"EPOCHS","value":"${AWS::AccountId}"}]'""", None),
        ("""'[{"name":"EPOCH","value":"3"}]'""", "EPOCHS is set by neither"),
        ("""'{"name":"EPOCHS","value":"3"}'""", "is not JSON"),
        ("""'[{"name": EPOCHS}]'""", "is not JSON"),
        ("!ImportValue somewhere", "EPOCHS is set by neither"),
    ],
)
def test_an_action_s_variables_are_followed(make, given, wrong):
    variables = "[{Name: Epochs, DefaultValue: lots}, {Name: Open}]"
    template = f"{TUNE}Resources:{PROJECT}{pipeline(given, more=variables)}"
    problems = make({"mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN, "CloudFormation/a.yaml": template})
    assert bool(problems) is (wrong is not None), problems
    assert wrong is None or any(wrong in problem for problem in problems)


def test_an_action_overrules_the_project_and_the_project_the_buildspec(make):
    env = "env:\n  variables: {TUNE: maybe, EPOCHS: many}\n"
    action = pipeline("""'[{"name":"TUNE","value":"true"}]'""")
    project = PROJECT.replace("!Ref Tune", "perhaps") + "          - {Name: EPOCHS, Value: 3}\n"
    files = {"mlkit.yml": EPOCHS, "buildspecs/train.yml": buildspec("mlkit run train", env=env)}
    assert make({**files, "CloudFormation/a.yaml": f"Resources:{project}{action}"}) == []


def test_each_action_that_starts_the_project_is_checked(make):
    second = """
            - Name: Again
              Configuration: {ProjectName: !Ref Train, EnvironmentVariables: '[]'}
"""
    template = f"{TUNE}Resources:{PROJECT}" + pipeline("""'[{"name":"EPOCHS","value":"3"}]'""").rstrip() + second
    [problem] = make({"mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN, "CloudFormation/a.yaml": template})
    assert "Build.Again" in problem
    assert "EPOCHS is set by neither" in problem


def test_a_pipeline_in_another_template_finds_the_project_by_its_name(make):
    project = f"Parameters: {{Name: {{Type: String, Default: train}}}}\nResources:{PROJECT}".replace(
        "Properties:\n", "Properties:\n      Name: !Ref Name\n"
    )
    other = "Resources:" + pipeline("""'[{"name":"EPOCHS","value":"x"}]'""", project="train")
    files = {"CloudFormation/a.yaml": project, "CloudFormation/b.yml": other}
    [problem] = make({**files, "mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN})
    assert "not 'x'" in problem
    assert "CloudFormation/b.yml" in problem


@pytest.mark.parametrize(
    ("imported", "found"),
    [
        ("!ImportValue lab-train", True),
        ('{"Fn::ImportValue": !Sub "${Lab}-train"}', True),
        ('{"Fn::ImportValue": !Sub "${Open}-train"}', False),
        ("!ImportValue lab-test", False),
        ("!ImportValue {Ref: Open}", False),
    ],
)
def test_a_pipeline_in_another_template_finds_the_project_by_its_export(make, imported, found):
    parameters = "Parameters: {Lab: {Type: String, Default: lab}, Open: {Type: String}}\n"
    outputs = """Outputs:
  Train: {Value: !Ref Train, Export: {Name: !Sub "${Lab}-train"}}
  Again: {Value: !Ref Train, Export: {Name: !Ref Open}}
  Other: {Value: lab-test, Export: {Name: lab-test}}
"""
    project = f"{parameters}Resources:{PROJECT}{outputs}"
    other = f"{parameters}Resources:" + pipeline("""'[{"name":"EPOCHS","value":"x"}]'""", project=imported)
    files = {"CloudFormation/a.yaml": project, "CloudFormation/b.yml": other}
    [problem] = make({**files, "mlkit.yml": EPOCHS, "buildspecs/train.yml": RUNS_TRAIN})
    assert ("not 'x'" in problem) is found
    assert ("EPOCHS is set by neither" in problem) is not found


def inline(source):
    head = "Parameters:\n  Epochs: {Type: String, Default: many}\nResources:\n  Train:\n"
    return f"{head}    Type: AWS::CodeBuild::Project\n    Properties:\n      Source:\n        {source}\n"


@pytest.mark.parametrize("tag", ["", "!Sub "])
def test_a_buildspec_within_the_template_is_read_there(make, tag):
    lines = ["phases:", "  build:", "    commands:", "      - echo ${Epochs}", "      - mlkit run nowhere"]
    source = f"BuildSpec: {tag}|\n" + "\n".join(f"          {line}" for line in lines)
    assert make({"CloudFormation/a.yaml": inline(source)}) == ["CloudFormation/a.yaml:13: mlkit.yml lists no step nowhere"]


def test_a_buildspec_elsewhere_is_found_and_one_that_is_missing_is_told(make):
    files = {"ci/train.yml": buildspec("mlkit run nowhere")}
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


@pytest.mark.parametrize(
    "file", ["CloudFormation/codepipeline.yaml", "CloudFormation/pipeline_builds.yaml", "buildspecs/build_and_train.yml", "mlkit.yml"]
)
def test_no_half_written_file_makes_it_fall_over(tmp_path, file):
    copy_project(tmp_path)
    lines = (ROOT / file).read_text().splitlines(keepends=True)
    for left_out in range(0, len(lines), 3 if len(lines) < 100 else 53):
        (tmp_path / file).write_text("".join(lines[:left_out] + lines[left_out + 1 :]))
        check_project(tmp_path)


def test_the_command_says_what_fits_or_ends_with_the_parameters_exit_code(make, tmp_path):
    assert make({"buildspecs/train.yml": RUNS_TRAIN}) == []
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, "Checked 1 step and 1 buildspec: all parameters fit\n")
    make({"mlkit.yml": project_file(notebook="notebooks/nowhere.ipynb")})
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert result.exception.exit_code == 10
    assert "mlkit.yml:6: step train: there is no notebook notebooks/nowhere.ipynb" in str(result.exception)


@pytest.mark.parametrize("files", [{}, {"mlkit.yml": ABOUT}])
def test_a_folder_without_steps_is_told(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert result.exception.exit_code == 40
    assert "has no mlkit.yml with steps to check" in str(result.exception)


@pytest.mark.parametrize("text", ["\x00", "a: &x [*x]", "a: b\n---\nc: d"])
def test_text_that_is_not_yaml_is_reported(make, text):
    [problem] = make({"buildspecs/train.yml": text})
    assert "this is not YAML" in problem


LAKE = """Resources:
  Database: {Type: AWS::Glue::Database, Properties: {CatalogId: x, DatabaseInput: {Name: !Sub "${YourInitials}-ml-lab-shop"}}}
  Table: {Type: AWS::Glue::Table, Properties: {CatalogId: x, DatabaseName: !Ref Database, TableInput: {Name: sales}}}
"""
NAMES = {
    "mlkit.yml": ABOUT,
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
            ["mlkit.yml:2: dataset is shop, but CloudFormation/datalake.yaml creates the database <initials>-ml-lab-store"],
        ),
        (
            {"CloudFormation/datalake.yaml": LAKE.replace("sales", "sold")},
            ["mlkit.yml:3: table is sales, but CloudFormation/datalake.yaml creates the table sold"],
        ),
        (
            {"notebooks/01_prep.ipynb": notebook('dataset: str = "shop"\ntable: str = "sold"\n')},
            ["mlkit.yml:3: table is sales, but notebooks/01_prep.ipynb reads 'sold' by default"],
        ),
        ({"mlkit.yml": "kind: tabular\n"}, ["mlkit.yml:1: mlkit.yml does not say kind, dataset, table, source, or says more"]),
        ({"mlkit.yml": "kind: [\n"}, ["mlkit.yml:2: this is not YAML"]),
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

"""The buildspec's parser: what is understood, what is refused by name, and the shapes that people really write."""

import pytest

from localaws.codebuild import buildspec
from localaws.codebuild.buildspec import Artifact, Phase, ReportFiles
from localaws.codebuild.buildspec_yaml import BuildspecError

MINIMAL = "version: 0.2\nphases: {build: {commands: [make]}}\n"


def refusal(text):
    with pytest.raises(BuildspecError) as error:
        buildspec.parse(text)
    return str(error.value)


def test_a_minimal_buildspec_has_aws_defaults():
    spec = buildspec.parse(MINIMAL)
    assert (spec.shell, spec.artifacts, spec.reports, spec.cache_paths) == ("/bin/sh", None, (), ())
    assert spec.phases == {"build": Phase(commands=("make",))}


FULL = """
version: 0.2
env:
  shell: bash
  variables: {STAGE: dev, EMPTY: ""}
  parameter-store: {TOKEN: /team/token}
  secrets-manager: {PASSWORD: "database:password:AWSPREVIOUS:"}
  exported-variables: [TAG, COUNT]
  git-credential-helper: no
phases:
  install:
    runtime-versions: {python: 3.10}
    commands: [pip install .]
    finally: [echo installed]
  pre_build: {on-failure: CONTINUE, commands: [lint]}
  build: {on-failure: ABORT, commands: [make, make test]}
  post_build:
    commands:
      - |
        echo one
        echo two
reports:
  unit: {files: ["**/junit.xml"], base-directory: out, file-format: junitxml, discard-paths: yes}
artifacts:
  files: ["**/*"]
  name: site-$(date +%F)
  base-directory: dist
  exclude-paths: ["**/*.map"]
  discard-paths: yes
  enable-symlinks: yes
  s3-prefix: releases
  secondary-artifacts:
    configuration: {files: [configuration.json]}
cache: {paths: [/root/.cache/pip/**/*]}
"""


def test_every_key_of_a_full_buildspec_is_read():
    spec = buildspec.parse(FULL)
    assert spec.shell == "bash"
    assert spec.variables == {"STAGE": "dev", "EMPTY": ""}
    assert spec.parameter_store == {"TOKEN": "/team/token"}
    assert spec.secrets_manager == {"PASSWORD": "database:password:AWSPREVIOUS:"}
    assert spec.exported_variables == ("TAG", "COUNT")
    assert spec.runtimes == {"python": "3.10"}
    assert spec.phases["install"] == Phase(commands=("pip install .",), finally_commands=("echo installed",))
    assert (spec.phases["pre_build"].on_failure, spec.phases["build"].on_failure) == ("CONTINUE", "ABORT")
    assert spec.phases["post_build"].commands == ("echo one\necho two\n",)
    assert spec.reports == (ReportFiles(group="unit", files=("**/junit.xml",), base_directory="out"),)
    assert spec.artifacts == Artifact(
        files=("**/*",),
        name="site-$(date +%F)",
        base_directory="dist",
        exclude_paths=("**/*.map",),
        discard_paths=True,
        keep_symlinks=True,
        s3_prefix="releases",
    )
    assert spec.secondary_artifacts == {"configuration": Artifact(files=("configuration.json",))}
    assert spec.cache_paths == ("/root/.cache/pip/**/*",)


@pytest.mark.parametrize("written", ["yes", "1.10", "0x1F", "2020-01-01", "null", "~", "on"])
def test_a_variable_is_the_text_as_it_is_written(written):
    spec = buildspec.parse(f"version: 0.2\nenv: {{variables: {{A: {written!s}}}}}\nphases: {{build: {{commands: [x]}}}}\n")
    assert spec.variables == {"A": written}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 0.3\nbatch: {}\nphases: {build: {commands: [x]}}", "'0.3'"),
        ("phases: {build: {commands: [x]}}", "version"),
        ("version: 0.2", "no phases"),
        ("version: 0.2\nphases: {deploy: {commands: [x]}}", "no phases"),
        ("version: 0.2\nphases:\n  build:\n  commands: [x]\n", "phases.build to be a mapping"),
        (MINIMAL + "batch: {fast-fail: true}", "batch"),
        (MINIMAL + "proxy: {logs: no}", "proxy"),
        (MINIMAL + "run-as: builder", "run-as"),
        (MINIMAL + "env: {shell: zsh}", "env.shell 'zsh'"),
        (MINIMAL + "env: {git-credential-helper: yes}", "env.git-credential-helper"),
        (MINIMAL + "env: {variables: {A-B: x}}", "'A-B'"),
        (MINIMAL + "env: {exported-variables: [AWS_REGION]}", "AWS_REGION"),
        (MINIMAL + "reports: {unit: {files: [a.xml], file-format: TAP}}", "TAP is none of JUNITXML"),
        (MINIMAL + "reports: {unit: {file-format: JUNITXML}}", "reports.unit has no files"),
        (MINIMAL + "artifacts: {base-directory: x}", "artifacts has no files"),
        (MINIMAL + "artifacts: {files: [x], discard-paths: maybe}", "artifacts.discard-paths"),
        (MINIMAL + "cache: {key: x, paths: [y]}", "cache.key"),
        ("version: 0.2\nphases: {build: {commands: [x], run-as: me}}", "phases.build.run-as"),
        ("version: 0.2\nphases: {build: {commands: [x], on-failure: RETRY-2}}", "phases.build.on-failure RETRY"),
        ("version: 0.2\nphases: {build: {commands: [x], on-failure: IGNORE}}", "'IGNORE'"),
        ("version: 0.2\nphases: {install: {runtime-versions: {cobol: 85}}}", "Unknown runtime named cobol"),
        ("version: 0.2\nphases: {build: {finally: [x]}}", "phases.build has no commands"),
        ("version: 0.2\nphases: {build: {commands: make}}", "phases.build.commands to be a sequence"),
        ("version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b\n", "phases.build.commands[0] to be of string type"),
        (MINIMAL + MINIMAL.replace("version: 0.2\n", ""), "phases is given twice"),
        ("", "empty"),
        ("version: 0.2\nphases: {build: [", "line"),
        ("\tversion: 0.2", "line 1"),
    ],
)
def test_a_buildspec_that_would_not_run_as_written_is_refused_by_name(text, named):
    assert named in refusal(text)


def test_a_merge_key_gives_way_to_the_mappings_own_keys():
    spec = buildspec.parse("""
version: 0.2
env:
  variables: &common {REGION: one, STAGE: dev}
  parameter-store:
    <<: *common
    STAGE: /stage
phases: {build: {commands: [x]}}
""")
    assert spec.parameter_store == {"REGION": "one", "STAGE": "/stage"}


@pytest.mark.parametrize(
    ("text", "inline"),
    [
        (MINIMAL, True),
        ("{version: 0.2, phases: {}}", True),
        ("buildspecs/train.yml", False),
        ("arn:aws:s3:::bucket/spec.yml", False),
        ("", False),
    ],
)
def test_an_inline_buildspec_is_told_from_the_place_of_a_file(text, inline):
    assert buildspec.is_inline(text) is inline


# Shapes that are common in public repositories, in our own words.
CONTAINER_IMAGE = """
version: 0.2
phases:
  pre_build:
    commands:
      - echo "signing in"
      - TAG=$(echo $CODEBUILD_RESOLVED_SOURCE_VERSION | cut -c 1-7)
      - IMAGE_TAG=${TAG:=latest}
  build:
    commands:
      - echo Started on `date`
      - ./package.sh "$IMAGE_TAG"
  post_build:
    commands:
      - if [ "$CODEBUILD_BUILD_SUCCEEDING" = "0" ]; then exit 1; fi
      - printf '[{"name":"web","imageUri":"%s"}]' "$IMAGE_TAG" > imagedefinitions.json
artifacts:
  files: imagedefinitions.json
"""
SERVERLESS = """
version: 0.2
phases:
  install:
    runtime-versions:
      python: 3.11
    commands:
      - pip install --upgrade pip
      - pip install -r requirements.txt -t package
  build:
    commands:
      - aws cloudformation package --template-file template.yaml --s3-bucket $BUCKET --output-template-file out.yaml
artifacts:
  type: zip
  files: [out.yaml]
"""
TESTS_WITH_REPORT = """
version: 0.2
env:
  variables:
    PYTHONPATH: src
  secrets-manager:
    LOGIN: arn:aws:secretsmanager:us-east-1:123456789012:secret:team/login-AbCdEf:user
phases:
  install:
    runtime-versions: {python: 3.x}
    commands: ["pip install -e '.[test]'"]
  build:
    commands: [pytest --junitxml=reports/unit.xml]
    finally: [ls reports]
reports:
  unit:
    files: ['*.xml']
    base-directory: reports
cache:
  paths: ['/root/.cache/pip/**/*']
"""
MODEL_PIPELINE = """
version: 0.2
phases:
  install:
    runtime-versions:
      python: 3.10
    commands:
      - pip install --upgrade --force-reinstall . "awscli>1.20.30"
  build:
    commands:
      - export PYTHONUNBUFFERED=TRUE
      - export NAME="${PROJECT}-${PROJECT_ID}"
      - >-
        run-pipeline --module-name pipelines.example.pipeline --role-arn $ROLE
        --tags '[{"Key":"name", "Value":"'"${NAME}"'"}]'
      - echo "Create or update complete."
"""
SITE = """
version: 0.2
phases:
  build:
    commands:
      - make site
artifacts:
  files:
    - '**/*'
  base-directory: 'public'
  discard-paths: no
  secondary-artifacts:
    templates:
      base-directory: infrastructure
      files: ['*.yaml', 'nested/**/*']
"""


@pytest.mark.parametrize("text", [CONTAINER_IMAGE, TESTS_WITH_REPORT, MODEL_PIPELINE, SITE, SERVERLESS])
def test_shapes_that_people_write_are_understood(text):
    assert buildspec.parse(text).phases["build"].commands


def test_a_folded_command_is_one_line():
    command = buildspec.parse(MODEL_PIPELINE).phases["build"].commands[2]
    assert command.startswith("run-pipeline")
    assert "\n" not in command


def test_one_file_needs_no_list():
    assert buildspec.parse(CONTAINER_IMAGE).artifacts == Artifact(files=("imagedefinitions.json",))


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        (SERVERLESS, ["In the section artifacts", "type"]),
        (MINIMAL + "x-common: &c {a: b}\nartefacts: {files: [x]}", ["In the section buildspec", "x-common", "artefacts"]),
        ("version: 0.2\nphases: {pre_build: {commands: [x], env: {}}}", ["In the section PRE_BUILD", "env"]),
        (MINIMAL + "env: {secrets: {A: b}, variables: {anything: x}}", ["In the section env", "secrets"]),
        (MINIMAL + "reports: {mine: {files: [x], format: y}}", ["In the section reports/mine", "format"]),
        ("version: 0.2\nphases: {build: {commands: [x], runtime-versions: {python: 3}}}", ["In the section BUILD", "runtime-versions"]),
        ("version: 0.2\nphases: {build: {commands: [x]}, deploy: {commands: [y]}}", ["In the section phases", "deploy"]),
        (FULL, []),
    ],
)
def test_an_unknown_key_is_a_warning(text, warnings):
    found = [line.strip() for line in buildspec.parse(text).warnings]
    assert [line for line in found if line != "The following keys cannot be identified:"] == warnings


def test_version_0_1_has_isolated_commands_variables_of_its_own_and_a_type_of_artifacts():
    spec = buildspec.parse("""
version: 0.1
environment_variables: {plaintext: {STAGE: dev}}
phases: {build: {commands: [make]}}
artifacts: {type: zip, files: [x]}
""")
    assert (spec.is_isolated, dict(spec.variables), spec.warnings) == (True, {"STAGE": "dev"}, ())
    assert not buildspec.parse(MINIMAL).is_isolated


def test_a_report_of_another_format_is_read_with_its_format():
    (report,) = buildspec.parse(MINIMAL + "reports: {unit: {files: [a.xml], file-format: CoberturaXml}}").reports
    assert report.file_format == "COBERTURAXML"


def test_merge_keys_do_not_multiply_without_limit():
    levels = ["a0: &a0 {k0: v, k1: v, k2: v, k3: v}"]
    levels += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, 9)]
    assert "merges more than 1000 entries" in refusal("version: 0.2\n" + "\n".join(levels))


def test_a_buildspec_that_is_nested_without_end_is_refused():
    assert "nested too deeply" in refusal("version: 0.2\nphases: " + "[" * 5000)

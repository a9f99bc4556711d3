"""The package alone, in an environment that holds nothing else of this repository, runs a template and a buildspec of somebody else's."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from waiting import HANG_S, wait_until

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parents[1]

TEMPLATE = """
Resources:
  Pages: {Type: AWS::S3::Bucket}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: codebuild.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: build
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], Resource: "*"}
              - {Effect: Allow, Action: "s3:PutObject", Resource: !Sub "${Pages.Arn}/*"}
  Site:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: site
      ServiceRole: !GetAtt Role.Arn
      Artifacts: {Type: NO_ARTIFACTS}
      Environment:
        Type: LINUX_CONTAINER
        Image: aws/codebuild/standard:7.0
        ComputeType: BUILD_GENERAL1_SMALL
        EnvironmentVariables: [{Name: PAGES, Value: !Ref Pages}]
      Source:
        Type: NO_SOURCE
        BuildSpec: |
          version: 0.2
          phases:
            build:
              commands:
                - echo "<h1>Hello</h1>" > index.html
                - aws s3 cp --no-progress index.html "s3://$PAGES/index.html"
Outputs:
  Pages: {Value: !Ref Pages}
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the console scripts of a new environment with this package, the formats and the versions of the lock."""
    uv = shutil.which("uv", path=os.pathsep.join([str(ROOT / ".tools" / "uv" / "bin"), os.environ["PATH"]]))
    assert uv, "`make setup` fetches uv"
    folder = tmp_path_factory.mktemp("alone")
    run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], folder)
    pins = re.findall(r"^[a-zA-Z][^\s\\]*==[^\\\n]+", (ROOT / "requirements.lock").read_text(), re.M)
    (folder / "constraints.txt").write_text("\n".join(pins))
    packages = [str(copy_of(ROOT / "packages" / name, folder / "sources" / name)) for name in ("localaws", "sagemaker_formats")]
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "venv"), "--constraint", str(folder / "constraints.txt")]
    run([*install, *packages], folder)
    return folder / "venv" / "bin"


@pytest.fixture
def started(programs: Path, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Variables of a shell in which `eval "$(localaws env)"` was typed."""
    plain = {**os.environ, "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    try:
        run(["localaws", "up", "--port", "0"], tmp_path, plain)
        shell = ["bash", "-c", 'eval "$(localaws env)"; env -0']
        printed = run(shell, tmp_path, plain)
        yield dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)
    finally:
        stopped = run(["localaws", "down"], tmp_path, plain)
    assert stopped == "Stopped.\n"


def copy_of(source: Path, target: Path) -> Path:
    """A copy without what earlier builds left there."""
    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__")))


def run(command: list[str], folder: Path, variables: Mapping[str, str] = os.environ) -> str:
    program = shutil.which(command[0], path=variables["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=HANG_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def aws(started: Mapping[str, str], folder: Path, *arguments: str) -> str:
    return run(["aws", *arguments, "--output", "json"], folder, started)


def test_nothing_else_of_this_repository_is_installed(programs: Path, tmp_path: Path) -> None:
    ours = "import importlib.util as u, localaws; print([n for n in {names} if u.find_spec(n)], localaws.__file__)"
    names = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    printed = run([str(programs / "python"), "-P", "-c", ours.format(names=names)], tmp_path)
    assert printed.startswith(f"[] {programs.parent}")
    assert names


def test_a_template_and_a_buildspec_run_without_mlkit(started: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    stack = ["--stack-name", "mine"]
    aws(started, tmp_path, "cloudformation", "deploy", *stack, "--template-file", "template.yaml", "--capabilities", "CAPABILITY_IAM")
    outputs = json.loads(aws(started, tmp_path, "cloudformation", "describe-stacks", *stack))["Stacks"][0]["Outputs"]
    bucket = next(one["OutputValue"] for one in outputs if one["OutputKey"] == "Pages")
    build = json.loads(aws(started, tmp_path, "codebuild", "start-build", "--project-name", "site"))["build"]["id"]
    ended = wait_until(
        lambda: json.loads(aws(started, tmp_path, "codebuild", "batch-get-builds", "--ids", build))["builds"][0],
        "the build ends",
        ok=lambda build: build["buildComplete"],
        every_s=1,
    )
    assert ended["buildStatus"] == "SUCCEEDED", run(["localaws", "logs"], tmp_path, started)
    aws(started, tmp_path, "s3", "cp", f"s3://{bucket}/index.html", "copy.html")
    assert (tmp_path / "copy.html").read_text() == "<h1>Hello</h1>\n"
    assert (tmp_path / ".localaws").is_dir()
    assert "running at" in run(["localaws", "status"], tmp_path, started)

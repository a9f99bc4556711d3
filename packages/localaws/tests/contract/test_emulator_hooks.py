"""What we rely on inside the emulator is there: after an upgrade this says what is gone, before anything else fails strangely."""

import ast
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import localaws.emulator

PACKAGE = Path(localaws.emulator.__file__).parent
# The names that the package gives to the emulator's modules, as variables, parameters and attributes.
MODULES = {
    "ms": "ministack.app",
    "ev": "ministack.core.iam_evaluator",
    "ia": "ministack.core.iam_actions",
    "persistence": "ministack.core.persistence",
    "cloudformation": "ministack.services.cloudformation",
    "changesets": "ministack.services.cloudformation.changesets",
    "engine": "ministack.services.cloudformation.engine",
    "handlers": "ministack.services.cloudformation.handlers",
    "helpers": "ministack.services.cloudformation.helpers",
    "provisioners": "ministack.services.cloudformation.provisioners",
    "stacks": "ministack.services.cloudformation.stacks",
    "cloudwatch": "ministack.services.cloudwatch",
    "eventbridge": "ministack.services.eventbridge",
    "glue": "ministack.services.glue",
    "iam": "ministack.services.iam",
    "kms": "ministack.services.kms",
    "logs": "ministack.services.cloudwatch_logs",
    "s3": "ministack.services.s3",
    "secretsmanager": "ministack.services.secretsmanager",
    "sns": "ministack.services.sns",
    "ssm": "ministack.services.ssm",
    "sts": "ministack.services.sts",
}


def hooks() -> set[tuple[str, str]]:
    """Every `module.attribute` of the emulator that the package reads or replaces, found in its source."""
    found = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                name = ast.unparse(node.value).removeprefix("self._")
                if name in MODULES:
                    found.add((MODULES[name], node.attr))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
                found.update((str(node.module), alias.name) for alias in node.names)
    return found


def test_every_private_hook_into_the_emulator_exists():
    check = (
        "import importlib, json, sys\n"
        "def there(module, name):\n"
        "    try: return hasattr(importlib.import_module(module), name) or bool(importlib.import_module(f'{module}.{name}'))\n"
        "    except ImportError: return False\n"
        "print(json.dumps([f'{module}.{name}' for module, name in json.load(sys.stdin) if not there(module, name)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], input=json.dumps(sorted(hooks())), capture_output=True, text=True, check=True, env={"PATH": ""}
    )
    assert len(hooks()) > 40
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_emulator_is_the_version_that_the_repairs_were_written_for():
    assert version("ministack") == "1.5.33"


def test_nothing_outside_the_package_imports_the_emulator():
    root = PACKAGE.parents[1]
    importers = [path for path in root.rglob("*.py") if "import ministack" in path.read_text() or "from ministack" in path.read_text()]
    assert {path.parent for path in importers} == {PACKAGE}

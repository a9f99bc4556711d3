"""A build as an attacker: it looks for the administrator's key, the state folder and the server's environment, in every way it has."""

import json
from typing import Any

import pytest
from codebuild_building import Builder, spec, unzipped
from started import LocalAws

from localaws.kit import sandbox

LOOKED = """
for place in "$STATE/credentials.json" "$STATE/state/iam.json" "$STATE/aws-credentials"; do cat "$place" && echo "LEAKED $place"; done
ls "$STATE" && echo LEAKED the names
ls -R "$STATE/s3" "$STATE/state" && echo LEAKED the names below
cp -r "$STATE" copy && echo LEAKED a copy
ln "$STATE/credentials.json" hard && echo LEAKED a link
for process in /proc/[0-9]*; do
  [ "$process" = "/proc/$PPID" ] && continue  # starts the shells; its environment is a few variables without secrets
  grep -qz "" "$process/environ" && ! grep -qz "^CODEBUILD_BUILD_ID=" "$process/environ" && echo "LEAKED the environment of $process"
done
cat "/proc/$SERVER/environ" && echo LEAKED the environment
cat "/proc/$SERVER/root$STATE/credentials.json" && echo LEAKED through /proc
for number in 3 4 5 6 7 8 9 10; do timeout 1 head -c 1 "/proc/$SERVER/fd/$number" >/dev/null && echo LEAKED a descriptor; done
kill -0 "$SERVER" && echo LEAKED a signal
unshare --user --map-root-user --mount sh -c 'umount -l "$STATE"; cat "$STATE/credentials.json"' && echo LEAKED a namespace
echo x >"$STATE/marker" && echo LEAKED a write
echo x >"$STATE/../marker" && echo LEAKED a write beside
true
"""
LAID = """
ln -s "$STATE/credentials.json" key.txt
ln -s "$STATE" folder
ln -s /proc/self/environ environ.txt
ln -s "/proc/$SERVER/environ" server.txt
ln -s "$STATE/credentials.json" report.xml
cd "$HOME/../exchange" && ln -sf "$STATE/credentials.json" export-STOLEN && chmod a-w . && unset STOLEN
mv "$HOME/../output" "$HOME/../gone" && ln -s "$STATE/credentials.json" "$HOME/../output" && echo LEAKED the log
for number in 1 2 3 4 5 6 7 8 9; do ln -s "$STATE/credentials.json" "$HOME/../shell/$number.sh" && echo LEAKED a script; done
true
"""


@pytest.fixture
def builder(local_aws: LocalAws) -> Builder:
    return Builder(local_aws)


def attack(builder: Builder, *commands: str, **more: Any) -> dict[str, Any]:
    home = builder.local_aws.home.resolve()
    server = json.loads((home / "server.json").read_text())["pid"]
    variables = [{"name": "STATE", "value": str(home)}, {"name": "SERVER", "value": str(server)}]
    environment = {"environmentVariablesOverride": variables}
    return builder.run(spec(list(commands), **more.pop("sections", {})), start=environment, **more)


@pytest.mark.skipif(not sandbox.is_available(), reason="this system has no Landlock")
def test_no_command_of_a_build_reads_the_key_the_state_or_an_environment(builder: Builder) -> None:
    build = attack(builder, LOOKED)
    log = builder.log(build)
    assert build["buildStatus"] == "SUCCEEDED", log
    assert [line for line in log if line.startswith("LEAKED")] == []
    assert builder.local_aws.credentials.secret_access_key not in "\n".join(log)
    assert any("isolated by Landlock" in line for line in log)


@pytest.mark.skipif(not sandbox.is_available(), reason="this system has no Landlock")
def test_what_a_build_leaves_for_codebuild_to_read_is_read_with_the_builds_rights(builder: Builder) -> None:
    sections = {
        "env": {"exported-variables": ["STOLEN"]},
        "artifacts": {"files": ["*.txt", "folder/*", "own.md"]},
        "reports": {"stolen": {"files": ["report.xml"]}},
    }
    build = attack(
        builder,
        "echo mine >own.md",
        LAID,
        sections=sections,
        artifacts={"type": "S3", "location": builder.bucket, "name": "stolen.zip", "packaging": "ZIP"},
    )
    log = builder.log(build)
    secret = builder.local_aws.credentials.secret_access_key
    assert [line for line in log if line.startswith("LEAKED")] == []
    assert secret not in json.dumps(build, default=str)
    assert secret not in "\n".join(log)
    stored = builder.s3.list_objects_v2(Bucket=builder.bucket).get("Contents", [])
    for found in stored:
        body = builder.s3.get_object(Bucket=builder.bucket, Key=found["Key"])["Body"].read()
        assert secret not in json.dumps(unzipped(body)), found["Key"]
    assert json.loads((builder.local_aws.home / "credentials.json").read_text())["secret_access_key"] == secret


def test_a_system_without_landlock_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.kit.landlock._version", lambda: 1)
    assert sandbox.described().startswith("not isolated")

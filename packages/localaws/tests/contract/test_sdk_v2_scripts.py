"""A user's script for the SageMaker SDK 2 runs unchanged with the variables of `localaws env`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from waiting import HANG_S

SCRIPT = Path(__file__).with_name("sdk_v2_script.py")


def test_a_script_trains_attaches_deploys_predicts_and_tunes(local_aws, sdk_v2, tmp_path):
    # The SDK's telemetry would leave the machine.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    environment = {**os.environ, **nowhere, **local_aws.environment, "PYTHONPATH": str(sdk_v2)}
    command = [sys.executable, "-W", "ignore", str(SCRIPT)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=HANG_S)

    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "bucket": f"sagemaker-{local_aws.region}-{local_aws.account}",
        "role": f"arn:aws:iam::{local_aws.account}:role/administrator",
        "hyperparameters": {"objective": "binary:logistic", "num_round": "2", "eval_metric": "logloss"},
        "curve": ["train:logloss"],
        "scores": 3,
        "best": True,
        "eta": True,
    }

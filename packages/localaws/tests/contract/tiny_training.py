"""The training script of the tiny algorithm: the mean of the numbers in channel `train`. Hyperparameters make it misbehave."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(root: Path) -> int:
    settings = json.loads((root / "input/config/hyperparameters.json").read_text())
    print("environment", os.environ["TRAINING_JOB_NAME"], "secret" if "AWS_SECRET_ACCESS_KEY" in os.environ else "clean")
    if settings.get("stubborn") == "1":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif settings.get("saves_on_stop") == "1":
        signal.signal(signal.SIGTERM, lambda *_: (save(root, 0.0), sys.exit(0)))
    if settings.get("grandchild") == "1":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100_000)"])
        print(f"grandchild {child.pid}")
    if (root / "checkpoints").is_dir():
        count(root / "checkpoints/deep/jobs")
    numbers = [float(line) for file in sorted((root / "input/data/train").rglob("*")) if file.is_file() for line in file.open()]
    if settings.get("failure"):
        print("giving up")
        (root / "output/failure").write_text(settings["failure"])
        return int(settings.get("exit_code", "1"))
    mean = sum(numbers) / len(numbers) + float(settings.get("shift", "0"))
    print(f"[tiny] train mean <score>={mean * 2}\n[tiny] train mean <score>={mean}")
    print(f"pid {os.getpid()}", flush=True)
    time.sleep(float(settings.get("sleep", "0")))
    if settings.get("silent") != "1":
        print(f"[tiny] test loss <score>={(mean - 3) ** 2}")
    save(root, mean)
    print("the last line has no end", end="")
    return 0


def count(file: Path) -> None:
    """Add this job to the checkpoint's number of jobs."""
    file.parent.mkdir(exist_ok=True)
    jobs = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(jobs))
    print(f"job {jobs} of this checkpoint", flush=True)


def save(root: Path, mean: float) -> None:
    (root / "model/mean.json").write_text(json.dumps({"mean": mean}))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

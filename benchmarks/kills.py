"""A training run that is killed again and again (SIGKILL), some times inside a save, and gone on with each time.

    python benchmarks/kills.py --kills 20

Behind each kill the model folder must load, or be absent; in the end all validation losses and the weights must equal those of
a run that nobody disturbed, to the last bit. A tiny model on invented rows; about five minutes on two cores.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))


def command(folder: Path, name: str, *more: str) -> list[str]:
    """A run that saves a checkpoint at every step."""
    return [
        sys.executable, str(ROOT / "train.py"), "--do_train", "--model_name_or_path", str(folder / "tiny"), "--data_dir",
        str(folder / "data"), "--output_dir", str(folder / name), "--num_train_epochs", "60", "--per_device_train_batch_size", "16",
        "--learning_rate", "1e-3", "--precision", "fp32", "--save_steps", "1", *more,
    ]  # fmt: skip


def being_written(folder: Path) -> set[str]:
    """Folders that are being written beside their place, or were when a run was killed."""
    places = (folder, folder / "killed.checkpoints")
    return {name for place in places if place.is_dir() for name in os.listdir(place) if ".new." in name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from conftest import make_model, prepare_folder, town_articles
    from transformers import AutoModelForSeq2SeqLM

    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder / "tiny")
        for split, count, prefix in (("train", 40, "町"), ("test", 5, "村")):
            (folder / f"{split}.json").write_text(json.dumps(town_articles(count, prefix)))
        prepare_folder(folder / "data", [folder / "train.json", folder / "test.json"], "aqg")
        subprocess.run(command(folder, "whole"), check=True, stdout=subprocess.DEVNULL)
        in_saves = absent = 0
        for kill in range(args.kills):
            checkpoints = folder / "killed.checkpoints"
            more = ["--resume_from_checkpoint", "auto"] if checkpoints.is_dir() and any(checkpoints.glob("step-*")) else []
            before, left = max((p.name for p in checkpoints.glob("step-*")), default=""), being_written(folder)
            with subprocess.Popen(command(folder, "killed", *more), stdout=subprocess.DEVNULL) as process:
                while max((p.name for p in checkpoints.glob("step-*")), default="") == before and process.poll() is None:
                    time.sleep(0.005)
                time.sleep(rng.uniform(0, 0.3))
                while kill % 2 and process.poll() is None and being_written(folder) <= left:
                    pass  # half of the kills wait for a save
                if process.poll() is not None:
                    sys.exit(f"the run ended before kill {kill + 1}: exit code {process.returncode}")
                process.send_signal(signal.SIGKILL)
            in_saves += not being_written(folder) <= left  # what it leaves
            if (folder / "killed").exists():
                AutoModelForSeq2SeqLM.from_pretrained(folder / "killed")
            else:
                absent += 1
            print(f"kill {kill + 1}: last checkpoint {max(p.name for p in checkpoints.glob('step-*'))}", flush=True)
        subprocess.run(command(folder, "killed", "--resume_from_checkpoint", "auto"), check=True, stdout=subprocess.DEVNULL)
        runs = [json.loads((folder / one / "run.json").read_text())["history"] for one in ("whole", "killed")]
        losses = [[(entry["step"], entry["train_loss"], entry["eval_loss"]) for entry in run] for run in runs]
        same = (folder / "whole" / "model.safetensors").read_bytes() == (folder / "killed" / "model.safetensors").read_bytes()
        print(
            f"{args.kills} kills, {in_saves} of them inside a save; the model folder loaded {args.kills - absent} times, "
            f"was absent {absent} times; {len(losses[0])} validation losses equal: {losses[0] == losses[1]}; same weights: {same}"
        )
        sys.exit(losses[0] != losses[1] or not same)


if __name__ == "__main__":
    main()

"""From photos with captions to the models that the service ships.

    python -m captioning.training all --photos FOLDER --captions captions.tsv --train train.txt --dev dev.txt

or one step at a time: features, captioner, joint, fine-tune, self-critical, calibrate, evaluate. Captions may be
`Flickr8k.token.txt`, `captions.tsv` or `descriptions.txt`; left out, they are looked for in the folder and beside it.
Without splits every tenth photo is held out. Run the same command again after a kill and it goes on.
`KERAS_BACKEND` chooses tensorflow, torch or jax; torch with `--precision mixed_bfloat16` is fastest on processors that
have it. Scores go into the cards in models/, logs, checkpoints and curves into --out.

    python -m captioning.training export --encoder vgg16 --precision int8 --photos FOLDER

quantises an encoder, see `export --help`.
"""
import argparse
import inspect
import os
import subprocess
import sys
from pathlib import Path

STEPS = ("features", "captioner", "joint", "fine-tune", "self-critical", "calibrate", "evaluate")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m captioning.training", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["all", *STEPS])
    parser.add_argument("--photos", required=True, type=Path, help="folder of photos")
    parser.add_argument("--captions", type=Path)
    parser.add_argument("--train", type=Path, help="file with the names of the training photos")
    parser.add_argument("--dev", type=Path, help="file with the names of the photos held out")
    parser.add_argument("--encoder", default="vgg16", help="one of the registry: vgg16, vgg16-imagenet, xception, …")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where models are read and written")
    parser.add_argument("--out", type=Path, default=Path("runs/train"), help="logs, checkpoints, curves")
    parser.add_argument("--cache", type=Path, default=Path(".cache/features"))
    parser.add_argument("--views", default="plain,mirror,crop1,crop2", help="how each photo is seen in training")
    parser.add_argument("--epochs", type=float, help="instead of the step's own")
    parser.add_argument("--rate", type=float, help="learning rate instead of the step's own")
    parser.add_argument("--batch", type=int, help="photos a batch instead of the step's own")
    parser.add_argument("--blocks", type=int, help="fine-tune: the last so many of VGG16's five, 1 unless given")
    parser.add_argument("--init", type=Path, help="a shipped .npz of the same kind to go on from")
    parser.add_argument("--precision", default="float32", help="mixed_bfloat16 where the machine has it")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--limit", type=int, help="only so many photos of each split, to try it")
    parser.add_argument("--sheet", type=Path, help="evaluate: an HTML page of random photos and their captions")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["export"]:
        from captioning.training import quantisation
        return quantisation.main(arguments[1:])
    a = parse(arguments)
    if a.step == "all":
        every_step(arguments, a.out)
    else:
        one_step(a)


def every_step(arguments: list[str], out: Path) -> None:
    """Each step as its own process, which reads what the one before has shipped; those done before are left out."""
    for name in STEPS:
        done = out / f"{name}.done"
        if done.exists():
            print(f"---- {name}: done before, see {out}; another --out begins anew")
            continue
        print(f"---- {name}", flush=True)
        at = arguments.index("all")
        subprocess.run([sys.executable, "-m", "captioning.training", *arguments[:at], name, *arguments[at + 1:]],
                       check=True)
        out.mkdir(parents=True, exist_ok=True)
        done.touch()


def one_step(a: argparse.Namespace) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, str(a.threads))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # after the settings above, which it and its backend read once

    from captioning.training import run, steps
    keras.mixed_precision.set_global_policy(a.precision)
    this = run.read(a.photos, a.captions, a.train, a.dev, a.limit, encoder=a.encoder, models=a.models, folder=a.out,
                    cache=a.cache, views=tuple(a.views.split(",")), threads=a.threads)
    print(f"{this.split}; Keras {keras.__version__} on {keras.backend.backend()}, {a.precision}")
    step = getattr(steps, {"evaluate": "evaluated"}.get(a.step, a.step.replace("-", "_")))
    known = inspect.signature(step).parameters
    step(this, **{key: value for key, value in vars(a).items() if key in known and value is not None})


if __name__ == "__main__":
    main()

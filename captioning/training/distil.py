"""Distil VGG16 from a small ImageNet teacher, on photos without labels.

    python -m captioning.training.distil --photos FOLDER --teacher mobilenet_v2_float.keras \
        --hold-out dev.txt --init vgg16_half.npz --minutes 105 --out runs/distil

Plain PyTorch, because this is the one network whose training speed decides its quality: on two CPU cores
(bf16, channels last) it passes 47 pictures a second forward and backward where Keras 3 passes 25 with the
torch backend. It uses a GPU where there is one. Run the same command again after a
kill and it goes on from the last checkpoint.

* Student: VGG16's 13 convolutions, each with batch normalisation that `folded` melts into the convolution.
  The input is Keras' own VGG16 preprocessing (BGR minus the ImageNet mean) over 58, folded too, so the result
  loads into `keras.applications.VGG16(include_top=False)`. Blocks may be trained narrower (`--widths`) and are
  widened at export with their function kept exactly (Net2Wider, Chen et al. 2016).
* Teacher and student see the same random crop, the teacher at 224 px, the student at `--size`. Before its last
  pooling VGG16 has size/16 squares a side: 7 at 112 px, which is the teacher's grid.
* Loss (Hinton et al. 2015; FitNets, Romero et al. 2015; "a good teacher is patient and consistent", Beyer et al.
  2022): squared error and cosine on the teacher's normalised 7×7×320 map, KL on its logits through its own frozen
  tail, and hints at three stages that fade out.

Writes in OUT: `config.json`, `checkpoint.pt`, `state.npz` (batch norm and heads kept, to go on from), `vgg16.npz`
(13 kernels and biases, float16) and `log.jsonl` (one row an evaluation).
"""
import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everybody's name for it
from PIL import Image
from torch import nn
from tqdm import tqdm

from captioning.similarity import unit
from captioning.training.similarity import neighbours_kept
from captioning.training.student import Student, assign, normalised, save, widened
from captioning.training.teacher import Teacher
from captioning.training.views import Batches, random_view, read_photos


class Distillation:
    """The loss; `statistics` are mean and deviation per channel of the teacher's four maps."""

    def __init__(self, teacher, statistics):
        self.teacher, self.statistics = teacher, statistics

    def to_teacher(self, head):
        """What the student's head stands for in the teacher's own units."""
        mean, std = self.statistics[0]
        return head * std.to(head) + mean.to(head)

    def __call__(self, output, target, hint_weight):
        (head, hints), (spatial, *stages) = output, target
        mean, std = (x.to(head) for x in self.statistics[0])
        wanted = (spatial - mean) / std
        fit = F.mse_loss(head, wanted) + (1 - F.cosine_similarity(head, wanted, 1)).mean()
        soft, log_soft = (F.log_softmax(self.teacher.classes(x) / 2, 1) for x in (spatial, self.to_teacher(head)))
        kl = 4 * F.kl_div(log_soft, soft, log_target=True, reduction="batchmean")
        hint = head.new_zeros(())
        for ours, theirs, (m, s) in zip(hints, stages, self.statistics[1:], strict=True):
            theirs = F.adaptive_avg_pool2d((theirs - m.to(ours)) / s.to(ours), ours.shape[-1])
            hint = hint + F.mse_loss(ours, theirs)
        return fit + 0.2 * kl + 0.3 * hint_weight * hint, {"map": fit, "kl": kl, "hints": hint}


def centred(features):
    """(N, D) → the same around their mean, of length 1, so that a product is the mean-centred cosine."""
    return unit(features - features.mean(0))


class Examination:
    """Held-out photos and what the teacher says of them, computed once."""

    def __init__(self, photos, teacher, loss, size):
        self.loss, self.teacher = loss, teacher
        self.small, large = normalised(_resized(photos, size)), _resized(photos, 224)
        maps = [teacher.maps(large[k:k + 50])[0] for k in range(0, len(large), 50)]
        self.target = torch.cat(maps)
        self.theirs = centred(teacher.pooled(self.target).numpy())
        self.their_top = teacher.classes(self.target).argmax(1)

    @torch.no_grad()
    def __call__(self, student, device):
        student.eval()
        heads = []
        for k in range(0, len(self.small), 50):
            with torch.autocast(device, torch.bfloat16):
                heads.append(student(self.small[k:k + 50].to(device))[0].cpu())
        student.train()
        head = torch.cat(heads)
        mean, std = self.loss.statistics[0]
        wanted, spatial = (self.target - mean) / std, self.loss.to_teacher(head)
        fit = F.mse_loss(head, wanted) + (1 - F.cosine_similarity(head, wanted, 1)).mean()
        return {"dev_map": fit.item(),
                "top1_kept": (self.teacher.classes(spatial).argmax(1) == self.their_top).float().mean().item(),
                "neighbours_kept": neighbours_kept(centred(self.teacher.pooled(spatial).numpy()), self.theirs)}


def _resized(photos, side):
    return np.stack([np.asarray(Image.fromarray(p).resize((side, side), Image.Resampling.BICUBIC)) for p in photos])


def learning_rate(progress, peak, warm=0.02):
    """Warm-up, then a cosine down to a hundredth; `progress` from 0 to 1."""
    if progress < warm:
        return peak * (0.02 + 0.98 * progress / warm)
    return peak * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1, (progress - warm) / (1 - warm)))))


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--photos", required=True, help="folder of photos")
    parser.add_argument("--extra", help="tar of more, small pictures")
    parser.add_argument("--extra-share", type=float, default=0.12, help="their share of a batch")
    parser.add_argument("--hold-out", help="file with the names of photos kept for the score")
    parser.add_argument("--teacher", required=True, help="mobilenet_v2_float.keras")
    parser.add_argument("--init", help="state.npz to go on from; narrower ones are widened")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--widths", default="1,1,1,1,1", help="share of the channels trained in each block")
    parser.add_argument("--freeze", type=int, default=0, help="first blocks left as they are")
    parser.add_argument("--size", type=int, default=112, help="the student's picture side")
    parser.add_argument("--minutes", type=float, default=60, help="training time, earlier runs counted in")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--mix", type=float, default=0.4, help="share of pictures mixed with another")
    parser.add_argument("--every", type=float, default=6, help="minutes between checkpoints")
    parser.add_argument("--workers", type=int, default=1, help="threads that cut crops and ask the teacher")
    parser.add_argument("--limit", type=int, help="use only so many photos, to try the script")
    return parser.parse_args(arguments)


def main(arguments=None):
    a = parse(arguments)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "config.json").write_text(json.dumps(vars(a) | {"out": a.out.name}, indent=1))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    photos, extra = read_photos(a.photos, a.extra)
    held = set(Path(a.hold_out).read_text().split()) if a.hold_out else set(sorted(photos)[::10])
    train = [p for n, p in photos.items() if n not in held][: a.limit]
    dev = [p for n, p in photos.items() if n in held][: a.limit or 1000]
    teacher = Teacher(a.teacher)
    views = [random_view(p, a.size, np.random.default_rng(i))[0] for i, p in enumerate(train[:400])]
    sample = [teacher.maps(np.stack(views[k:k + 50])) for k in range(0, len(views), 50)]
    statistics = [(m.mean((0, 2, 3), keepdim=True), m.std((0, 2, 3), keepdim=True) + 1e-3)
                  for m in (torch.cat(x) for x in zip(*sample, strict=True))]
    loss = Distillation(teacher, statistics)
    examine = Examination(dev, teacher, loss, a.size)

    widths = tuple(float(x) for x in a.widths.split(","))
    student = Student(widths)
    if a.init:
        assign(student, widened(dict(np.load(a.init)), widths, np.random.default_rng(1)))
    student.to(device, memory_format=torch.channels_last).train()
    for block in student.blocks[: a.freeze]:
        block.requires_grad_(False)
    trained = [p for p in student.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=a.lr, weight_decay=0.02)
    views = spent = 0.0
    if (a.out / "checkpoint.pt").exists():
        state = torch.load(a.out / "checkpoint.pt", map_location=device, weights_only=True)
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        views, spent = state["views"], state["seconds"]
    print(f"{device}, {len(train)} photos and {len(extra)} extra, {len(dev)} held out, "
          f"{sum(p.numel() for p in trained):,} parameters trained")
    print("start", examine(student, device), flush=True)

    batches = Batches(train, extra, teacher, a.size, a.batch, a.extra_share, a.mix, a.workers)
    total, marks, sums, since = a.minutes * 60, 0, {}, time.monotonic()
    bar = tqdm(total=round(total), initial=round(spent), unit="s", desc="distil", mininterval=30)
    while spent < total:
        began = time.monotonic()
        pictures, target = next(batches)
        rate = float(learning_rate(spent / total, a.lr))  # a NumPy number would not load again
        for group in optimizer.param_groups:
            group["lr"] = rate
        for block in student.blocks[: a.freeze]:
            block.eval()
        pictures = pictures.to(device, memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            output = student(pictures)
        value, parts = loss(output, [t.to(device) for t in target], 1 - spent / total)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(trained, 5.0)
        optimizer.step()
        views, marks = views + a.batch, marks + 1
        for key, part in parts.items():
            sums[key] = sums.get(key, 0) + part.item()
        spent += time.monotonic() - began
        bar.n = round(min(spent, total))
        bar.set_postfix_str(f"{views:.0f} views, loss {value.item():.3f}", refresh=False)
        bar.update(0)
        if time.monotonic() - since > a.every * 60 or spent >= total:
            torch.save({"student": student.state_dict(), "optimizer": optimizer.state_dict(),
                        "views": views, "seconds": spent}, a.out / "checkpoint.tmp")
            os.replace(a.out / "checkpoint.tmp", a.out / "checkpoint.pt")
            save(student, a.out)
            row = {"views": int(views), "minutes": round(spent / 60, 1), "rate": rate,
                   **{k: v / marks for k, v in sums.items()}, **examine(student, device)}
            with open(a.out / "log.jsonl", "a") as log:
                log.write(json.dumps(row) + "\n")
            tqdm.write(json.dumps(row))
            marks, sums, since = 0, {}, time.monotonic()


if __name__ == "__main__":
    main()

"""Distil VGG16 from a small ImageNet teacher, on photos without labels.

    python -m captioning.training.distil --photos FOLDER --teacher mobilenet_v2_float.keras \
        --hold-out dev.txt --init vgg16_half.npz --minutes 105 --out runs/distil

Plain PyTorch, because this is the one network whose training speed decides its quality: on two CPU cores
(bf16, channels last) it passes 47 pictures a second forward and backward where Keras 3 passes 25 with the
torch backend and 17 with TensorFlow. It uses a GPU where there is one. Run the same command again after a
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
import io
import json
import os
import queue
import tarfile
import threading
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")  # the teacher is a Keras file; it is read once

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from tqdm import tqdm

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
BGR_MEAN, SCALE = (103.939, 116.779, 123.68), 58.0
HINT_CHANNELS = {2: 24, 3: 32, 4: 96}  # block → channels of the teacher's stage on the same grid
EPSILON = 1e-5


# ---- the networks ----------------------------------------------------------------------------------------

class Student(nn.Module):
    """VGG16 with batch norm; `widths` is the share of the channels kept in each of the five blocks."""

    def __init__(self, widths=(1.0,) * 5):
        super().__init__()
        self.blocks, channels = nn.ModuleList(), 3
        for (full, depth), width in zip(BLOCKS, widths, strict=True):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += [nn.Conv2d(channels, int(full * width), 3, padding=1, bias=False),
                           nn.BatchNorm2d(int(full * width), eps=EPSILON, momentum=0.03), nn.ReLU(inplace=True)]
                channels = int(full * width)
            self.blocks.append(nn.Sequential(*layers))
        self.hints = nn.ModuleDict({str(block): nn.Conv2d(int(BLOCKS[block - 1][0] * widths[block - 1]), c, 1)
                                    for block, c in HINT_CHANNELS.items()})
        self.head = nn.Conv2d(channels, 320, 1)

    def forward(self, x):
        """(B, 3, S, S) normalised picture → the (B, 320, S/16, S/16) map and three hint maps, float32."""
        hints = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x if number == 1 else F.max_pool2d(x, 2))
            if str(number) in self.hints:
                hints.append(self.hints[str(number)](x).float())
        return self.head(x).float(), hints


def normalised(pictures):
    """uint8 or float (B, S, S, 3) RGB in 0..255 → (B, 3, S, S) as the student takes it."""
    x = torch.as_tensor(pictures).float().flip(-1) - torch.tensor(BGR_MEAN)
    return (x / SCALE).permute(0, 3, 1, 2)


class Teacher:
    """MobileNetV2's stages, by OpenVINO (3.7 times PyTorch's speed on a CPU), and its tail as plain tensors."""

    def __init__(self, path):
        import keras
        import openvino as ov

        whole = keras.models.load_model(path, compile=False)

        def stage(grid, channels):  # the last linear (bottleneck) output of a stage
            return [x.output for x in whole.layers if tuple(x.output.shape[1:]) == (grid, grid, channels)][-1]

        body = keras.Model(whole.inputs, [whole.outputs[0], stage(56, 24), stage(28, 32), stage(14, 96)])
        example = torch.zeros(1, 224, 224, 3)
        model = ov.convert_model(body, example_input=example, input=[-1, 224, 224, 3])
        self._body = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 2})
        wide, logits = [x for x in whole.layers if x.weights and x.kernel.shape[-1] in (1280, 1001)][-2:]
        self.wide, self.logits = (tuple(torch.from_numpy(keras.ops.convert_to_numpy(w)) for w in (x.kernel, x.bias))
                                  for x in (wide, logits))

    def maps(self, pictures):
        """uint8 or float (B, 224, 224, 3) RGB → the map and the three hints, each (B, C, H, W) float32."""
        out = self._body(np.asarray(pictures, "float32") / 127.5 - 1)
        return [torch.from_numpy(out[i].transpose(0, 3, 1, 2).copy()) for i in range(4)]

    def pooled(self, spatial):
        """(B, 320, H, W) → the (B, 1280) pooled features before the classifier."""
        kernel, bias = self.wide
        wide = F.conv2d(spatial, kernel.permute(3, 2, 0, 1).to(spatial), bias.to(spatial)).clamp(0, 6)
        return wide.mean((2, 3))

    def classes(self, spatial):
        """(B, 320, H, W) → (B, 1001) logits."""
        kernel, bias = self.logits
        return self.pooled(spatial) @ kernel.reshape(1280, -1).to(spatial) + bias.to(spatial)


# ---- the pictures ----------------------------------------------------------------------------------------

def read_photos(folder, extra=None):
    """All photos of a folder as RGB pictures in memory, by file name; with those of a tar file behind them."""
    paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    photos = {p.name: np.asarray(Image.open(p).convert("RGB")) for p in tqdm(paths, "photos")}
    small = []
    if extra:
        with tarfile.open(extra) as tar:
            for member in tqdm(tar, "extra"):
                if member.name.lower().endswith(".jpeg"):
                    small.append(np.asarray(Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")))
    return photos, small


def random_view(photo, size, rng):
    """One random-resized crop (area 0.3–1, aspect 3/4–4/3), mirrored and relit: at 224 px and at `size`, uint8."""
    picture = Image.fromarray(photo)
    area, ratio = rng.uniform(0.3, 1), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(1, np.sqrt(area * ratio)) * picture.width, min(1, np.sqrt(area / ratio)) * picture.height
    x, y = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    gain, bias, mirror = rng.uniform(0.7, 1.3), rng.uniform(-20, 20), rng.random() < 0.5
    table = np.clip(np.arange(256) * gain + bias, 0, 255).astype("uint8")
    views = []
    for side in (224, size):
        view = table[np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + w, y + h)))]
        views.append(view[:, ::-1] if mirror else view)
    return views


def mixed(large, small, rng, share):
    """Mixes a `share` of the batch with its neighbour, alike in both sizes (mixup as function matching uses it)."""
    keep = np.where(rng.random(len(large)) < share, rng.uniform(0.5, 1, len(large)), 1).astype("float32")
    keep = keep[:, None, None, None]
    return [x * keep + np.roll(x, 1, 0) * (1 - keep) for x in (large.astype("float32"), small.astype("float32"))]


class Batches:
    """Endless batches from a worker thread: student pictures, and what the teacher says of the same crops."""

    def __init__(self, photos, extra, teacher, size, batch, extra_share, mix):
        self.photos, self.extra, self.teacher, self.size, self.batch = photos, extra, teacher, size, batch
        self.extra_share, self.mix = extra_share if extra else 0, mix
        self.queue: queue.Queue = queue.Queue(maxsize=4)
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        rng = np.random.default_rng()
        while True:
            self.queue.put(self._make(rng))

    def _make(self, rng):
        views = []
        for _ in range(self.batch):
            pool = self.extra if rng.random() < self.extra_share else self.photos
            views.append(random_view(pool[rng.integers(len(pool))], self.size, rng))
        large, small = mixed(*(np.stack(x) for x in zip(*views, strict=True)), rng, self.mix)
        return normalised(small), self.teacher.maps(large)

    def __next__(self):
        return self.queue.get()


# ---- the loss and the score ------------------------------------------------------------------------------

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


def nearest(features, count=10):
    """(N, D) → (N, count): each row's nearest others by mean-centred cosine."""
    features = features - features.mean(0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    scores = features @ features.T
    np.fill_diagonal(scores, -9)
    return np.argsort(-scores, 1)[:, :count]


def neighbours_kept(ours, theirs, count=10):
    """Share of each picture's `count` nearest neighbours in `theirs` that `ours` agrees on."""
    pairs = zip(nearest(ours, count), nearest(theirs, count), strict=True)
    return float(np.mean([len(set(a) & set(b)) / count for a, b in pairs]))


class Examination:
    """Held-out photos and what the teacher says of them, computed once."""

    def __init__(self, photos, teacher, loss, size):
        resize = lambda side: np.stack([np.asarray(Image.fromarray(p).resize((side, side), Image.Resampling.BICUBIC))
                                        for p in photos])
        self.loss, self.teacher = loss, teacher
        self.small, large = normalised(resize(size)), resize(224)
        maps = [teacher.maps(large[k:k + 50])[0] for k in range(0, len(large), 50)]
        self.target = torch.cat(maps)
        self.theirs, self.their_top = teacher.pooled(self.target).numpy(), teacher.classes(self.target).argmax(1)

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
                "neighbours_kept": neighbours_kept(self.teacher.pooled(spatial).numpy(), self.theirs)}


# ---- weights in and out ----------------------------------------------------------------------------------

def named(student):
    """(name in the archive, module) for every convolution, batch norm and 1×1 head."""
    for b, block in enumerate(student.blocks, 1):
        for i in range(len(block) // 3):
            yield f"block{b}_conv{i + 1}", block[3 * i]
            yield f"block{b}_conv{i + 1}_bn", block[3 * i + 1]
    for number, hint in student.hints.items():
        yield f"hint{number}", hint
    yield "head", student.head


def arrays(student):
    """All weights as Keras names and layouts (kernels HWIO), float32."""
    out = {}
    for name, module in named(student):
        if isinstance(module, nn.BatchNorm2d):
            parts = {"gamma": module.weight, "beta": module.bias,
                     "moving_mean": module.running_mean, "moving_variance": module.running_var}
        else:
            parts = {"kernel": module.weight.permute(2, 3, 1, 0)} | ({} if module.bias is None else {"bias": module.bias})
        out |= {f"{name}/{key}": value.detach().float().cpu().numpy() for key, value in parts.items()}
    return out


def assign(student, weights):
    """The inverse of `arrays`."""
    with torch.no_grad():
        for name, module in named(student):
            if isinstance(module, nn.BatchNorm2d):
                pairs = {"gamma": module.weight, "beta": module.bias,
                         "moving_mean": module.running_mean, "moving_variance": module.running_var}
                for key, value in pairs.items():
                    value.copy_(torch.from_numpy(weights[f"{name}/{key}"].astype("float32")))
            else:
                module.weight.copy_(torch.from_numpy(weights[f"{name}/kernel"].astype("float32")).permute(3, 2, 0, 1))
                if module.bias is not None:
                    module.bias.copy_(torch.from_numpy(weights[f"{name}/bias"].astype("float32")))


def widened(weights, widths, rng=None):
    """Net2Wider: the same function with each block at `widths` of its full channels.

    With `rng` the copies of a channel share what they pass on unequally, so that training can part them; without,
    equally. A block only grows, by a whole factor.
    """
    out, previous = {}, 1
    for b, ((full, depth), width) in enumerate(zip(BLOCKS, widths, strict=True), 1):
        factor = round(full * width / weights[f"block{b}_conv1/kernel"].shape[-1])
        for i in range(1, depth + 1):
            name = f"block{b}_conv{i}"
            kernel = split(weights[f"{name}/kernel"].astype("float32"), previous if i == 1 else factor, rng)
            out[f"{name}/kernel"] = np.concatenate([kernel] * factor, 3)
            for key in [k for k in weights if k.startswith((f"{name}_bn/", f"{name}/bias"))]:
                out[key] = np.concatenate([weights[key].astype("float32")] * factor)
        if f"hint{b}/kernel" in weights:
            out[f"hint{b}/kernel"] = split(weights[f"hint{b}/kernel"].astype("float32"), factor, rng)
            out[f"hint{b}/bias"] = weights[f"hint{b}/bias"]
        previous = factor
    if "head/kernel" in weights:
        out["head/kernel"] = split(weights["head/kernel"].astype("float32"), previous, rng)
        out["head/bias"] = weights["head/bias"]
    return out


def split(kernel, factor, rng=None):
    """(H, W, I, O) → (H, W, factor·I, O) that gives the same on `factor` copies of the input."""
    share = rng.normal(0, 0.3, (factor, *kernel.shape[2:])) if rng else np.zeros((factor, *kernel.shape[2:]))
    share = share + 1 / factor - share.mean(0)
    return np.concatenate([kernel * share[k] for k in range(factor)], 2).astype("float32")


def folded(weights):
    """Batch norm and input scale melted into the kernels: `{layer/kernel, layer/bias}` of stock VGG16, full width."""
    narrow = {}
    for name in sorted(k.split("/")[0] for k in weights if k.endswith("_bn/gamma")):
        gain = weights[f"{name}/gamma"].astype("float32") / np.sqrt(weights[f"{name}/moving_variance"].astype("float32") + EPSILON)
        conv = name.removesuffix("_bn")
        kernel = weights[f"{conv}/kernel"].astype("float32") * gain
        narrow[f"{conv}/kernel"] = kernel / SCALE if conv == "block1_conv1" else kernel
        narrow[f"{conv}/bias"] = weights[f"{name}/beta"] - weights[f"{name}/moving_mean"] * gain
    return widened(narrow, (1.0,) * 5)


def save(student, out):
    weights = arrays(student)
    np.savez(out / "state.npz", **{k: v.astype("float16") if v.ndim == 4 else v for k, v in weights.items()})
    np.savez(out / "vgg16.npz", **{k: v.astype("float16") for k, v in folded(weights).items()})


# ---- the training ----------------------------------------------------------------------------------------

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
    sample = [teacher.maps(np.stack([random_view(p, a.size, np.random.default_rng(i))[0] for i, p in enumerate(train[k:k + 50])]))
              for k in range(0, min(400, len(train)), 50)]
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

    batches = Batches(train, extra, teacher, a.size, a.batch, a.extra_share, a.mix)
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

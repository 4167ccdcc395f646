"""The student of the distillation: VGG16 with batch normalisation, and its weights in and out.

Weights travel as `{name: array}` with Keras' names and layouts: `block1_conv1/kernel` (HWIO), `block1_conv1_bn/gamma`…
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everybody's name for it
from torch import nn

from captioning.encoders import VGG16

BGR_MEAN, SCALE = (103.939, 116.779, 123.68), 58.0
HINT_CHANNELS = {2: 24, 3: 32, 4: 96}  # block → channels of the teacher's stage on the same grid
EPSILON = 1e-5


class Student(nn.Module):
    """VGG16 with batch norm; `widths` is the share of the channels kept in each of the five blocks."""

    def __init__(self, widths=(1.0,) * 5):
        super().__init__()
        self.blocks, channels = nn.ModuleList(), 3
        for (full, depth), width in zip(VGG16, widths, strict=True):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += [nn.Conv2d(channels, int(full * width), 3, padding=1, bias=False),
                           nn.BatchNorm2d(int(full * width), eps=EPSILON, momentum=0.03), nn.ReLU(inplace=True)]
                channels = int(full * width)
            self.blocks.append(nn.Sequential(*layers))
        self.hints = nn.ModuleDict({str(block): nn.Conv2d(int(VGG16[block - 1][0] * widths[block - 1]), c, 1)
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


# ---- weights in and out ----

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
            parts = {"kernel": module.weight.permute(2, 3, 1, 0)}
            parts |= {} if module.bias is None else {"bias": module.bias}
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
    for b, ((full, depth), width) in enumerate(zip(VGG16, widths, strict=True), 1):
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
        deviation = np.sqrt(weights[f"{name}/moving_variance"].astype("float32") + EPSILON)
        gain = weights[f"{name}/gamma"].astype("float32") / deviation
        conv = name.removesuffix("_bn")
        kernel = weights[f"{conv}/kernel"].astype("float32") * gain
        narrow[f"{conv}/kernel"] = kernel / SCALE if conv == "block1_conv1" else kernel
        narrow[f"{conv}/bias"] = weights[f"{name}/beta"] - weights[f"{name}/moving_mean"] * gain
    return widened(narrow, (1.0,) * 5)


def save(student, out):
    weights = arrays(student)
    np.savez(out / "state.npz", **{k: v.astype("float16") if v.ndim == 4 else v for k, v in weights.items()})
    np.savez(out / "vgg16.npz", **{k: v.astype("float16") for k, v in folded(weights).items()})

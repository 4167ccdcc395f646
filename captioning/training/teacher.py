"""The teacher of the distillation: MobileNetV2 trained on ImageNet, as a Keras file."""
import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # its tail is computed beside the student's

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everybody's name for it

from captioning import runtime


class Teacher:
    """MobileNetV2's stages, and its tail as plain tensors.

    On a CPU the stages run by OpenVINO, at 3.7 times PyTorch's speed; on a GPU as the Keras network itself.
    """

    def __init__(self, path):
        import keras

        whole = keras.models.load_model(path, compile=False)

        def stage(grid, channels):  # the last linear (bottleneck) output of a stage
            return [x.output for x in whole.layers if tuple(x.output.shape[1:]) == (grid, grid, channels)][-1]

        body = keras.Model(whole.inputs, [whole.outputs[0], stage(56, 24), stage(28, 32), stage(14, 96)])
        self._stages = _on_the_gpu(body) if torch.cuda.is_available() else _on_the_processor(body)
        wide, logits = [x for x in whole.layers if x.weights and x.kernel.shape[-1] in (1280, 1001)][-2:]
        self.wide, self.logits = (tuple(torch.from_numpy(keras.ops.convert_to_numpy(w)) for w in (x.kernel, x.bias))
                                  for x in (wide, logits))

    def maps(self, pictures):
        """uint8 or float (B, 224, 224, 3) RGB → the map and the three hints, each (B, C, H, W) float32."""
        found = self._stages(np.asarray(pictures, "float32") / 127.5 - 1)
        return [torch.from_numpy(np.ascontiguousarray(stage.transpose(0, 3, 1, 2))) for stage in found]

    def pooled(self, spatial):
        """(B, 320, H, W) → the (B, 1280) pooled features before the classifier."""
        kernel, bias = self.wide
        wide = F.conv2d(spatial, kernel.permute(3, 2, 0, 1).to(spatial), bias.to(spatial)).clamp(0, 6)
        return wide.mean((2, 3))

    def classes(self, spatial):
        """(B, 320, H, W) → (B, 1001) logits."""
        kernel, bias = self.logits
        return self.pooled(spatial) @ kernel.reshape(1280, -1).to(spatial) + bias.to(spatial)


def _on_the_processor(body):
    import openvino as ov

    model = ov.convert_model(body, example_input=torch.zeros(1, 224, 224, 3), input=[-1, 224, 224, 3])
    return runtime.Session(model)


def _on_the_gpu(body):
    @torch.no_grad()
    def stages(pictures):
        return [stage.float().cpu().numpy() for stage in body(torch.as_tensor(pictures, device="cuda"), training=False)]

    return stages

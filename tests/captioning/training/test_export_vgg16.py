import numpy as np
import pytest

from captioning import registry
from captioning.training import export_vgg16


def test_an_exported_network_loads_with_its_scores(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"views": 1}\n{"views": 2}\n')
    models = tmp_path / "models"
    export_vgg16.main([str(registry.MODELS / "vgg16.npz"), "--log", str(tmp_path / "log.jsonl"),
                       "--command", "train it", "--out", str(models)])
    card = registry.card("vgg16", models)
    assert card.scores == {"views": 2}
    assert card.version == registry.card("vgg16").version
    assert registry.load("vgg16", models).version == f"{card.version}-unfitted"


@pytest.mark.parametrize("change", [{"block3_conv2/kernel": np.zeros((3, 3, 128, 256))},
                                    {"block1_conv1/bias": np.full(64, 1e6)}])
def test_another_network_is_refused(tmp_path, change):
    """A narrower one, and one whose weights do not fit into float16."""
    weights = dict(np.load(registry.MODELS / "vgg16.npz")) | change
    np.savez(tmp_path / "other.npz", **weights)
    with pytest.raises(ValueError, match="is not a VGG16 in float16"):
        export_vgg16.main([str(tmp_path / "other.npz"), "--command", "x", "--out", str(tmp_path)])
    assert not (tmp_path / "vgg16.json").exists()

"""The weights' way from training to serving: widening and folding change nothing of what the network says."""
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="distillation is plain PyTorch, which is not in the Pipfile")

from captioning import encoders, runtime  # noqa: E402
from captioning.training import distil, views  # noqa: E402
from captioning.training import student as networks  # noqa: E402
from tests.captioning.photos import free_photos  # noqa: E402

SIDE = 32


@pytest.fixture
def student():
    """An eighth of VGG16's width, with batch norm statistics as if it had been trained."""
    torch.manual_seed(0)
    student = networks.Student((0.125,) * 5)
    for module in student.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias, 0.2, 0.2)
    return student.eval()


@pytest.fixture
def pictures():
    return np.stack([encoders.resized(photo, SIDE) for photo in free_photos()])


def said(student, pictures):
    with torch.no_grad():
        head, hints = student(networks.normalised(pictures))
    return [head.numpy(), *(hint.numpy() for hint in hints)]


def close(ours, theirs):
    return np.allclose(ours, theirs, rtol=0, atol=1e-3 * np.abs(theirs).max())


def widened(student, widths, rng):
    wide = networks.Student(widths).eval()
    networks.assign(wide, networks.widened(networks.arrays(student), widths, rng))
    return wide


@pytest.mark.parametrize("widths", [(0.25,) * 5, (0.125, 0.125, 0.25, 0.5, 0.5), (1,) * 5])
@pytest.mark.parametrize("seed", [None, 1])
def test_a_widened_student_says_the_same(student, pictures, widths, seed):
    wide = widened(student, widths, None if seed is None else np.random.default_rng(seed))
    for before, after in zip(said(student, pictures), said(wide, pictures), strict=True):
        assert close(after, before)


def test_arrays_read_back_as_they_were(student, pictures):
    again = networks.Student((0.125,) * 5).eval()
    networks.assign(again, networks.arrays(student))
    for before, after in zip(said(student, pictures), said(again, pictures), strict=True):
        assert np.array_equal(before, after)


def test_the_folded_network_gives_the_students_map(student, pictures):
    """Folding melts batch norm and input scale in; the channels of a narrow student come out repeated."""
    with torch.no_grad():
        x = networks.normalised(pictures)
        for number, block in enumerate(student.blocks):
            x = block(x if number == 0 else torch.nn.functional.max_pool2d(x, 2))
    grid = torch.nn.functional.adaptive_avg_pool2d(x, encoders.GRID).permute(0, 2, 3, 1).numpy()
    session = runtime.Session(encoders.vgg16(networks.folded(networks.arrays(student)), SIDE), "f32")
    ours = np.concatenate([session(picture[None])[0] for picture in pictures])
    expected = np.tile(grid, (1, 1, 1, 8))
    assert close(ours, expected)


def test_neighbours_kept_is_one_for_equals_and_chance_for_noise():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 30))
    assert distil.neighbours_kept(distil.centred(features), distil.centred(3 * features + 5)) == 1
    assert distil.neighbours_kept(features, rng.normal(size=(200, 30))) < 0.15


def test_the_learning_rate_warms_up_and_ends_at_a_hundredth():
    assert distil.learning_rate(0, 1) < 0.05
    assert distil.learning_rate(0.02, 1) == pytest.approx(1)
    assert distil.learning_rate(1, 1) == pytest.approx(0.01)


def test_two_sizes_show_the_same_crop():
    photo = np.asarray(free_photos()[0])
    large, small = views.random_view(photo, 112, np.random.default_rng(3))
    assert large.shape == (224, 224, 3)
    assert small.shape == (112, 112, 3)
    halved = large.reshape(112, 2, 112, 2, 3).mean((1, 3))
    assert np.abs(halved - small).mean() < 4


class Failing:
    def maps(self, pictures):
        raise MemoryError(f"no room for {len(pictures)} pictures")


def test_what_goes_wrong_in_a_worker_ends_the_training():
    batches = views.Batches([np.asarray(free_photos()[0])], [], Failing(), 32, 2, 0, 0)
    with pytest.raises(MemoryError, match="no room for 2 pictures"):
        next(batches)

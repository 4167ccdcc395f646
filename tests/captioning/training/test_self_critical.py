"""Self-critical training raises the reward, and goes on after a kill."""
import numpy as np
import pytest

from captioning.captioner import Decoder
from captioning.vocabulary import END, PAD, START, UNKNOWN
from tests.captioning.tiny import CAPTIONS, VOCABULARY, maps

keras = pytest.importorskip("keras", reason="Keras is in the training category")
from captioning.training import captions, self_critical  # noqa: E402

REFERENCES = [[caption] for caption in CAPTIONS]


def half_trained():
    keras.utils.set_random_seed(0)
    made = captions.build(VOCABULARY, maps(), units=24, embedding=16, dropout=0.0)
    made.compile(optimizer=keras.optimizers.Adam(0.02), loss=captions.NextWord(), jit_compile=False)
    batch = captions.CaptionBatches([maps()], captions.encoded(REFERENCES, VOCABULARY, 8), batch=8)[0]
    for _ in range(35):
        made.train_on_batch(*batch)
    return made


def test_a_sample_is_judged_by_the_mean_of_the_others():
    assert self_critical.advantages(np.array([[1.0, 2.0, 6.0]])).tolist() == [[-3, -1.5, 4.5]]


def test_the_reward_is_higher_for_a_caption_that_ends():
    reward = self_critical.Reward([["a dog runs"], ["a cat sits"]])
    ids = np.array([START, 4, 5, 6, END, PAD])
    whole = self_critical.text_of(ids, type("V", (), {"decode": lambda _, ids: ["a", "dog", "runs"]})())
    assert reward.one(whole, 0) > reward.one("a dog runs", 0)


def test_a_right_word_that_every_photo_has_counts_a_little():
    reward = self_critical.Reward([["a dog runs"], ["a cat sits"]])
    assert 0 < reward.one("a", 0) < 0.1 * reward.one("a dog runs", 0)


def test_the_running_mean_of_the_weights_is_kept(tmp_path, monkeypatch):
    seen, network = [], half_trained()

    def watched(trained, *arguments):
        reward = update(trained, *arguments)
        seen.append(trained.arrays()["bias"].copy())
        return reward

    update = self_critical.update
    monkeypatch.setattr(self_critical, "update", watched)
    monkeypatch.setattr(self_critical, "MEMORY", 0.7)
    self_critical.train(network, VOCABULARY, [maps()], REFERENCES, tmp_path / "run", rate=1e-2, batch=8, epochs=4)
    mean = seen[0]
    for weights in seen[1:]:
        mean = 0.7 * mean + 0.3 * weights
    np.testing.assert_allclose(network.arrays()["bias"], mean, atol=1e-6)
    assert np.abs(mean - seen[-1]).max() > 1e-3


def test_samples_hold_no_special_word_and_nothing_after_their_end():
    ids = self_critical.sampled(Decoder(half_trained().arrays()), np.repeat(maps(), 20, 0), np.random.default_rng(0))
    assert not np.isin(ids[:, 1:], (START, UNKNOWN)).any()
    for row in ids:
        ends = np.flatnonzero(row == END)
        assert len(ends) <= 1
        assert not len(ends) or (row[ends[0] + 1:] == PAD).all()


def test_the_reward_rises(tmp_path):
    rewards = self_critical.train(half_trained(), VOCABULARY, [maps()], REFERENCES, tmp_path / "run", rate=2e-3,
                                  samples=12, batch=8, epochs=30)
    assert np.mean(rewards[-5:]) > 1.05 * np.mean(rewards[:5])


def test_a_killed_run_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    whole = half_trained()
    network = half_trained()
    self_critical.train(whole, VOCABULARY, [maps()], REFERENCES, tmp_path / "whole", batch=8, epochs=4)

    def killed(*arguments):
        keep(*arguments)
        raise KeyboardInterrupt

    keep = self_critical.keep
    monkeypatch.setattr(self_critical, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        self_critical.train(network, VOCABULARY, [maps()], REFERENCES, tmp_path / "half", batch=8, epochs=4, every=2)
    monkeypatch.undo()
    other = half_trained()
    rewards = self_critical.train(other, VOCABULARY, [maps()], REFERENCES, tmp_path / "half", batch=8, epochs=4)
    assert len(rewards) == 4
    for ours, theirs in zip(other.arrays().values(), whole.arrays().values(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)

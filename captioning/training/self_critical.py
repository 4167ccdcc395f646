"""Self-critical training: the captioner samples captions, and what CIDEr-D and BLEU say of them weighs the gradient.

REINFORCE with the mean reward of a photo's other samples as baseline (Rennie et al. 2017, arXiv:1612.00563; Luo 2020,
arXiv:2003.09971). The end mark counts as a word in the reward: without it captions learn to stop at "in a". Sampling
is done by the serving decoder, the step by Keras as weighted teacher forcing, so any backend will do. Adam at 2e-5,
gradients clipped to 0.5; 1e-4 collapses into one caption for everything. What is kept is a running mean of the weights
over the last twenty steps or so (Polyak and Juditsky 1992): single steps differ on dev by as much as an epoch brings.
"""
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from captioning.captioner import LENGTH, Decoder
from captioning.training.captions import CaptionNetwork, NextWord
from captioning.training.scores import CiderD, SentenceBleu
from captioning.vocabulary import END, PAD, START, UNKNOWN, Vocabulary, words_of

MARK = " endmark"  # stands for the end in the reward; no word of a caption
BLEU_SHARE = 0.3
MEMORY = 0.95  # of the running mean of the weights, a step


class Reward:
    """CIDEr-D over the training photos and `BLEU_SHARE` of BLEU-2, each caption with its end marked."""

    def __init__(self, references: Sequence[Sequence[str]]):
        marked = [[" ".join(words_of(r)) + MARK for r in rs] for rs in references]
        self._cider, self._bleu = CiderD(marked), SentenceBleu(marked)

    def one(self, caption: str, row: int) -> float:
        return self._cider.one(caption, row) + BLEU_SHARE * self._bleu.one(caption, row)


def sampled(decoder: Decoder, maps: np.ndarray, rng: np.random.Generator, length: int = LENGTH) -> np.ndarray:
    """One caption for each map drawn word by word from the network: (B, length + 1) ids, START first."""
    state, ids = decoder.start(maps), np.full((len(maps), length + 1), PAD, "int32")
    ids[:, 0] = START
    for t in range(length):
        state, log_p = decoder.step(state, ids[:, t])
        log_p[:, [PAD, START, UNKNOWN]] = -np.inf
        drawn = (log_p + rng.gumbel(size=log_p.shape).astype("float32")).argmax(1)
        ids[:, t + 1] = np.where(np.isin(ids[:, t], (END, PAD)), PAD, drawn)
        if np.isin(ids[:, t + 1], (END, PAD)).all():
            break
    return ids[:, :4 * -(-(t + 1) // 4) + 1]  # a multiple of four words: a graph is traced for each length


def text_of(ids: np.ndarray, vocabulary: Vocabulary) -> str:
    return " ".join(vocabulary.decode(ids.tolist())) + (MARK if END in ids else "")


def advantages(rewards: np.ndarray) -> np.ndarray:
    """(B, S) rewards of S samples a photo → each less the mean of the others."""
    others = (rewards.sum(1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    return rewards - others


def train(network: CaptionNetwork, vocabulary: Vocabulary, views: Sequence[np.ndarray],
          references: Sequence[Sequence[str]], folder: Path, rate: float = 2e-5, samples: int = 5, batch: int = 64,
          epochs: float = 1, every: int = 25) -> list[float]:
    """Trains in place; returns each step's mean reward. Goes on after a kill: a checkpoint after `every` steps."""
    network.drop.rate = 0.0  # the samples came from the network without it
    adam = keras.optimizers.Adam(rate, global_clipnorm=0.5, use_ema=True, ema_momentum=MEMORY)
    network.compile(optimizer=adam, loss=NextWord(reduction="sum"), jit_compile=False)
    reward = Reward(references)
    history = restored(network, folder)
    steps = round(epochs * -(-len(references) // batch))
    bar = tqdm(range(len(history), steps), initial=len(history), total=steps, desc="self-critical")
    for step in bar:
        rows = batch_rows(step, len(references), batch)
        history.append(update(network, vocabulary, views, rows, reward, samples, np.random.default_rng(step)))
        bar.set_postfix_str(f"reward {np.mean(history[-10:]):.3f}")
        if (step + 1) % every == 0 and step + 1 < steps:
            keep(network, folder, history)
    network.optimizer.finalize_variable_values(network.trainable_variables)
    shutil.rmtree(folder, ignore_errors=True)
    return history


def update(network: CaptionNetwork, vocabulary: Vocabulary, views: Sequence[np.ndarray], rows: np.ndarray,
           reward: Reward, samples: int, rng: np.random.Generator) -> float:
    """One step on the photos `rows`, each in a random view; the samples' mean reward."""
    maps = np.stack([views[int(rng.integers(len(views)))][row] for row in rows]).astype("float32")
    ids = sampled(Decoder(network.arrays()), np.repeat(maps, samples, 0), rng).reshape(len(rows), samples, -1)
    rewards = np.array([[reward.one(text_of(one, vocabulary), row) for one in five]
                        for row, five in zip(rows, ids, strict=True)])
    targets = ids[..., 1:]
    weights = advantages(rewards)[..., None] * (targets != PAD) / (targets != PAD).sum()
    network.train_on_batch((maps, ids[..., :-1]), targets, weights.astype("float32"))
    return float(rewards.mean())


def batch_rows(step: int, count: int, batch: int) -> np.ndarray:
    """The photos of a step: each once an epoch, the order of an epoch drawn anew."""
    epoch, k = divmod(step, -(-count // batch))
    return np.sort(np.random.default_rng(epoch).permutation(count)[k * batch:(k + 1) * batch])


def keep(network: CaptionNetwork, folder: Path, history: list[float]) -> None:
    """The checkpoint: weights and optimizer first, the history, which says that they are whole, last."""
    folder.mkdir(parents=True, exist_ok=True)
    network.save_weights(folder / f"{len(history)}.weights.h5")
    (folder / "history.tmp").write_text(json.dumps(history))
    (folder / "history.tmp").replace(folder / "history.json")


def restored(network: CaptionNetwork, folder: Path) -> list[float]:
    """Loads the checkpoint if there is one; the rewards so far."""
    if not (folder / "history.json").exists():
        return []
    history: list[float] = json.loads((folder / "history.json").read_text())
    network.optimizer.build(network.trainable_variables)
    network.load_weights(folder / f"{len(history)}.weights.h5")
    return history

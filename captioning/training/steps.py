"""The steps from photos to shipped models, in order. Each reads what the one before it left and can be run alone."""
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from captioning import registry
from captioning.captioner import Captioner
from captioning.training import calibration, evaluate, fine_tuning, scores, shipping
from captioning.training import features as features_of
from captioning.training.datasets import Photo
from captioning.training.run import Run, as_grid, fit
from captioning.vocabulary import Vocabulary

Arrays = dict[str, np.ndarray]


def features(run: Run) -> None:
    """Caches the maps of all photos in all views; VGG16's by way of block 4, which fine-tuning starts from."""
    if stem := stem_of(run):
        for photos, views in ((run.train, run.views), (run.dev, ("plain",))):
            features_of.derive(stem, run.extractor, photos, views, run.cache, fine_tuning.Top(stem.weights))
    run.train_maps()
    run.dev_maps()


def captioner(run: Run, epochs: float = 8, rate: float = 2e-3, batch: int = 64,
              init: Path | None = None) -> registry.Card:
    """Teacher forcing, each caption weighted by its consensus; ships the epoch with the best CIDEr-D on dev."""
    from captioning.training import captions

    views, texts = run.train_maps(), [p.captions for p in run.train]
    network, vocabulary = started(captions.build, views[0], run, init)
    batches = captions.CaptionBatches(views, captions.encoded(texts, vocabulary), batch,
                                      weights=captions.consensus(texts))
    arrays = fit(network, batches, round(epochs), rate, run.folder / "captioner", captions.NextWord(0.1),
                 greedy_score(run, vocabulary), "CIDEr-D")
    return ship_captioner(run, vocabulary, arrays, "captioner")


def self_critical(run: Run, rate: float = 2e-5, epochs: float = 2) -> registry.Card:
    """Goes on from the captioner shipped, rewarded by CIDEr-D and some BLEU; ships the result if dev is better."""
    from captioning.training import captions
    from captioning.training import self_critical as critical

    views = run.train_maps()
    before = registry.card(captioner_name(run), run.models)
    network, vocabulary = started(captions.build, views[0], run, run.models / before.file)
    score = greedy_score(run, vocabulary)
    start = score(network.arrays())
    rewards = critical.train(network, vocabulary, views, [p.captions for p in run.train], run.folder / "self-critical",
                             rate=rate, epochs=epochs)
    end = score(network.arrays())
    print(f"self-critical: reward {np.mean(rewards[:10]):.3f} → {np.mean(rewards[-10:]):.3f}, dev {start} → {end}")
    if end["CIDEr-D"] <= start["CIDEr-D"]:
        print("no better: the captioner shipped stays")
        return before
    return ship_captioner(run, vocabulary, network.arrays(), "self-critical", before.command)


def joint(run: Run, epochs: float = 15, rate: float = 1e-3, batch: int = 128,
          init: Path | None = None) -> registry.Card:
    """The joint space; ships the epoch with the best recall on dev, and what a cosine in it is worth."""
    from captioning.training import captions
    from captioning.training import joint as pairs

    views = run.train_maps()
    network, vocabulary = started(pairs.build, views[0], run, init)
    ids = captions.encoded([p.captions for p in run.train], vocabulary)
    arrays = fit(network, pairs.PairBatches(views, ids, batch), round(epochs), rate, run.folder / "joint",
                 pairs.InfoNCE(), recall_score(run, vocabulary), "R@10")
    return calibrate(run, {**arrays, "words": np.array(vocabulary.words)})


def calibrate(run: Run, arrays: Arrays | None = None, command: str | None = None) -> registry.Card:
    """Fits the two logistic functions of the joint space on dev photos and ships it."""
    if arrays is None:
        before = registry.card("joint", run.models)
        command = before.command
        with np.load(run.models / before.file) as held:
            arrays = dict(held)
    model = loose_joint(arrays)
    plain = run.train_maps(["plain"])[0]
    step = max(1, len(plain) // 500)
    arrays["reference"] = model.embed_image(as_grid(plain[::step][:500]))
    captions = registry.load(captioner_name(run), run.models).captions(as_grid(run.dev_maps()))
    model, images = loose_joint(arrays), model.embed_image(as_grid(run.dev_maps()))
    settings = {**run.settings, **calibration.fitted(model, images, [caption.text for caption in captions],
                                                     [photo.captions for photo in run.dev])}
    return shipping.ship("joint", "joint", arrays, settings, run.models, data=run.data, split=run.split,
                         command=command)


def fine_tune(run: Run, epochs: float = 4, rate: float = 1e-4, batch: int = 64, blocks: int = 1) -> registry.Card:
    """VGG16's last blocks, with the captioner and the joint space shipped as heads; ships all three if dev gains."""
    from captioning.training import captions
    from captioning.training import joint as pairs

    stem, before = stem_of(run, blocks), registry.card(run.encoder, run.models)
    if stem is None:
        raise ValueError(f"fine-tuning takes a VGG16 at 112 px, {run.encoder} is none")
    stems, maps = [cached(run, stem, run.train, view) for view in run.views], run.train_maps()
    (writer, vocabulary), (pair, _) = (
        started(build, maps[0], run, run.models / f"{name}.npz")
        for build, name in ((captions.build, captioner_name(run)), (pairs.build, "joint")))
    network = fine_tuning.EndToEnd(stem.weights, writer, pair, blocks)
    ids = captions.encoded([p.captions for p in run.train], vocabulary)
    score = end_to_end_score(run, cached(run, stem, run.dev, "plain"), vocabulary, blocks)
    start = score(network.arrays())
    arrays = fit(network, fine_tuning.EndToEndBatches(stems, maps, ids, batch), round(epochs), rate,
                 run.folder / f"fine-tune-{blocks}", fine_tuning.LOSSES, score, "sum", fine_tuning.WEIGHTS)
    end = score(arrays)
    print(f"fine-tuning: dev {start} → {end}")
    if end["sum"] <= start["sum"]:
        print("no better: the encoder stays")
        return before
    card = fine_tuning.ship(before, {**stem.weights, **fine_tuning.part(arrays, "block")}, run.models,
                            shipping.command_line())
    tuned = replace(run)  # a new run: its extractor is the new encoder
    for photos, views in ((run.train, run.views), (run.dev, ("plain",))):
        features_of.derive(stem, tuned.extractor, photos, views, run.cache,
                           fine_tuning.Top(fine_tuning.part(arrays, "block"), blocks))
    captioner_command, joint_command = (registry.card(name, run.models).command
                                        for name in (captioner_name(run), "joint"))
    ship_captioner(tuned, vocabulary, fine_tuning.part(arrays, "captioner"), "fine-tune", captioner_command)
    calibrate(tuned, {**fine_tuning.part(arrays, "joint"), "words": np.array(vocabulary.words)},
              f"{joint_command} && {shipping.command_line()}")
    return card


def evaluated(run: Run, sheet: Path | None = None) -> dict[str, Any]:
    """Prints the scores on the held-out photos, writes them into the cards, draws the learning curves."""
    return evaluate.everything(run, sheet)


# ---- what the steps share --------------------------------------------------------------------------------

def started(build: Callable, maps: np.ndarray, run: Run, init: Path | None) -> tuple[Any, Vocabulary]:
    """A network built for these maps, from the words of the training captions or going on from shipped arrays."""
    if init is None:
        vocabulary = Vocabulary.of(c for p in run.train for c in p.captions)
        return build(vocabulary, maps), vocabulary
    with np.load(init) as arrays:
        vocabulary = Vocabulary(tuple(str(w) for w in arrays["words"]))
        network = build(vocabulary, maps)
        network.assign(dict(arrays))
    return network, vocabulary


def stem_of(run: Run, blocks: int = 1) -> fine_tuning.Stem | None:
    """The encoder without its last blocks, if it is a VGG16 at 112 px."""
    card = registry.card(run.encoder, run.models)
    if card.settings["graph"] != "vgg16" or card.settings["side"] != 112:
        return None
    with np.load(run.models / card.file) as held:
        return fine_tuning.Stem(dict(held), card.settings["side"], blocks)


def cached(run: Run, extractor: Any, photos: list[Photo], view: str) -> np.ndarray:
    return features_of.maps(extractor, photos, view, run.cache, run.threads)


def captioner_name(run: Run) -> str:
    return f"{run.encoder}-lstm"


def ship_captioner(run: Run, vocabulary: Vocabulary, arrays: Arrays, stage: str, before: str = "") -> registry.Card:
    command = " && ".join(filter(None, [before, shipping.command_line()]))
    floor = calibration.floor(loose_captioner(arrays, vocabulary), run.dev_maps(), [p.captions for p in run.dev])
    return shipping.ship(captioner_name(run), "captioner", {**arrays, "words": np.array(vocabulary.words)},
                         {**run.settings, "stage": stage, "floor": floor}, run.models, data=run.data, split=run.split,
                         command=command)


def greedy_score(run: Run, vocabulary: Vocabulary,
                 maps: np.ndarray | None = None) -> Callable[[Arrays], dict[str, float]]:
    """Greedy CIDEr-D and BLEU-4 on dev for a network's arrays."""
    maps, references = run.dev_maps() if maps is None else maps, [p.captions for p in run.dev]
    cider = scores.CiderD(references)

    def score(arrays: Arrays) -> dict[str, float]:
        texts = [c.text for c in loose_captioner(arrays, vocabulary).captions(maps)]
        return {"CIDEr-D": round(cider(texts), 4), "BLEU-4": scores.bleu(texts, references)[3]}

    return score


def recall_score(run: Run, vocabulary: Vocabulary,
                 maps: np.ndarray | None = None) -> Callable[[Arrays], dict[str, float]]:
    """Text → image recalls over the dev photos for a network's arrays."""
    maps = as_grid(run.dev_maps() if maps is None else maps)

    def score(arrays: Arrays) -> dict[str, float]:
        model = loose_joint({**arrays, "words": np.array(vocabulary.words)})
        return evaluate.text_to_image(model, model.embed_image(maps), run.dev)

    return score


def end_to_end_score(run: Run, stems: np.ndarray, vocabulary: Vocabulary,
                     blocks: int) -> Callable[[Arrays], dict[str, float]]:
    """Both heads' scores on dev, over the map that the blocks make of the stems."""
    def score(arrays: Arrays) -> dict[str, float]:
        maps = fine_tuning.Top(fine_tuning.part(arrays, "block"), blocks)(stems)
        found = {**greedy_score(run, vocabulary, maps)(fine_tuning.part(arrays, "captioner")),
                 **recall_score(run, vocabulary, maps)(fine_tuning.part(arrays, "joint"))}
        return {**found, "sum": found["CIDEr-D"] + found["R@10"] / 100}

    return score


def loose_captioner(arrays: Arrays, vocabulary: Vocabulary) -> Captioner:
    """A captioner that has no card yet."""
    return Captioner(_loose("captioner"), {**arrays, "words": np.array(vocabulary.words)})


def loose_joint(arrays: Arrays) -> Any:
    from captioning.joint import Joint
    return Joint(_loose("joint"), arrays)


def _loose(kind: str) -> registry.Card:
    return registry.Card("loose", kind, "0", "", "", 0, "", "", "", {}, "")


"""The scores on held-out photos, beside published ones; into the cards, and as learning curves.

Text → image recall asks for the one photo a caption was written for; over the 1,000 photos of dev the others may show
the same thing, so these are lower bounds of usefulness. The fused score is fitted on the dev photos: five numbers on
9,000 queries, cross-validated here (fitted on one half, measured on the other, both ways).
"""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioning import registry
from captioning.joint import Joint
from captioning.training import calibration, scores, shipping
from captioning.training.datasets import Photo
from captioning.training.retrieval import Bench, generated_only, one_human
from captioning.training.run import Run, as_grid, log_of

# On the standard test split, in per cent: what others report for Flickr8k.
ANCHORS = {
    "Show, Attend and Tell, hard attention (Xu et al. 2015)": [67.0, 45.7, 31.4, 21.3],
    "Google NIC (Vinyals et al. 2015)": [63.0, 41.0, 27.0, None],
    "merge-model tutorial (Brownlee 2017)": [57.9, 34.4, 25.2, 13.1],
}


def everything(run: Run, sheet: Path | None = None) -> dict[str, Any]:
    """Scores captioner and joint space on the run's held-out photos and writes them into their cards."""
    maps, references = as_grid(run.dev_maps()), [photo.captions for photo in run.dev]
    found: dict[str, Any] = {}
    captioner = registry.load(f"{run.encoder}-lstm", run.models)
    texts = [caption.text for caption in captioner.captions(maps)]
    found["captions"] = of_captions(captioner, maps, texts, references)
    shipping.rescored(captioner.card, found["captions"], run.models)
    if (run.models / "joint.json").exists():
        joint = registry.load("joint", run.models)
        found["joint"] = of_joint(joint, maps, texts, references)
        shipping.rescored(joint.card, found["joint"], run.models)
    print(table(found))
    curves(run)
    if sheet:
        write_sheet(sheet, run.dev, captioner.captions(maps))
    return found


def of_captions(captioner: Any, maps: np.ndarray, texts: Sequence[str],
                references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Greedy and with a beam of 3; and how many different captions there are."""
    cider = scores.CiderD(references)
    beam = [caption.text for caption in captioner.captions(maps, beam=3)]
    return {"photos": len(texts), "BLEU-1..4": scores.bleu(texts, references), "CIDEr-D": round(cider(texts), 3),
            "BLEU-1..4, beam 3": scores.bleu(beam, references), "CIDEr-D, beam 3": round(cider(beam), 3),
            "different captions": len(set(texts))}


def of_joint(joint: Joint, maps: np.ndarray, generated: Sequence[str],
             references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Recalls by the joint space alone, by words alone, and fused; both ways of filling the library."""
    images = joint.embed_image(maps)
    benches = {"generated captions stored": generated_only(joint, images, generated, references),
               "one human caption stored": one_human(joint, images, references)}
    found: dict[str, Any] = {"photos": len(images)}
    found["image to text"] = image_to_text(benches["generated captions stored"])
    for name, bench in benches.items():
        found[name] = {"text": bench.recalls(bench.words), "visual": bench.recalls(bench.cosines),
                       "fused": cross_validated(bench, list(benches.values()))}
    return found


def cross_validated(bench: Bench, benches: list[Bench]) -> dict[str, float]:
    """The fused ranking's recalls, each half of the queries by weights fitted on the other half of the photos."""
    score = np.empty_like(bench.cosines)
    half = bench.cosines.shape[1] // 2
    for chosen in (lambda right: right < half, lambda right: right >= half):
        weights = calibration.ranking_weights([b.only(chosen(b.right)) for b in benches], [0, 1, 2, 3])
        rows = ~chosen(bench.right)
        score[rows] = bench.features()[rows] @ weights
    return bench.recalls(score)


def image_to_text(bench: Bench) -> dict[str, float]:
    """Each photo's best-ranked own caption among all the captions."""
    ranks = [scores.ranks(np.repeat(column[None], own.sum(), 0), np.flatnonzero(own)).min()
             for column, own in ((bench.cosines[:, i], bench.right == i) for i in range(bench.cosines.shape[1]))]
    return scores.recalls(np.array(ranks))


def text_to_image(joint: Joint, images: np.ndarray, photos: Sequence[Photo]) -> dict[str, float]:
    """Recalls of every human caption by the joint space alone."""
    pairs = [(row, joint.embed_text(text)) for row, photo in enumerate(photos) for text in photo.captions]
    known = [(row, text) for row, text in pairs if text is not None]
    cosines = np.stack([text for _, text in known]) @ images.T
    return scores.recalls(scores.ranks(cosines, np.array([row for row, _ in known])))


def table(found: dict[str, Any]) -> str:
    """Ours beside the anchors, for people."""
    c = found["captions"]
    lines = [f"captions, {c['photos']} held-out photos        BLEU-1  -2    -3    -4    CIDEr-D"]
    for name, row, cider in [("ours, greedy", c["BLEU-1..4"], c["CIDEr-D"]),
                             ("ours, beam of 3", c["BLEU-1..4, beam 3"], c["CIDEr-D, beam 3"]),
                             *((name, row, None) for name, row in ANCHORS.items())]:
        lines.append(f"{name[:38]:38} " + " ".join(f"{v:6.1f}" if v is not None else "     –" for v in row)
                     + (f"   {cider:.3f}" if cider is not None else "       –"))
    lines.append("METEOR: not computed (NLTK's needs WordNet, a download; the authors' program needs Java)")
    if "joint" in found:
        lines.append(f"\n{'retrieval':38}    R@1    R@5   R@10  median rank")
        rows = {"image → text, visual": found["joint"]["image to text"]}
        for stored in ("generated captions stored", "one human caption stored"):
            rows |= {f"{stored}, {way}": found["joint"][stored][way] for way in ("text", "visual", "fused")}
        lines += [f"{name[:38]:38} " + " ".join(f"{v:6.1f}" for v in row.values()) for name, row in rows.items()]
    return "\n".join(lines)


def curves(run: Run) -> None:
    """loss and dev score against epochs, one picture a network, beside the run's log."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    for folder in sorted(path.parent for path in run.folder.glob("*/log.jsonl")):
        rows = log_of(folder)
        keys = [key for key in rows[0] if key not in ("epoch", "seconds", "learning_rate")]
        figure, axes = pyplot.subplots(1, len(keys), figsize=(3 * len(keys), 2.4), layout="constrained")
        for axis, key in zip(np.atleast_1d(axes), keys, strict=True):
            axis.plot([row["epoch"] for row in rows], [row[key] for row in rows], marker=".")
            axis.set(title=f"{folder.name}: {key}", xlabel="epoch")
        figure.savefig(folder / "curves.png", dpi=80)
        pyplot.close(figure)
        print(f"curves: {folder / 'curves.png'}")


def write_sheet(path: Path, photos: Sequence[Photo], captions: Sequence[Any], count: int = 24) -> None:
    """An HTML page of photos picked at random, good and bad alike, the photos in it. Keep it out of the repository."""
    import base64
    from html import escape
    rng = np.random.default_rng()
    path.parent.mkdir(parents=True, exist_ok=True)
    items = []
    for i in rng.choice(len(photos), min(count, len(photos)), replace=False):
        data = base64.b64encode(photos[i].path.read_bytes()).decode()
        human = "".join(f"<li>{escape(text)}" for text in photos[i].captions)
        items.append(f'<article><img src="data:image;base64,{data}"><p><b>{escape(captions[i].text)}</b> '
                     f"({captions[i].confidence:.2f})<ul>{human}</ul></article>")
    style = "body{display:grid;grid-template-columns:repeat(4,1fr);gap:1em;font:14px sans-serif}img{width:100%}"
    head = f"<!doctype html><meta charset=utf-8><title>captions</title><style>{style}</style>"
    path.write_text(head + "".join(items))
    print(f"sheet: {path}, {len(items)} photos at random")


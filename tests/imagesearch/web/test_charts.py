"""Scores as bars."""
from imagesearch.web.charts import Figure, chart, figures


def test_a_list_is_named_by_its_range():
    assert [f.name for f in figures({"BLEU-1..4": [.6, .4, .3, .2]})] == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]


def test_nested_scores_keep_their_way():
    assert list(figures({"recall": {"at 1": 0.5, "of": [1, 2]}})) == [
        Figure("recall, at 1", 0.5), Figure("recall, of (1)", 1), Figure("recall, of (2)", 2)]


def test_words_are_no_figures_and_counts_have_no_bar():
    [only] = figures({"photos": 1000, "note": "on held-out photos", "checked": True})
    assert (only.name, only.share) == ("photos", None)


def test_recall_in_percent_has_a_bar_of_its_part():
    assert [f.share for f in figures({"image to text": {"R@10": 52.5, "median rank": 9}})] == [0.525, None]


def test_a_score_for_each_tag_is_folded_away_the_best_first():
    found = chart({"mean": 0.3, "each": {f"tag {i}": i / 100 for i in range(50)}})
    assert found.figures == [Figure("mean", 0.3)]
    assert [figure.name for figure in found.groups["each"]][:2] == ["tag 49", "tag 48"]

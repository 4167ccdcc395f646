"""Scores as bars."""
from imagesearch.web.charts import Figure, figures


def test_a_list_is_named_by_its_range():
    assert [f.name for f in figures({"BLEU-1..4": [.6, .4, .3, .2]})] == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]


def test_nested_scores_keep_their_way():
    assert list(figures({"recall": {"at 1": 0.5, "of": [1, 2]}})) == [
        Figure("recall, at 1", 0.5), Figure("recall, of (1)", 1), Figure("recall, of (2)", 2)]


def test_words_are_no_figures_and_counts_have_no_bar():
    [only] = figures({"photos": 1000, "note": "on held-out photos", "checked": True})
    assert (only.name, only.share) == ("photos", None)

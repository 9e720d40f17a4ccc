"""Answers are readable in a terminal."""

from gateway.client import Description, show


def test_bars_are_sorted_and_drawn_to_scale():
    """The likeliest label stands first, each with its percentage and a bar of that length."""
    lines = show.bars({"not_pizza": 0.25, "pizza": 0.75})
    assert ["  pizza       75.00%  " + "█" * 30, "  not_pizza   25.00%  " + "█" * 10] == lines


def test_models_are_a_table():
    """A model that does not answer has dashes for what is not known of it."""
    there = Description("pizza", 2, "AVAILABLE", ("pizza", "not_pizza"), 260, 300)
    lines = show.models([there, Description("x", 0, "UNAVAILABLE")])
    assert [
        "model  version  state        input      labels",
        "pizza  2        AVAILABLE    300 x 260  pizza, not_pizza",
        "x      -        UNAVAILABLE  -          -",
    ] == lines

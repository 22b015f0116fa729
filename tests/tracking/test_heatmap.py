"""The confusion matrix shows shares of the true class and counts."""

import numpy as np

from tracking.heatmap import confusion_heatmap


def test_shares_are_of_the_true_class_and_counts_stand_below() -> None:
    drawing = confusion_heatmap(np.array([[3, 1], [0, 0]]), ("no", "yes"))
    assert drawing.values.tolist() == [[0.75, 0.25], [0.0, 0.0]]
    (axes,) = drawing.figure().axes
    assert [text.get_text() for text in axes.texts] == ["75 %\n3", "25 %\n1", "0", "0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]


def test_many_classes_leave_no_room_for_counts() -> None:
    names = [f"class {index}" for index in range(13)]
    drawing = confusion_heatmap(np.eye(13, dtype=np.int64), names)
    assert drawing.text(0, 0) == "100"

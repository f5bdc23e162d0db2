"""The whole way with the default weights, on a synthetic case that no network was trained on."""

import pytest
from click.testing import CliRunner
from versectl.evaluation import protocol, report

from versectl.cli import main as cli

pytestmark = pytest.mark.slow


def test_the_default_weights_find_label_and_segment_all_of_the_case_of_make_demo(tmp_path):
    made, found = tmp_path / "in", tmp_path / "out"
    for words in (["synth", made, "--seed", "7"], ["run-all", made, found]):
        result = CliRunner().invoke(cli.main, [str(word) for word in words])
        assert result.exit_code == 0, result.output
    figures = protocol.pooled(report.evaluate(found, made).records)
    # T3 to L1 are found with a mean Dice of 0.931. A coarse one of an upper thorax (seed 1000) has
    # 0.81: the figures of many cases are in evaluation/results.
    assert figures["id_rate"].mean == 1
    assert figures["dice"].mean >= 0.92
    assert figures["point_error_mm"].mean <= 2.0

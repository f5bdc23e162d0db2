"""The whole way with the default weights, on a synthetic case that no network was trained on."""

import pytest
from click.testing import CliRunner
from versectl.evaluation import protocol, report

from versectl.cli import main as cli

pytestmark = pytest.mark.slow


def test_the_default_weights_find_name_and_segment_most_of_a_held_out_case(tmp_path):
    made, found = tmp_path / "in", tmp_path / "out"
    for words in (["synth", made, "--seed", "1000"], ["run-all", made, found]):
        result = CliRunner().invoke(cli.main, [str(word) for word in words])
        assert result.exit_code == 0, result.output
    figures = protocol.pooled(report.evaluate(found, made).records)
    # Tells broken weights from whole ones; how good they are is in evaluation/results.
    assert figures["id_rate"].mean >= 0.7
    assert figures["dice"].mean >= 0.6

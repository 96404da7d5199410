"""Methods measured side by side without a workflow."""

from pathlib import Path

import pytest
from tiny_models import smooth

from l3c.bench.measure.files import MethodFailedError
from l3c.bench.measure.side_by_side import measure_side_by_side

MINE = """
from baselines.raw import Raw
class Mine(Raw):
    name = "Mine"
    key = "mine"
"""


def test_a_file_beside_a_classical_codec(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    mine = tmp_path / "Mine.py"
    mine.write_text(MINE)
    images = {"a": smooth(20, 30), "b": smooth(16, 16)}
    rows, records = measure_side_by_side([mine, "png"], images)
    assert [(row.key, row.image) for row in rows] == [
        ("mine", "a"),
        ("mine", "b"),
        ("png", "a"),
        ("png", "b"),
    ]
    assert all(row.lossless for row in rows)
    assert [record.method for record in records] == ["Mine", "PNG"]
    assert capsys.readouterr().err == ""


def test_a_lossy_file_is_no_result(tmp_path: Path) -> None:
    lossy = tmp_path / "lossy.py"
    lossy.write_text(
        MINE + "    def encode(self, image):\n        return super().encode(image // 2)\n"
    )
    with pytest.raises(MethodFailedError, match="method lossy failed on image a"):
        measure_side_by_side([lossy], {"a": smooth(20, 30)})

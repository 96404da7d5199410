"""The table of README.md, from the comparison of the reference results.

`python -m tools.readme_table` writes it anew, after `snakemake --cores all reference`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from l3c.bench.tables.layout import MINUS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
COMPARISON = ROOT / "results" / "reference" / "tables" / "comparison.csv"
CONTROLS = ("raw", "l3c_float")
BASE = "jpegxl_e9"
_BETWEEN = re.compile(r"(<!-- table: .*? -->\n).*?(<!-- end -->)", re.DOTALL)


def table(comparison: pd.DataFrame) -> str:
    """Markdown, the smallest files first: mean bpsp, change from JPEG XL at effort 9, speeds."""
    rows = comparison[~comparison.key.isin(CONTROLS) & comparison.mean_bpsp.notna()]
    [base] = rows.mean_bpsp[rows.key == BASE]
    rows = rows.sort_values("mean_bpsp")
    change = [f"{100 * (rate / base - 1):+.1f} %".replace("-", MINUS) for rate in rows.mean_bpsp]
    shown = pd.DataFrame(
        {
            "method": rows.method,
            "bpsp": rows.mean_bpsp.map("{:.3f}".format),
            "against JPEG XL e9": change,
            "encode MB/s": rows.encode_mb_s.map("{:.2g}".format),
            "decode MB/s": rows.decode_mb_s.map("{:.3g}".format),
        }
    )
    align = ("left", *["right"] * 4)
    return shown.to_markdown(index=False, disable_numparse=True, colalign=align) + "\n"


def page() -> str:
    """README.md with the table as it should be."""
    comparison = pd.read_csv(COMPARISON)
    return _BETWEEN.sub(lambda m: m[1] + table(comparison) + m[2], README.read_text("utf-8"))


if __name__ == "__main__":
    README.write_text(page(), "utf-8")

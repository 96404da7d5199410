"""Lossy methods: rate and distortion in numbers, and BD-rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from l3c.bench.lossy import at_rates, bd_rate, operating_points
from l3c.bench.run import Run
from l3c.bench.tables.layout import Section, Table, fixed, percent, plain, table
from l3c.messages import counted

_ANCHOR = "jpeg_420"
_RATES = (0.25, 0.5, 1.0)  # bpp


@table("rate_distortion", "Rate and distortion of lossy methods", "md", "csv")
def rate_distortion(run: Run) -> Table:
    """Two sections for each data set: a line for each method, and for each operating point."""
    points, sections = operating_points(run.lossy), []
    published = run.lossy_published[run.lossy_published.point == ""]
    for dataset, group in points.groupby("dataset", sort=False):
        rows = run.lossy[run.lossy.dataset == dataset]
        anchor, lines = group[group.key == _ANCHOR], []
        for key, of_method in group.groupby("key", sort=False):
            line = {"Method": of_method.method.iloc[0]}
            for value, name in (("ms_ssim", "MS-SSIM"), ("psnr", "PSNR")):
                line[f"BD-rate, {name}"] = percent(bd_rate(anchor, of_method, value))
            line["against the CPM paper"] = percent(bd_rate(published, of_method))
            means = at_rates(rows[rows.key == key], rates=np.array(_RATES)).set_index("bpp")
            for rate in _RATES:
                line[f"MS-SSIM at {rate:g} bpp"] = fixed(means.ms_ssim.get(rate), 4)
            lines.append(line)
        cells = {
            "Method": group.method,
            "point": group.point.map("{:g}".format),
            "bpp": group.bpp.map(fixed),
            "MS-SSIM": group.ms_ssim.map(lambda value: fixed(value, 4)),
            "PSNR, dB": group.psnr.map(lambda value: fixed(value, 2)),
            "encode, s": group.encode_s.map(plain),
            "decode, s": group.decode_s.map(plain),
        }
        count = counted(rows.image.nunique(), "image")
        sections += [
            Section(f"{dataset}, {count}", pd.DataFrame(lines)),
            Section(f"{dataset}: operating points", pd.DataFrame(cells)),
        ]
    return Table(
        sections=sections,
        data=points,
        notes=[
            "Every file was written, read and decoded in a fresh process, and its reconstruction "
            "compared with the image. bpp count whole files.",
            "BD-rate: percent of bits that a method takes more (+) or less than JPEG 4:2:0 for the "
            "same quality, on average over the qualities that both reach: of means over images at "
            "the operating points, MS-SSIM in decibels, interpolated by Akima's method.",
            "The published curve of CPM is of the 24 Kodak images, without headers: another data "
            "set than that of the heading, unless it is Kodak.",
            "MS-SSIM at a rate: points of each image joined by straight lines, mean over images, "
            "where more than 99 % of them reach the rate.",
        ],
    )

"""Writes coder.tables as C, for programs that run the C core by itself: write_tables.py FILE."""

import sys
from pathlib import Path

from coder.tables import tables

made = tables()
lines = ['#include "mixture_cdf.h"', ""]
for name, values in made._asdict().items():
    lines.append(f"static const int32_t {name}[] = {{{','.join(map(str, values.ravel()))}}};")
lines += ["const mix_tables fuzz_tables = {sigmoid, scales, exp};", ""]
Path(sys.argv[1]).write_text("\n".join(lines))

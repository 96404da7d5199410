"""The family that docs/add_a_model.md builds: the page's Python blocks, joined to a file."""

import re
import tempfile
from pathlib import Path

from l3c.models.zoo import load_family

PAGE = Path(__file__).parents[2] / "docs" / "add_a_model.md"
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))

_folder = tempfile.TemporaryDirectory()
FILE = Path(_folder.name) / "autoregressive.py"
FILE.write_text(CODE, encoding="utf-8")

Autoregressive = load_family(str(FILE))
AutoregressiveSettings = Autoregressive.Settings

import hashlib
import re

import pytest

from baselines.registry import METHODS, MethodFileError, get_method

HEAD = """
from baselines.base import Method
class Base(Method):
    name, key, suffix = "Mine", "mine", ".mine"
    def version(self): return "1"
    def encode(self, image): return image.tobytes()
"""
WHOLE = HEAD + "class Mine(Base):\n    def decode(self, data): return None\n"


def _file(folder, text):
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_keys_are_the_agreed_ones():
    expected = ["raw", "png", "webp", "jpeg2000", "jpegxl_e7", "jpegxl_e9", "flif"]
    assert list(METHODS) == expected
    assert [get_method(key).key for key in expected] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "found none$"),
        (HEAD, r"found none \(still to define: decode\)"),
        (WHOLE + "class Other(Mine): pass\n", "found Mine, Other"),
        ("from baselines.png import Png", "found none"),
        (WHOLE + "METHOD = Mine", "METHOD has no functions encode and decode to be called"),
        (WHOLE + "    key = 'png'\n", "its key 'png' is taken"),
        (WHOLE + "    key = 'My key'\n", "Mine.key: "),
        (WHOLE + "    def __init__(self, level): pass\n", "cannot be made without arguments"),
        ("import no_such_module_anywhere", "ModuleNotFoundError on import"),
        ("def broken(:", "SyntaxError on import"),
    ],
)
def test_files_that_define_no_usable_method(tmp_path, text, message):
    path = _file(tmp_path, text)
    with pytest.raises(MethodFileError, match=f"^{re.escape(path)}: .*{message}"):
        get_method(path)
    with pytest.raises(MethodFileError, match="No such file"):
        get_method(f"{path}.py")


FUNCTIONS = "def encode(image): return bytes(image)\ndef decode(data): return data\n"


@pytest.mark.parametrize(
    "text",
    [
        FUNCTIONS,
        FUNCTIONS + "class Helper:\n    encode = decode = None\n",
        "class Codec:\n    encode = staticmethod(bytes)\n    decode = staticmethod(bytes)\n",
        "class Codec:\n    encode = decode = bytes\nMETHOD = Codec()\n",
    ],
)
def test_anything_with_encode_and_decode_is_a_method(tmp_path, text, monkeypatch):
    _file(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    method = get_method("mine.py")
    assert (method.name, method.key, method.suffix) == ("mine", "mine", ".bin")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert method.version() == f"mine.py {digest[:12]}"
    assert (method.encode(b"ab"), method.available()) == (b"ab", True)

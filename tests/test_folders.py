"""The walk over folders: links are followed once, what is passed over is known."""

from pathlib import Path

from l3c.files import SEEN, Found, find_files


def paths(found: Found, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found.files]


def test_each_folder_is_searched_once_under_its_own_name(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    (folder / "z").mkdir(parents=True)
    elsewhere.mkdir()
    for path in (folder / "z" / "1.png", elsewhere / "2.PNG"):
        path.touch()
    (folder / "a").symlink_to(folder / "z")
    (folder / "b").symlink_to(elsewhere)
    (folder / "c").symlink_to(elsewhere)
    (folder / "round").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path)
    (elsewhere / "back").symlink_to(folder / "z")
    found = find_files(folder, {".png"})
    assert paths(found, folder) == ["b/2.PNG", "z/1.png"]
    seen = [left.path.relative_to(folder).as_posix() for left in found.left]
    assert seen == ["a", "b/back", "c", "round", "up"]
    assert {left.reason for left in found.left} == {SEEN}

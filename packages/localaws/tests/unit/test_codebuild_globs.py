"""Which files a buildspec's globs choose."""

import itertools
import os

import pytest

from localaws.codebuild import globs

TREE = ("a.txt", ".hidden", "dist/index.html", "dist/deep/er/b.js", "dist/deep/c.map", "dist2/d.js", "my file.txt")


@pytest.fixture
def tree(tmp_path):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "exclude", "expected"),
    [
        (["**/*"], [], sorted(TREE)),
        (["*"], [], [".hidden", "a.txt", "my file.txt"]),
        (["dist/*"], [], ["dist/index.html"]),
        (["dist/**/*"], [], ["dist/deep/c.map", "dist/deep/er/b.js", "dist/index.html"]),
        (["dist/**"], ["**/*.map"], ["dist/deep/er/b.js", "dist/index.html"]),
        (["**/*.js"], [], ["dist/deep/er/b.js", "dist2/d.js"]),
        (["*/d.js", "./a.txt"], [], ["a.txt", "dist2/d.js"]),
        (["dist?/d.{js,ts}", "[!b-z.]*.txt"], [], ["a.txt", "dist2/d.js"]),
        (["dist"], [], []),
        (["../*"], [], []),
        (["DIST/*"], [], []),
    ],
)
def test_files_are_chosen_as_codebuild_chooses_them(tree, patterns, exclude, expected):
    assert globs.matching(tree, patterns, exclude) == expected


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_folder_that_may_hold_a_match_is_left_out(tree, count):
    for parts in itertools.product(["*", "**", "dist", "d*", "deep", "{dist,dist2}", "?.*"], repeat=count):
        whole = globs._compiled("/".join(parts))
        assert globs.matching(tree, ["/".join(parts)]) == sorted(name for name in TREE if whole.fullmatch(name)), parts


def test_folders_in_which_nothing_can_match_are_not_read(tree, monkeypatch):
    read, walk = [], os.walk

    def noted(root):
        for found in walk(root):
            read.append(os.path.relpath(found[0], root))
            yield found

    monkeypatch.setattr(os, "walk", noted)
    globs.matching(tree, ["dist/*", "a.txt"])
    globs.base_directories(tree, "dist2")
    assert read == [".", "dist", "."]


def test_an_absolute_pattern_below_the_sources_is_taken_as_relative(tree):
    assert globs.matching(tree, [f"{tree}/dist/*"]) == ["dist/index.html"]
    assert globs.matching(tree, ["/etc/*"]) == []


def test_base_directories_may_be_several(tree):
    assert globs.base_directories(tree, "dist*") == [tree / "dist", tree / "dist2"]
    assert globs.base_directories(tree, ".") == [tree]
    assert globs.base_directories(tree, f"{tree}/dist/deep") == [tree / "dist/deep"]


def test_a_base_directory_that_is_not_there_is_named_with_awss_words(tree):
    with pytest.raises(globs.NothingMatches, match="no matching base directory path found for build"):
        globs.base_directories(tree, "build")


def test_variables_are_put_into_patterns():
    assert globs.expand("$A/${B}_$C/*", {"A": "x", "B": "y"}) == "x/y_/*"

"""The comparison of a lock file with the installed packages."""

from mlkit.project.locked_packages import compare_lock

LOCK = """\
# a comment
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:bb
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
securesystemslib[crypto]==1.3.1 \\
    --hash=sha256:dd
PyYAML==6.0.2 --hash=sha256:ee
    # via something==1.0
"""
HERE = {"numpy": "2.4.6", "securesystemslib": "1.3.1", "pyyaml": "6.0.2", "another": "1.0"}


def others(**changes):
    count, found = compare_lock(LOCK, {name: version for name, version in {**HERE, **changes}.items() if version})
    assert count == 4
    return [str(one) for one in found]


def test_packages_as_locked_leave_nothing_to_tell():
    assert others() == []
    assert others(numpy="2.5.5", colorama="0.4.6") == []


def test_another_version_and_a_missing_package_are_told():
    assert others(numpy="2.4.7", securesystemslib="") == [
        "numpy 2.4.7 (2.4.6 or 2.5.5 in the lock)",
        "securesystemslib is not installed (1.3.1 in the lock)",
    ]


def test_a_package_for_another_system_may_be_missing_but_not_in_another_version():
    assert others(colorama="0.4.5") == ["colorama 0.4.5 (0.4.6 in the lock)"]


def test_names_are_compared_as_package_indexes_do():
    assert compare_lock("Foo.Bar==1\n", {"foo_bar": "1"}) == (1, [])

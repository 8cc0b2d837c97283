import pytest

from toi.system.errors import first_line


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one \r\ntwo"), "one "),
        (ValueError(""), "ValueError"),
        (KeyError(), "KeyError"),
        (OSError("あ" * 300), "あ" * 200),
    ],
)
def test_first_line(error, expected):
    assert first_line(error) == expected

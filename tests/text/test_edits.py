from toi.text.edits import Edit, substitute, substituted_offsets


def test_substituted_offsets():
    edits = [Edit(1, 3, "xyz"), Edit(4, 5)]
    assert substitute("abcdef", edits) == "axyzdf"
    assert substituted_offsets(6, edits) == [0, 1, 1, 4, 5, 5, 6]

import time

import pytest

from toi.documents.document import Block
from toi.documents.web import html_blocks

PAGE = """<!DOCTYPE html><html><head><title>題</title><style>p {color: red}</style></head>
<body><header>白浜新聞</header><nav><ul><li>入口</li></ul></nav>
<article><header><h1>白浜<ruby>市<rp>(</rp><rt>し</rt><rp>)</rp></ruby>の暮らし</h1></header>
<p>霧沢一は<b>白浜市</b>の
医師です<sup><a href="#n1">1</a></sup>。<script>alert("医師")</script>広さは20m<sup>2</sup>です[<i>注</i>]。<br>趣味は釣りです。
<p>p は閉じなくてよい。<p hidden>見えない。</p>
<ul><li>朝は八時に開く。<li>月曜日に休む。</ul>
<table><caption>開く時間</caption><tr><th>場所</th><th>時間</th></tr><tr><td>病院<td>八時<tr><td>図書館<td><p>九時</p></table>
<pre>code("霧沢")</pre>
<p>最後の段落。&lt;b&gt;は印。</p>
<div class="footnotes"><ol><li>これは脚注です。</li></ol></div></article>
<footer>© 白浜新聞</footer></body></html>"""


def test_a_page():
    assert html_blocks(PAGE) == [
        Block("白浜市の暮らし", "heading"),
        Block("霧沢一は白浜市の医師です。広さは20m2です[注]。趣味は釣りです。"),
        Block("p は閉じなくてよい。"),
        Block("朝は八時に開く。", "list"),
        Block("月曜日に休む。", "list"),
        Block("開く時間", "heading"),
        Block("場所 | 時間\n病院 | 八時\n図書館 | 九時", "table"),
        Block("最後の段落。<b>は印。"),
        Block("これは脚注です。", "footnote"),
    ]


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("霧沢<rt>きり</rt>一", ["霧沢一"]),  # without a <ruby> around it
        ("<p>一<sup>[1]</sup>二<sup>*</sup>", ["一二"]),
        ("<p>一</b></div></p>二", ["一", "二"]),  # ends of what was never opened
        ("<p>一<script>二", ["一"]),
        ("<p>一<!-- 二 -->三", ["一三"]),
        ("<table><td>一", ["一"]),
        ("<table><tr><td>一<table><tr><td>二</table><td>三</table>四", ["一 | 二 | 三", "四"]),
        ("<p style='display: none'>一</p>二", ["二"]),
        ("&#xD800;&#0;一", ["\ufffd\ufffd一"]),
        ("", []),
    ],
)
def test_pages_as_they_are(page, texts):
    assert [block.text for block in html_blocks(page)] == texts


def test_what_is_nested_deeply_is_read_in_time():
    started = time.process_time()
    blocks = html_blocks("<div>" * 20_000 + "底です。" + "</span></div>" * 20_000)
    assert [block.text for block in blocks] == ["底です。"]
    assert time.process_time() - started < 5  # it takes a fifth of a second; were it quadratic, a minute

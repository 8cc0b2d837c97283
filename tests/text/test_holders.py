import pytest

from toi.text.holders import BannedAnswer, holders, leaks, possible, split_banned

PEACH = "桃太郎は桃から生まれた。"
CAPITAL = "山梨県の県庁所在地は甲府市です。"
TRIP = "生徒13人のうち3人が、1,500円と3.14ドルを払った。"
FIRMS = "OpenAIはAIの会社で、JavaScriptとJavaを使う。"
LANDS = "アメリカ合衆国で人気のアメリカンフットボールは、アメリカで生まれた。"
KYOTO = "東京大学は東京都にある。東京タワーも東京にある。"

# answer, context, output, whether the output gives the answer away
CASES = [
    # a word of MeCab
    ("桃", PEACH, "桃太郎は何から生まれましたか?", False),
    ("桃", PEACH, "桃から生まれたのは誰ですか?", True),
    ("桃", PEACH, "桃太郎は桃から生まれましたか?", True),  # once in the longer word, once by itself
    ("桃", PEACH, "桃子は何から生まれましたか?", True),  # 桃子 is not in the context
    ("桃太郎", PEACH, "桃から生まれたのは誰ですか?", False),
    ("桃太郎", PEACH, "桃太郎は何から生まれましたか?", True),
    ("桃", "特産品は桃です。", "桃太郎は何から生まれましたか?", True),
    ("県", CAPITAL, "県庁所在地はどこですか?", False),
    ("県", CAPITAL, "山梨県の県庁はどこですか?", True),  # 山梨 + 県: 県 is a word of its own
    ("山梨", CAPITAL, "山梨県の県庁所在地はどこですか?", True),
    ("県庁所在地", CAPITAL, "県庁はどこですか?", False),  # only a part of the answer
    ("甲府市", CAPITAL, "県庁は甲府 市ですか?", True),
    ("東京", KYOTO, "東京大学はどこにありますか?", False),
    ("東京", KYOTO, "東京都にある大学は何ですか?", True),
    ("山", "富士山は日本一の山である。", "富士山は日本一の何ですか?", False),
    # numbers
    ("3", TRIP, "13人のうち何人が払いましたか?", False),
    ("3", TRIP, "13人のうち3人は何を払いましたか?", True),
    ("3", TRIP, "１３人のうち何人が3.14ドルを払いましたか?", False),
    ("3", TRIP, "23人のうち何人ですか?", False),  # a number that the context does not have is another number, too
    ("500", TRIP, "1,500円を払ったのは誰ですか?", False),
    ("500", TRIP, "500円を払ったのは誰ですか?", True),
    ("13人", "213人のうち13人", "213人のうち何人ですか?", True),  # no number, and in no word
    # letters
    ("AI", FIRMS, "openAIは何の会社ですか?", False),
    ("AI", FIRMS, "ＯｐｅｎＡＩはＡＩの会社ですか?", True),
    ("Java", FIRMS, "JavaScriptと何を使いますか?", False),
    ("AI", FIRMS, "AIRは何の会社ですか?", True),  # a longer run, but not of the context
    # katakana
    ("アメリカ", LANDS, "ｱﾒﾘｶﾝﾌｯﾄﾎﾞｰﾙはどこで生まれましたか?", False),
    ("アメリカ", LANDS, "アメリカ合衆国はどこですか?", False),
    ("アメリカ", LANDS, "アメリカ人はどこで生まれましたか?", True),
    # of several words, and in none
    ("New York", "New Yorkersは new york に住む。", "New Yorkerはどこに住みますか?", True),
    ("坊っちゃん", "『坊っちゃん』は小説。", "『坊っちゃん』は何ですか?", True),
    (" ", "桃。", "桃 太郎", False),
]


@pytest.mark.parametrize(("answer", "context", "output", "expected"), CASES)
def test_leaks(answer, context, output, expected):
    assert leaks(output, [answer], context) is expected
    assert BannedAnswer.of(answer, context).is_leaked(output) is expected


@pytest.mark.parametrize(
    ("output", "answers", "expected"),
    [
        ("県庁所在地はどこですか?", ["甲府市"], False),
        ("何色?", ["黄", "何色"], True),
        ("ABCとは?", ["abc"], True),
        ("", ["甲府市"], False),
        ("何?", [], False),
        ("桃太郎は?", ["桃", "桃太郎"], True),  # one of them is enough
    ],
)
def test_one_of_several_answers_leaks(output, answers, expected):
    assert leaks(output, answers, PEACH) is expected


@pytest.mark.parametrize(
    ("answer", "context", "expected"),
    [
        ("桃", PEACH, ("桃太郎",)),
        ("桃", "柿", ()),
        ("", PEACH, ()),
        ("３", "13、3、２３5人", ("13", "235")),
        ("5", "22.5kg、A5、5km、1.2.5", ("1.2.5", "22.5")),  # units and letters are runs of their own
        ("カー", "ｽｶｰﾌとカーテン、カー", ("カーテン", "スカーフ")),
        ("スミス", "ジョン・スミスとスミスさん", ()),
        ("서울", "서울은 서울특별시", ("서울은", "서울특별시")),
        ("AI", "ＯｐｅｎＡＩ\nAI", ("openai",)),
        ("café", "café crème, cafés", ("cafés",)),  # normalization drops this space
        ("スミス", "ジョン スミスとｽﾐｽｻﾝ", ("スミスサン",)),
        ("桃", "桃 太郎", ("桃太郎",)),  # as the model reads it
    ],
)
def test_holders(answer, context, expected):
    assert holders(answer, context) == expected


def test_a_longer_word_that_is_banned_itself_is_no_way_out():
    answers = [BannedAnswer("桃", ("桃太郎", "白桃")), BannedAnswer("太郎", ("桃太郎",)), BannedAnswer("白")]
    assert [one.holders for one in possible(answers, [])] == [("桃太郎",), ("桃太郎",), ()]
    assert [one.holders for one in possible(answers, ["ﾓﾓ", "太"])] == [(), (), ()]
    assert split_banned(["桃", answers[0]]) == (("桃",), (answers[0],))

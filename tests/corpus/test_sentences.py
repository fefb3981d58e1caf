"""Sentences: what a careful reader would split, and that nothing is lost."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.cleaning import clean
from albertlm.corpus.sentences import LONGEST, join_sentences, paragraphs, split_sentences

# A paragraph a line, its sentences apart by a bar.
CASES = {
    "en": """
        Dr. Smith went to Washington.|He saw the President.
        Mr. and Mrs. Brown met Prof. Green at St. Paul's.|They spoke.
        He served in the U.S. Army for ten years.|Then he left.
        They moved to the U.S.|They stayed there.
        The U.S. Supreme Court ruled.|It was final.
        Fruit, e.g. apples and pears, is good.|Eat it.
        The last one, i.e. the third, was lost.
        Pi is about 3.14 and e is 2.718.|Both are irrational.
        He bought No. 5 on the list.|It was dear.
        See Fig. 3 and Eq. 4 for details.|They help.
        The shop opens at 9 a.m. on Mondays.|It closes at 5 p.m. every day.
        We met at 5 p.m.|Then we left.
        J. R. R. Tolkien wrote it.|C. S. Lewis read it.
        J.R.R. Tolkien wrote it.|C.S. Lewis read it.
        George W. Bush was president.|So was his father.
        "I am here," he said.|"Where are you?"
        He said, "Stop."|She stopped.
        "Stop!" he cried.|She stopped.
        "Are you there?" she asked.|Nobody answered.
        "No."|He left.
        He said.|'No.'|She left.
        “I am tired.”|“Go to bed, then.”
        ‘I am tired.’|‘Go to bed, then.’
        She smiled (he saw it).|Then she left.
        She smiled.|(He saw it.)|Then she left.
        Wait... what was that?|Nothing.
        He stopped...|Then he went on.
        What?!|That is not true!|Is it?
        The company, Apple Inc., was founded in 1976.|It is large.
        He works for Apple Inc.|She does not.
        Yahoo! was a company.|It was sold.
        Visit www.example.com for more.|It is free.
        The file is called readme.txt and is short.|Read it.
        He was born on Jan. 5, 1900.|He died in 1950.
        Gen. Lee surrendered to Gen. Grant.|The war ended.
        It weighs 5 lb. 3 oz. in all.|That is heavy.
        See pp. 12-15 and vol. 3, ch. 2.|They are good.
        The war (1914–1918) was long.|Many died.
        Smith et al. showed this in 2001.|Others agreed.
        Smith vs. Jones was heard.|Smith won.
        He lived c. 400 B.C. in Athens.|Little is known.
        It happened in 44 B.C.|Caesar died.
        The cat, the dog, etc. were there.|All slept.
        They sold cats, dogs, etc.|All slept.
        She got a Ph.D. in physics.|Then she taught.
        He is a Jr. member.|Martin Luther King Jr. spoke.
        In the U.K. and the E.U. this differs.|It always did.
        Washington, D.C. is the capital.|It is old.
        He lives in Washington, D.C.|It is old.
        The temperature was -5.5 °C.|It was cold.
        Version 2.0.1 was out.|It was better.
        "He said 'no.'"|She wept.
        "I know. I was there," he said.|Nobody spoke.
        He asked, "Why?"|"Because," she said.
        1. First item.|2. Second item.
        Is it true?|Yes.
        I. Introduction
        Lt. Col. John Smith Sr. retired.|He was old.
        Mt. Everest and Ft. Worth are far apart.|Go and see.
        Sen. Smith (R-Tex.) voted.|Rep. Jones did not.
        He said that it was "great".|It was not.
        He said that it was "great."|It was not.
        That is all.—And then he left.
        The price rose to $1.5 million.|It fell again.
        "Look out!"|The car stopped.
        "Who is it?"|He turned round.
        He is 6 ft. tall.|She is not.
        Q. What is it?|A. A box.
        The verb "to be." is irregular.
        They played at Wembley Stadium, London.|50,000 people came.
        He died in 1950.|1951 was a good year.
        It was built by J. Smith.|It still stands.
        He got an A.|She got a B.
        This is so.[1]|That is not.[2]
        The so-called 'experts' were wrong.|'We are not,' they said.
        He's here.|That's the dogs' bowl.|It's full.
        "'Tis true," he said.|"So be it."
        "Oh!"|"What is it?"
        It is known.:24–25|Then it was lost.|It is found.
        He met the poet (and she did too.)|Then they left.
        Oh! what had she not lost!|Nothing.
        It was known as Apple Inc. (formerly Apple Computer, Inc.) until 2007.|Then it changed.
        As shown in vol. 3, chap. 12, p. 5, it is so.|See also pt. 2.
    """,
    "de": """
        Dr. Müller wohnt z. B. in Berlin.|Er arbeitet dort.
        Er kam am 3. Oktober 1990 an.|Es regnete.
        Das ist z.B. ein Hund.|Er bellt.
        „Komm her!“, rief er.|Sie kam.
        „Komm her.“|Sie kam.
        Er sagte: „Nein.“|Dann ging er.
        Der 2. Weltkrieg endete 1945.|Danach begann der Wiederaufbau.
        Prof. Dr. Meier u. a. haben das gezeigt.|Es stimmt.
        Das kostet ca. 5,50 Euro.|Das ist viel.
        Ludwig XIV. war König.|Er starb 1715.
    """,
    "fr": """
        M. Dupont est arrivé.|Mme Durand est partie.
        « Viens ! » dit-il.|Elle vint.
        « Viens. »|Elle vint.
        Il est né en 1900 av. J.-C. environ.|On l'ignore.
        Qui est là ?|Personne.
        Il mesure 1,80 m.|Elle est grande.
    """,
    "es": """
        El Sr. López llegó.|La Sra. García salió.
        ¿Quién es?|Nadie.
        ¡Hola!|¿Qué tal?
        Los EE. UU. son grandes.|México también.
        «Ven aquí», dijo.|Ella vino.
        «Ven aquí.»|Ella vino.
    """,
    "ru": """
        Он родился в 1900 г. в Москве.|Он умер в 1950 г.
        А. С. Пушкин родился в Москве.|Он был поэтом.
        «Иди сюда!» — сказал он.|Она пришла.
        «Иди сюда».|Она пришла.
        Это было в т. ч. в Москве.|Потом в Киеве.
        Кто там?|Никого.
    """,
    "zh": """
        他来了。|她走了。
        他说：“你好。”|她笑了。
        你是谁？|我是他的朋友！
    """,
    "ja": """
        彼は来た。|彼女は行った。
        「こんにちは。」|彼は言った。
        本当ですか？|はい。
    """,
    "hi": """
        वह आया।|वह गई।
        डॉ. शर्मा आए।|सब खुश हुए।
        क्या यह सच है?|हाँ।
    """,
}
KNOWN = [
    ("en", "He stopped…|Then he went on.", "an ellipsis of one character ends no sentence"),
    ("en", "Vitamin C.|Vitamin D.", "taken for the initial of a name"),
    ("fr", "Cf. p. 12 et suiv.|C'est clair.", "an abbreviation at the end of a sentence"),
    ("ja", "「こんにちは。」と彼は言った。|彼女は笑った。", "a quotation is cut from who says it"),
    ("zh", "“你好！”他说。|她笑了。", "a quotation is cut from who says it"),
]
WITHOUT_BLANKS = ("zh", "ja")


def check(language: str, case: str) -> None:
    expected = case.split("|")
    text = ("" if language in WITHOUT_BLANKS else " ").join(expected)
    assert split_sentences(text, language) == [expected]


@pytest.mark.parametrize(
    ("language", "case"),
    [
        (language, line.strip())
        for language, lines in CASES.items()
        for line in lines.strip().split("\n")
    ],
)
def test_sentences(language: str, case: str) -> None:
    check(language, case)


@pytest.mark.parametrize(
    ("language", "case"),
    [
        pytest.param(language, case, marks=pytest.mark.xfail(strict=True, reason=reason))
        for language, case, reason in KNOWN
    ],
)
def test_known_mistakes(language: str, case: str) -> None:
    check(language, case)


def test_text_without_cases_is_split() -> None:
    check("en", "hello there.|how are you?|fine.")


def test_a_long_quotation_is_split_within() -> None:
    sentences = [f"We searched the garden for the {number} time that night." for number in range(9)]
    text = f"“{' '.join(sentences)}” He sighed."
    assert split_sentences(text, "en") == [
        ["“" + sentences[0], *sentences[1:-1], sentences[-1] + "”", "He sighed."]
    ]


@pytest.mark.parametrize("blank", ["\u2028", "\x0b", "\r", "\x85", "\u3000", "\t \xa0", "\x1f"])
def test_every_kind_of_white_space_is_a_blank(blank: str) -> None:
    text = f"One{blank}two.{blank}Three."
    assert split_sentences(text, "en") == [["One two.", "Three."]]


def test_paragraphs_are_lines() -> None:
    assert split_sentences("One. Two.\n\n \nThree.", "en") == [["One.", "Two."], ["Three."]]
    assert split_sentences("", "en") == split_sentences(" \n", "en") == []


TEXT = st.lists(
    st.sampled_from(
        [". ", "! ", "? ", ".", "…", "。", '"', "'", "“", "”", "(", ")", " ", "\n", "-"]
    )
    | st.sampled_from(["A", "Dr", "1", "II", "he", "said", ":12", "—", "\u2028", "\x0b", "я", "中"])
    | st.text(max_size=3)
).map("".join)


@given(TEXT, st.sampled_from(["en", "de", "fr", "zh", "hi", "sv"]))
def test_nothing_is_lost_and_everything_comes_back(text: str, language: str) -> None:
    split = split_sentences(text, language)
    lines = [line for line in text.split("\n") if line.split()]
    assert ["".join("".join(part).split()) for part in split] == [
        "".join(line.split()) for line in lines
    ]
    for sentence in (sentence for part in split for sentence in part):
        assert sentence == " ".join(sentence.split()) != ""
    assert paragraphs(join_sentences(split)) == split
    assert join_sentences(paragraphs(join_sentences(split))) == join_sentences(split)


LINES = st.text(st.characters(exclude_characters="\n"), min_size=1)


@given(st.lists(st.lists(LINES, min_size=1)))
def test_what_is_joined_is_parted_again(parts: list[list[str]]) -> None:
    assert paragraphs(join_sentences(parts)) == parts


@pytest.mark.parametrize("language", ["xx", "english", "", "EN", "en_GB", "deu"])
def test_unknown_languages(language: str) -> None:
    with pytest.raises(ValueError, match="is not known; give the code of a Wikipedia"):
        split_sentences("Text.", language)


@pytest.mark.parametrize(
    "text",
    [
        "a b " * 1_250_000,
        "a" * 5_000_000,
        "." * 1_000_000,
        ". " * 500_000,
        "“" * 1_000_000,
        "(a) b. " * 150_000,
        '"A b." C ' * 110_000,
        "1. " * 330_000,
        ") " * 500_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_hopeless_paragraph_ends(text: str) -> None:
    (sentences,) = split_sentences(text, "en")
    assert max(map(len, sentences)) <= LONGEST
    assert "".join(sentences).replace(" ", "") == text.replace(" ", "")


def test_real_text(shared_data: Path) -> None:
    for name in ("wikipedia-en-2015-00000-of-00004", "books-en-public-domain"):
        table = pq.read_table(shared_data / "corpus" / f"{name}.parquet", columns=["text"])
        for text in table["text"].slice(0, 30).to_pylist():
            split = split_sentences(clean(text), "en")
            assert "".join(s for part in split for s in part).replace(" ", "") == "".join(
                clean(text).split()
            )
            assert paragraphs(join_sentences(split)) == split

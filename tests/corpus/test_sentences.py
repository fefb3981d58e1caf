"""Compare sentences with those that a careful reader splits, and test that nothing is lost."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.cleaning import clean
from albertlm.corpus.sentences import LONGEST, join_sentences, paragraphs, split_sentences

# One paragraph per line, with its sentences separated by a vertical bar.
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

ABBREVIATIONS_AND_QUOTES = {
    "en": """
        The valley runs in a N.E.-S.W. direction.|It is long.
        Mass is 20 lbs. per sq. in. at most.|Then it breaks.
        He studied at St. John's Coll., Cambridge.|He left.
        See S. Deziemianowicz, ed. (2009) for more.|It is good.
        Mr. J.-P. Sartre wrote it.|It sold.
        “Why?” asked M. de Villefort.|He left.
        This was in Nov. 1918.|Then peace came.
        The No. 1 hit stayed.|It fell.
        He wrote to the Hon. Mrs. Gray.|She replied.
        The U.S. and the U.K. agreed.|So did all.
        He was 5 ft. 10 in. tall.|She was not.
        Rev. Dr. King Jr. spoke.|We heard.
        It cost £3 10s. 6d. in all.|He paid.
        Ps. 23 is known.|Cf. Matt. 5:3 for more.
        E. coli is a bacterium.|It lives in the gut.
        Capt. Ahab et al. sailed.|They sank.
        In 2010 Yahoo! bought it.|Then it closed.
        She lives in Mt. Vernon, Ill.|He does not.
        He lived at 5 St. James's Sq., London.|He died.
        Gen. 1:1 says so.|Read it.
        Wm. Shakespeare wrote it.|Yes.
        Chas. Darwin and Geo. Smith sailed.|He wrote.
        The S.S. Great Britain sailed.|It sank.
        He earned 5s. 3d. a day.|It was little.
        The N.W.-S.E. line was cut.|It was long.
        J.-B. Say taught.|He wrote.
        He lived in Calif. for years.|Then he left.
        Messrs. Smith and Jones came.|They sat.
        Sgt. Pepper and Cpl. Jones came.|They sat.
        See Rom. 8:1 and 1 Cor. 13.|Read them.
        It is 5 in. wide and 3 yd. long.|It fits.
        The Rt. Hon. David Lloyd George spoke.|All heard.
        It opened on Sept. 5, 1900, at 10 a.m. sharp.|It closed.
        Smith, J. (ed.), 1990, is good.|Read it.
        She asked “Who is M. Dupont?” and left.|He stayed.
        He joined Yahoo! in 2003.|He left.
    """,
    "fr": """
        J.-J. Rousseau naquit à Genève.|Il mourut en France.
        Le Dr. Martin et M. J.-B. Wolters arrivent.|Ils parlent.
        Cela coûte env. 5 fr. par mètre.|C'est cher.
        Il habite au no. 5, av. Foch.|Elle aussi.
        Mgr. Lefebvre et le R. P. Dubois vinrent.|On pria.
        Voir p. ex. le chap. 3 et la fig. 2.|C'est clair.
        S. M. le roi Louis XIV entra.|Tous se levèrent.
        Le Pr. Dupont enseigne.|Il parle.
        Au XIXe s. tout changea.|On vit.
        L'art. 5 du code est clair.|Il dit tout.
        J.-P. Sartre et J.-M. Le Clézio écrivent.|On lit.
        Voir t. II, p. 5.|C'est là.
        Le gén. de Gaulle parla.|On écouta.
        Il vint av. J.-C. ou apr. J.-C. on ne sait.|Qui sait ?
    """,
    "de": """
        H.-D. Genscher war Minister.|Er kam aus Halle.
        Der Verein wurde am 1. FC Köln gemessen.|Er verlor.
        Das war im 19. Jh. so.|Heute nicht.
        Vgl. dazu Abb. 3 und Bd. 2, S. 45 ff. des Werkes.|Es ist gut.
        Er kam mit der Fa. Müller & Co. KG nach Berlin.|Er blieb.
        Papst Johannes Paul II. besuchte Polen.|Viele kamen.
        Die Firma d. h. ihr Chef, bzw. sein Sohn, kam.|Er ging.
        Es war um 1500 v. Chr. üblich.|Dann nicht mehr.
        Sie wohnt in der Hauptstr. 5 im 2. Stock.|Er nicht.
        Am 3. und 4. Mai kam er.|Sie nicht.
        K.-H. Müller kam.|Er blieb.
        Er wohnt in St. Gallen.|Sie nicht.
        Im 18. und 19. Jh. war das so.|Jetzt nicht.
        Die Gebr. Grimm sammelten Märchen.|Sie schrieben.
        Er wurde am 5. Dez. 1990 geboren.|Er lebt.
        Hrn. Schmidt kennt jeder.|Er ist alt.
        Das sind ca. 5 Mio. Euro.|Viel Geld.
        Er kam z. Zt. nicht.|Sie kam.
        Kaiser Wilhelm II. dankte ab.|Er ging.
        ``Er kam.|Sie ging.''|``Gut'', sagte er.
    """,
    "ru": """
        Он жил на ул. Ленина, д. 5, кв. 3.|Она тоже.
        В XIX в. город вырос.|Он стал большим.
        Это было в 1812 г.|Война кончилась.
        И. о. директора им. М. В. Ломоносова пришёл.|Все встали.
        Длина 5 км, ширина 3 тыс. м.|Это много.
        Он родился 5 янв. 1900 г. в с. Ивановка.|Он умер.
        т. е. так, и т. д. и т. п.|Всё.
        Родился в г. Москве.|Жил там.
        В V в. до н. э. там жили.|Потом ушли.
        Высота 300 м.|Ширина 5 м.
        См. рис. 5 и табл. 2.|Ясно.
        Акад. Иванов пришёл.|Сел.
        Стоит 5 руб.|Дорого.
        Были Иванов, Петров и др.|Они ушли.
        В 1941–1945 гг.|Он воевал.
        Проф. А. А. Иванов и доц. Петров.|Они тут.
        Умер 3 окт. 1990 г.|Похоронен в Москве.
        Это в XIX в.|Потом всё.
        В 1812 г. Наполеон вторгся в Россию.|Началась война.
        В 1812 г.|Он вторгся в Россию.
    """,
    "it": """
        Il sig. Rossi e il dott. Bianchi arrivarono.|Parlarono.
        Vedi pag. 3, n. 5.|È chiaro.
        S. Francesco nacque ad Assisi.|Morì nel 1226.
        La prof.ssa Verdi insegna.|Io studio.
        Il cav. Rossi e l'on. Bianchi vennero.|Parlarono.
        Vedi fig. 5 e tav. II.|Bene.
        G. Verdi nacque qui.|Morì.
        Nel sec. XV nacque.|Morì.
    """,
    "es": """
        El Dr. Pérez vive en la Av. de Mayo núm. 5.|Es viejo.
        D. Quijote y D.ª Ana salieron.|Llovía.
        Véase la pág. 3 del vol. 2.|Es claro.
        La Dra. Gómez y el Lic. Pérez llegaron.|Bien.
        Ud. sabe.|Yo no.
        Los EE.UU. ganaron.|Bien.
        Sto. Tomás enseñó.|Fue sabio.
        J.-M. Aznar habló.|Calló.
        Tiene 7,63 hab. /km².|Es poco.
    """,
    "tr": """
        Prof. Dr. Ahmet Bey geldi.|Konuştu.
        M.Ö. 3. yüzyılda kuruldu.|Sonra yıkıldı.
        Bkz. s. 5, vb. kaynaklar.|Oku.
        19. yüzyıl başladı.|Her şey değişti.
        Doç. Dr. Ayşe Hanım geldi.|Oturdu.
        M.S. 5. yüzyılda oldu.|Bitti.
        Hz. Ali dedi.|Sustu.
        T.C. Anayasası değişti.|Oldu.
    """,
    "nl": """
        Dhr. Jansen en mevr. De Vries kwamen.|Ze praatten.
        Zie blz. 5, d.w.z. het einde.|Klaar.
        's Morgens was hij moe.|Hij sliep.
        Ds. Jansen en ir. De Boer kwamen.|Ja.
        Zie p. 5 en nr. 3.|Ja.
        Op 5 jan. 1900 was het.|Ja.
        J.-P. Balkenende sprak.|Hij ging.
    """,
    "pl": """
        W XIX w. miasto rosło.|Było duże.
        Dr hab. Jan Kowalski i in. napisali.|Czytaj.
        Żył w latach 100 p.n.e. w Rzymie.|Umarł.
        Ks. prof. Nowak mówił.|Słuchali.
        Por. Kowalski i gen. Nowak walczyli.|Tak.
        Zob. s. 5 i rys. 3.|Tak.
        W 1990 r. wybuchł.|Koniec.
        M.in. Jan przyszedł.|Usiadł.
    """,
    "vi": """
        TP. Hồ Chí Minh là thành phố lớn.|Nó ở miền Nam.
        GS. TS. Nguyễn Văn A đến.|Ông nói.
        ThS. Trần B và BS. Lê C nói.|Họ đi.
        Q. 1 rất đông.|Vui.
    """,
    "ar": """
        ذهب الرجل.|هل عاد؟|نعم، عاد.
        وُلد عام 1900 م. في القاهرة.|مات.
        د. أحمد جاء.|جلس.
    """,
    "th": """
        เขามา เธอไป
    """,
    "zh": """
        他问：“谁？”她不答。|天黑了。
        图1.1所示……如此。|好。
        他说：“来了。”|她笑了。
        他说：“走吧！”我们走了。|天黑了。
        “你好吗？”他问道。|她笑了。
        他说：「好。」|她笑了。
        他来了。|2010年他走了。|“2010年。”他说。
    """,
    "ja": """
        彼は「はい。」と言った。|終わり。
        Ｕ．Ｓ．Ａ．へ行った。|帰った。
        モーニング娘。は歌手だ。|有名だ。
        「行くぞ！」と彼は叫んだ。|走った。
        Ｊ．Ｆ．ケネディは大統領だ。|死んだ。
        藤岡弘、は俳優だ。|有名だ。
        「つのだ☆ひろ。」が歌った。|終わり。
        彼は「えっ？」と言った。|終わり。
        2010年に来た。|2011年に帰った。
    """,
    "hi": """
        श्री. राम आए।|वे बैठे।
        ई.पू. 3 में हुआ।|फिर नहीं।
        वह आया.|वह गया.
        डॉ. शर्मा और पं. नेहरू आए।|वे बैठे।
        प्रो. वर्मा ने कहा।|सब सुने।
        सन् 5 ई. में हुआ।|फिर।
    """,
    "fa": """
        او آمد.|آیا رفت؟|بله.
    """,
    "el": """
        Τι είναι;|Τίποτα.
        Ο κ. Παπαδόπουλος ήρθε.|Έφυγε.
        Ο κ. Παπάς και η κα. Μαρία ήρθαν.|Ναι.
        Βλ. σελ. 5.|Ναι.
    """,
    "hy": """
        Նա եկավ։|Նա գնաց։
    """,
    "my": """
        သူလာသည်။|သူသွားသည်။
    """,
    "ko": """
        그는 왔다.|그녀는 갔다.
        “안녕.” 그가 말했다.|끝.
        “뭐?” 그가 물었다.|끝.
        “가자!” 철수가 외쳤다.|끝.
        "안녕."이라고 그가 말했다.|끝.
    """,
    "pt": """
        O Sr. Silva e a Sra. Costa saíram.|Choveu.
        O Eng. Costa e a Dra. Ana saíram.|Sim.
        No séc. XIX tudo mudou.|Foi.
        A Av. Paulista é longa.|Sim.
        Ele saiu.|"O salto é bom."|Ela ficou.
        Ela disse: " sim. "|" Não ", disse ele.
    """,
    "sv": """
        Dr. Berg kom kl. 5.|Han gick.
        Bl.a. Anna kom.|Hon gick.
    """,
    "da": """
        Hr. Jensen kom kl. 5.|Han gik.
    """,
    "cs": """
        Ing. Novák a prof. Černý přišli.|Sedli.
        Viz str. 5 a obr. 3.|Ano.
    """,
    "hu": """
        Dr. Kovács és ifj. Nagy jött.|Ült.
    """,
    "fi": """
        Prof. Virtanen tuli.|Hän istui.
    """,
    "ro": """
        Dl. Popescu și dna. Ionescu vin.|Da.
    """,
    "uk": """
        На вул. Франка, буд. 5.|Там.
        Проф. І. Франко прийшов.|Сів.
    """,
    "ca": """
        El Sr. Puig i la Sra. Mas.|Sí.
    """,
    "id": """
        Jl. Sudirman no. 5 ramai.|Ya.
    """,
    "bn": """
        ডা. রায় এলেন।|তিনি বসলেন।
    """,
    "ur": """
        وہ آیا۔|وہ گیا۔
    """,
    "he": """
        ד"ר כהן בא.|הוא ישב.
    """,
}
KNOWN = [
    ("en", "He stopped…|Then he went on.", "an ellipsis of one character does not end a sentence"),
    ("en", "Vitamin C.|Vitamin D.", "mistaken for an initial"),
    ("fr", "Cf. p. 12 et suiv.|C'est clair.", "an abbreviation at the end of a sentence"),
]
WITHOUT_BLANKS = ("zh", "ja", "my")


def check(language: str, case: str) -> None:
    expected = case.split("|")
    text = ("" if language in WITHOUT_BLANKS else " ").join(expected)
    assert split_sentences(text, language) == [expected]


@pytest.mark.parametrize(
    ("language", "case"),
    [
        (language, line.strip())
        for cases in (CASES, ABBREVIATIONS_AND_QUOTES)
        for language, lines in cases.items()
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
def test_every_kind_of_whitespace_becomes_a_space(blank: str) -> None:
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


@given(TEXT, st.sampled_from(["en", "de", "fr", "ja", "hi", "pt", "ru", "sv", "zh"]))
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
def test_paragraphs_invert_join_sentences(parts: list[list[str]]) -> None:
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
        "`` " * 300_000,
        '. " A' * 200_000,
        "J.-J. " * 150_000,
    ],
    ids=lambda text: text[:8],
)
@pytest.mark.slow
def test_a_degenerate_paragraph_terminates(text: str) -> None:
    (sentences,) = split_sentences(text, "en")
    assert max(map(len, sentences)) <= LONGEST
    assert "".join(sentences).replace(" ", "") == text.replace(" ", "")


@pytest.mark.slow
def test_real_text(shared_data: Path) -> None:
    for name in ("wikipedia-en-2015-00000-of-00004", "books-en-public-domain"):
        table = pq.read_table(shared_data / "corpus" / f"{name}.parquet", columns=["text"])
        for text in table["text"].slice(0, 30).to_pylist():
            split = split_sentences(clean(text), "en")
            assert "".join(s for part in split for s in part).replace(" ", "") == "".join(
                clean(text).split()
            )
            assert paragraphs(join_sentences(split)) == split

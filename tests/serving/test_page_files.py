"""The files of the page: nothing from elsewhere, nothing inline."""

import re
from html.parser import HTMLParser

from albertlm.serving.page_files import FOLDER, INDEX, POLICY, read_files, static_index


class Elements(HTMLParser):
    """All elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_all_files_are_served() -> None:
    assert read_files().keys() == {path.name for path in FOLDER.iterdir()}
    for name, (content, media_type) in read_files().items():
        assert content == (FOLDER / name).read_bytes()
        assert media_type.startswith(("text/", "image/svg+xml")), name


def test_a_file_loads_only_others_of_the_page() -> None:
    files = read_files()
    index = Elements(files[INDEX].content.decode()).found
    loaded = [
        value
        for _, attributes in index
        for key, value in attributes.items()
        if key in ("src", "href") and value
    ]
    for name, file in files.items():
        text = file.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:", text), name
        if name.endswith(".js"):
            loaded += [f"page/{each}" for each in re.findall(r'"\./([^"]+)"', text)]
    assert {each.removeprefix("page/") for each in loaded} == files.keys() - {INDEX}


def test_nothing_is_inline() -> None:
    for text in (read_files()[INDEX].content.decode(), static_index("model.json")):
        for tag, attributes in Elements(text).found:
            assert tag != "style"
            assert tag != "script" or attributes["src"]
            assert not [key for key in attributes if key == "style" or key.startswith("on")]


def test_the_static_page_has_the_policy_and_names_its_model() -> None:
    elements = Elements(static_index("some/model.json")).found
    assert ("html", {"lang": "en", "data-model": "some/model.json"}) in elements
    (policy,) = (each["content"] for _, each in elements if "http-equiv" in each)
    assert policy == f"{POLICY}; script-src 'self' 'wasm-unsafe-eval'"
    kinds = [tag for tag, _ in elements]
    assert kinds.index("meta") < kinds.index("link")

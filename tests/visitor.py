"""A visitor of the page in a real browser: what is clicked, and what is seen. Waits are for what should come, never for time."""

from typing import Any

from toi.page.words import WORDS, language_of

FIELD = "textarea, input[type=text], input[type=password]"


class Visitor:
    """One page in a language and a width. What it asks for elsewhere, and what goes wrong in its scripts, is noted in `wrong`."""

    def __init__(self, browser: Any, address: str, locale: str, width: int):
        self.words, self.address, self.wrong = WORDS[language_of(locale)], address.rstrip("/"), list[str]()
        self.page = browser.new_context(locale=locale, viewport={"width": width, "height": 900}).new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._look)

    def _look(self, request: Any) -> None:
        here = self.address, self.address.replace("127.0.0.1", "localhost"), "data:", "blob:"
        if not request.url.startswith(here):
            self.wrong.append(request.url)

    def come(self) -> None:
        """Open the page, and wait until it is alive and knows the visitor's language."""
        self.page.goto(self.address)
        self.page.wait_for_function("document.documentElement.lang === navigator.language")

    def tab(self, key: str) -> None:
        """Go to a tab by its name among the words of the page."""
        self.page.get_by_role("tab", name=self.words[key], exact=True).first.click()

    def write(self, place: str, text: str) -> None:
        """Put a text into the field of a place."""
        self.page.locator(f"#{place}").locator(FIELD).first.fill(text)

    def click(self, place: str) -> None:
        """Click on a place."""
        self.page.click(f"#{place}")

    def asks(self, place: str, where: str) -> None:
        """Click on a place, and wait until the server has answered where the answer is shown."""
        with self.page.expect_response(lambda response: "/queue/join" in response.url):
            self.click(place)
        self.rests(where)

    def rests(self, place: str) -> None:
        """Wait until nothing is under way at a place."""
        self.page.wait_for_function(
            "place => document.querySelector(place + ' [data-testid=status-tracker]').classList.contains('hide')", arg=f"#{place}"
        )

    def press_enter(self, place: str) -> None:
        """Press Enter in the field of a place."""
        self.page.locator(f"#{place}").locator(FIELD).first.press("Enter")

    def choose(self, place: str, text: str) -> None:
        """Choose in the list of a place."""
        self.page.locator(f"#{place} input").click()
        self.page.get_by_role("option", name=text, exact=True).click()

    def sees(self, place: str, text: str) -> None:
        """Wait until a text is seen at a place."""
        self.page.wait_for_function(
            "([place, text]) => document.querySelector(place)?.innerText.includes(text)", arg=[f"#{place}", text]
        )

    def holds(self, place: str, text: str) -> None:
        """Wait until a text stands in the field of a place."""
        self.page.wait_for_function(
            f"([place, text]) => document.querySelector(place).querySelector('{FIELD}').value === text", arg=[f"#{place}", text]
        )

    def text(self, place: str) -> str:
        """What is seen at a place."""
        return str(self.page.inner_text(f"#{place}"))

    def said(self, key: str, *values: object) -> str:
        """A line of the page in the visitor's language."""
        return self.words[key].format(*values)

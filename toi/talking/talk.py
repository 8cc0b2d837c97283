"""A conversation on the terminal, with one model or with two that answer in turn."""

from collections.abc import Sequence

from toi.decoding.streaming import streams
from toi.scoring.asked import Asked
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.saying import say, warn
from toi.talking.conversation import Conversation, save_conversations
from toi.talking.interrupts import Interrupts
from toi.talking.typed import Command, TypedOptions, command_of, edit_lines, help_text, read_text


def check_talk(options: AnsweringOptions) -> None:
    """Raise InputError for options that a conversation cannot have."""
    if options.allow_answer:
        raise InputError("--allow_answer is for models that ask questions; leave it out")
    if options.num_return_sequences > 1:
        raise InputError("a conversation goes on from one answer; leave out --num_return_sequences")
    if options.output_format != "text":
        raise InputError(f"a conversation is printed as text, not as {options.output_format}; /save FILE writes JSON Lines")


def talk(asked: Sequence[Asked], typed: TypedOptions, system: str) -> None:
    """Talk with a model, or with two. Raises InputError for a system text that a task has no place for, or needs."""
    Talk([Conversation(*one, system) for one in asked], typed).run()


class Talk:
    """What is typed and what is answered. All conversations are asked the same."""

    def __init__(self, conversations: Sequence[Conversation], typed: TypedOptions):
        self._conversations, self._typed = conversations, typed
        self._interrupts = Interrupts()
        self._last = ""  # the last question
        self._tries = 0  # how often it was answered again
        self._answered_with: AnsweringOptions | None = None  # None if it was stopped

    def run(self) -> None:
        """Read and answer until the end of the input, or /quit."""
        names = " and ".join(f"{one.name} (task {one.task.name})" for one in self._conversations)
        print(f"Talking with {names}. /help lists commands, Ctrl-C stops an answer, Ctrl-D ends.")
        for one in self._conversations:
            if not one.remembers:
                why = "a model of its kind takes" if one.task.has_history else f"the task {one.task.name} has"
                print(f"{one.name} answers each line alone: {why} no earlier turns.")
        edit_lines()
        with self._interrupts.listening():
            going_on = True
            while going_on:
                try:
                    text = read_text("you> ")
                    going_on = text is not None and self._take(text)
                except KeyboardInterrupt:
                    print()
                except SystemExit:  # --help has been printed
                    continue
                except (InputError, ValueError) as error:
                    say(str(error))

    def _take(self, text: str) -> bool:
        """Do what was typed; whether the conversation goes on. Raises InputError or ValueError for what cannot be done."""
        command = command_of(text)
        if command is not None:
            return self._obey(command)
        if text.startswith("--"):
            streamed = streams(self._typed.now)
            self._typed.change(text)
            if streamed and not streams(self._typed.now):
                say("from now on answers are shown when they are whole: so they are searched for")
        elif text.strip():
            self._last, self._tries = text.strip(), 0
            self._answer()
        return True

    def _obey(self, command: Command) -> bool:
        match command.name:
            case "quit":
                return False
            case "help":
                print(help_text())
            case "clear":
                for one in self._conversations:
                    one.clear()
                self._last = ""
            case "retry":
                self._retry()
            case "system":
                for one in self._conversations:
                    one.check_system(command.argument)
                for one in self._conversations:
                    one.set_system(command.argument)
            case "save":
                count = save_conversations(command.argument, self._conversations)
                say(f"wrote {count:,} {'answer' if count == 1 else 'answers'} to {command.argument}")
        return True

    def _retry(self) -> None:
        if not self._last:
            raise InputError("nothing has been asked yet")
        for one in self._conversations:
            one.take_back()
        if not self._typed.now.do_sample and self._answered_with == self._typed.now:
            say("with the same options the answer is the same; --do_sample draws another one")
        self._tries += 1
        self._answer()

    def _answer(self) -> None:
        options = self._answered_with = self._typed.now
        for one in self._conversations:
            if len(self._conversations) > 1:
                print(f"[{one.name}]")
            seen = False
            for part in self._interrupts.until_asked(one.answer(self._last, options, self._tries)):
                print(part, end="", flush=True)
                seen = seen or bool(part.strip())
            print(flush=True)
            if self._interrupts.asked:
                say("stopped")
                self._answered_with = None
            elif one.cut:
                say("the answer came to its limit of tokens; --max_target_length sets it")
            elif not seen:
                warn("the model wrote nothing that can be seen")

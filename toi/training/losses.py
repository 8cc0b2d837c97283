"""Losses: `loss(logits, labels, batch) -> the sum over the target tokens`.

    logits  (batch, target, vocab)
    labels  (batch, target), -100 where there is no token
    batch   the `toi.models.batches.Batch`: what the model read, for losses that look at the source

The loop divides by the number of target tokens of the whole optimizer step, so that the result does not depend
on how the step was cut into batches; hence a sum, not a mean. A loss of one's own is a function of this form in a
file: `--loss my_losses.py:my_loss`.
"""

import importlib.util
import inspect
import site
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.nn import functional

from toi.models.batches import IGNORED
from toi.models.padded import Batch
from toi.system.errors import InputError, first_line
from toi.system.memory import out_of_memory
from toi.training.chosen import ChoiceLoss, choice
from toi.training.options import LOSSES, LearningOptions
from toi.training.preference import PairLoss, dpo, ipo  # noqa: F401 (by name, see `make_loss`)

Loss = Callable[[torch.Tensor, torch.Tensor, Batch], torch.Tensor]
_AnyLoss = TypeVar("_AnyLoss", bound=Callable[..., torch.Tensor])


def by_token(loss: _AnyLoss) -> _AnyLoss:
    """Mark a loss that looks at each place by itself: it may get only those that have a target, as one row, (1, places, vocab)."""
    loss.by_token = True  # type: ignore[attr-defined]
    return loss


@by_token
def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
    """The summed negative log-likelihood, computed in single precision."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def label_smoothing(factor: float) -> Loss:
    """Cross entropy with `factor` of the target spread over the vocabulary (Szegedy et al. 2016, section 7)."""

    @by_token
    def loss(logits: torch.Tensor, labels: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        return functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum", label_smoothing=factor
        )

    return loss


def focal(gamma: float) -> Loss:
    """Cross entropy times (1 - p) ** gamma: less of what is known already (Lin et al. 2017, equation 4)."""

    @by_token
    def loss(logits: torch.Tensor, labels: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        nll = functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none")
        return ((1 - (-nll).exp()) ** gamma * nll).sum()  # ignored places have nll 0

    return loss


def unlikelihood(alpha: float) -> Loss:
    """Cross entropy, and `alpha` times a penalty on repeating the target's earlier tokens (Welleck et al. 2020, equation 4)."""

    def loss(logits: torch.Tensor, labels: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        kept = labels != IGNORED  # (batch, target)
        tokens = labels.masked_fill(~kept, 0)
        log_p = logits.float().log_softmax(-1)  # (batch, target, vocab)
        # The probability, at each place, of each token of the target: (batch, place, other place)
        others = log_p.gather(-1, tokens[:, None, :].expand(-1, tokens.shape[1], -1)).exp()
        earlier = torch.ones_like(others, dtype=torch.bool).tril(-1)
        wrong = earlier & (tokens[:, None, :] != tokens[:, :, None]) & kept[:, :, None] & kept[:, None, :]
        # A token that came twice is one candidate: count it where it came first.
        repeated = (tokens[:, None, :] == tokens[:, :, None]) & earlier  # (batch, place, the same token earlier)
        first = ~repeated.any(-1)  # (batch, place)
        penalty = -(1 - others).clamp(min=1e-6).log() * (wrong & first[:, None, :])
        return cross_entropy(logits, labels) + alpha * penalty.sum()

    return loss


def make_loss(options: LearningOptions) -> Loss:
    """The training loss of the options: one of those above, or one's own."""
    if options.loss not in LOSSES:
        return from_file(options.loss)
    parameters = [getattr(options, name) for name in LOSSES[options.loss]]
    loss = globals()[options.loss]
    return loss(*parameters) if parameters or loss is choice else loss


def sums_of(loss: Loss, logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
    """What a validation sums: of pairs, what their loss says of them; else the cross entropy, but for what counts choices alone."""
    if isinstance(loss, ChoiceLoss):
        return {"eval_loss": loss(logits, labels, batch)}
    return loss.sums(logits, labels, batch) if isinstance(loss, PairLoss) else {"eval_loss": cross_entropy(logits, labels)}


class OwnLoss:
    """A user's function as a loss: what it raises, forward or backward, is said in a line, with its own lines of the traceback."""

    def __init__(self, path_and_name: str, function: Callable[..., Any]):
        self._path, _, name = path_and_name.rpartition(":")
        self._loss, self._function = f"--loss {path_and_name}", function
        self._wanted = f"wanted is {name}(logits, labels, batch) -> the sum over the target tokens"
        self.by_token = getattr(function, "by_token", False)
        self._passed = False  # whether the gradient of the last logits is there: what is raised then is not of the loss
        _check_arguments(function, self._loss, self._wanted)

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Its value. Raises InputError if it raises anything, or does not return one number."""
        self._passed = False
        if logits.requires_grad:
            logits.register_hook(self._pass)
        try:
            value = self._function(logits, labels, batch)
        except (Exception, SystemExit) as error:
            raise InputError(self._account(error)) from error
        if not isinstance(value, torch.Tensor) or value.ndim or value.is_complex():
            raise InputError(f"{self._loss}: must return one number (a tensor without dimensions), the sum over tokens")
        if logits.requires_grad and not value.requires_grad and torch.is_grad_enabled():
            raise InputError(f"{self._loss}: what it returns must depend on the logits, or nothing is learnt")
        return value

    def _pass(self, gradient: torch.Tensor) -> None:
        self._passed = True

    def _account(self, error: BaseException, when: str = "") -> str:
        place, said, lines = _own_account(error, self._path)
        return f"{self._loss}: {place or self._path}: {when}{said}; {self._wanted}{lines}"

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Within the block the gradients of its last value are computed. Raises InputError for what its own backward raises.

        What it wrote over is found missing later too, in the backward of the model.
        """
        try:
            yield
        except Exception as error:
            if out_of_memory(error) or (self._passed and "inplace operation" not in str(error)):
                raise
            raise InputError(self._account(error, "in the backward pass, ")) from error


def backward_of(loss: Loss) -> AbstractContextManager[None]:
    """Within the block the gradients of a loss are computed: what the backward of one's own raises is said as of that."""
    return loss.backward() if isinstance(loss, OwnLoss) else nullcontext()


def from_file(path_and_name: str) -> OwnLoss:
    """The function `name` of the Python file `path`, from `path:name`.

    Raises InputError if there is no such file or function, the file cannot be run, or the function takes other arguments.
    """
    path, _, name = path_and_name.rpartition(":")
    if not Path(path).is_file():
        raise InputError(f"--loss {path_and_name}: no such file {path!r}; give FILE.py:FUNCTION")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"--loss {path_and_name}: {path!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        place, said, lines = _own_account(error, path)
        raise InputError(f"--loss {path_and_name}: {place or path} cannot be run ({said}){lines}") from error
    function: Any = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"--loss {path_and_name}: {path} has no function {name!r}")
    return OwnLoss(path_and_name, function)


def _check_arguments(function: Callable[..., Any], loss: str, wanted: str) -> None:
    """Raise InputError if a function cannot be called with three arguments."""
    if inspect.isclass(function):
        raise InputError(f"{loss}: a class, not a function; give a function, or an object that can be called; {wanted}")
    if isinstance(function, torch.nn.Module):
        function = function.forward
    try:
        signature = inspect.signature(function)
    except ValueError:  # of C code
        return
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        code = getattr(inspect.unwrap(function), "__code__", None)
        place = f"{code.co_filename}:{code.co_firstlineno}: " if code is not None else ""
        raise InputError(f"{loss}: {place}it takes {signature} ({error}); {wanted}") from None


def _own_account(error: BaseException, path: str) -> tuple[str, str, str]:
    """Where in a user's file an error came up (file:line), what it says, and the user's own lines of the traceback.

    Lines of other files beside it are the user's too; ours and those of libraries are not.
    """
    file = Path(path).resolve()
    libraries = (Path(__file__).parents[1], *map(Path, site.getsitepackages()), Path(sysconfig.get_path("stdlib")))

    def is_own(frame: traceback.FrameSummary) -> bool:
        place = Path(frame.filename).resolve()
        return place == file or (file.parent in place.parents and not any(folder in place.parents for folder in libraries))

    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame)]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    lines = "".join(traceback.format_list(frames))
    if isinstance(error, SyntaxError):  # no line of the file ran: the error itself says where it is
        place = f"{error.filename}:{error.lineno}" if error.lineno else path
        lines += "".join(traceback.format_exception_only(error)[:-1])
    named, words = type(error).__name__, first_line(error)
    said = named if words == named else f"{named}: {words}"
    return place, said, f"\n{lines}".rstrip()

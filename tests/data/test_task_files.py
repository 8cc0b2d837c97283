import pytest

from toi.data.task_files import chosen_tasks
from toi.data.tasks import Task
from toi.system.errors import InputError

PLAIN, ALPACA = Task.named("plain"), Task.named("alpaca")


@pytest.mark.parametrize(
    ("own", "name", "expected"),
    [
        ([PLAIN], None, [PLAIN]),
        ([None], "plain", [PLAIN]),
        ([PLAIN, ALPACA], None, [PLAIN, ALPACA]),
        ([PLAIN, None], None, [PLAIN, PLAIN]),
        ([None, PLAIN], None, [PLAIN, PLAIN]),
        ([PLAIN, None], "alpaca", [PLAIN, ALPACA]),
        ([None, None], "plain", [PLAIN, PLAIN]),
    ],
)
def test_tasks_of_models_that_are_compared(own, name, expected):
    assert chosen_tasks(["a", "b"][: len(own)], own, name) == expected


@pytest.mark.parametrize(
    ("own", "name", "message"),
    [
        ([None, None], None, "a: no task.json; say what the model does with --task"),
        ([PLAIN, ALPACA], "plain", "b: was trained for the task alpaca, not plain"),
        ([PLAIN], "alpaca", "a: was trained for the task plain, not alpaca"),
    ],
)
def test_tasks_that_are_not_known(own, name, message):
    with pytest.raises(InputError) as error:
        chosen_tasks(["a", "b"][: len(own)], own, name)
    assert str(error.value).startswith(message)

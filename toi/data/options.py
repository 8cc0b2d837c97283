"""Options of tasks and of preparing data. Nothing heavy is imported here."""

from typing import Literal

TaskName = Literal["qa", "aqg", "aqg-hl", "aqg-cf", "alpaca-ja", "alpaca", "plain"]

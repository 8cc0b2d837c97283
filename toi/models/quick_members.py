"""The families that write without torch, by the kind that their `facts` say."""

from toi.models.t5.quick import QuickT5

QuickFamily = QuickT5  # of one kind or another
QUICK: dict[str, type[QuickFamily]] = {"t5": QuickT5}

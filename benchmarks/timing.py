"""How benchmarks take time: the CPU of this process, since other processes of a busy machine only add to the clock."""

import gc
import time
from collections.abc import Callable


def best_us(run: Callable[[], object], units: float, *, rounds: int = 5, budget_s: float = 3.0) -> float:
    """µs of CPU for each unit, the best of some rounds; fewer when they would take longer than the budget."""
    best = float("inf")
    spent = 0.0
    for _ in range(rounds):
        gc.collect()
        begin = time.process_time()
        run()
        took = time.process_time() - begin
        best = min(best, took)
        spent += took
        if spent > budget_s:
            break
    return best / units * 1e6

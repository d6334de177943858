"""Searches within a time limit for settings that validate better: random ones, halved again.

Successive halving (Jamieson & Talwalkar, AISTATS 2016) gives many settings a little training, and
the best third of them thrice as much, until one has all; a training that goes on does so from where
it stood. We repeat that with fresh settings while there is time, always from the same least budget:
of the brackets of Hyperband (Li et al., JMLR 2018) the most daring one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from dssmcli.atomic import writing
from dssmcli.errors import DataError, DivergedError
from dssmcli.training.diagnosis import score_of
from dssmcli.training.finish import checkpoint, resumed_state
from dssmcli.training.space import drawn, with_settings
from dssmcli.training.task import TextTask
from dssmcli.training.text import Evaluation, TextState, new_state, steps_in_all, train_text
from dssmcli.training.trials import Trial

_ONE_IN = 3
"""So few go on each time."""
_SHARES = (1 / 9, 1 / 3, 1.0)
"""Of its steps, that a trial has taken when trials are compared."""
_LARGEST_BRACKET = 27
_SLOWER = 1.3
"""So many times as long as the first a trial takes on average: widths are drawn above theirs."""
_MOST_TRIALS = 100
"""The more are compared on the same rows, the more the best of them owes to chance."""


class Search:
    """Trials of settings until a moment `deadline` of the clock.

    What is drawn is a function of the seed; how many of them are tried depends on the time.
    Checkpoints of those that may still matter lie in `scratch`.
    """

    def __init__(
        self,
        task: TextTask,
        fixed: frozenset[str],
        scratch: Path,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if task.valid is None:
            raise DataError(
                "--tune compares settings on validation rows, and there are none. Give more "
                "queries, a --valid-share above 0 or --valid FILE."
            )
        self.trials: list[Trial] = []
        self._task, self._fixed, self._scratch = task, fixed, scratch
        self._deadline, self._clock = deadline, clock

    @property
    def best(self) -> Trial:
        """Return the trial that validates best; of equals the earlier one."""
        return max(self.trials, key=lambda trial: trial.score)

    def state_of(self, trial: Trial) -> TextState:
        """Return where a trial stands; of one that did not go on nothing is left but its scores."""
        file = self._file(trial)
        if not file.exists():
            return new_state(trial.task)
        return resumed_state(trial.task, file.read_bytes(), str(file))

    def trials_advanced(self) -> Iterator[Trial]:
        """Run trials till the time is over, yielding each when it has come a bit further.

        The settings as given come first, and may use all the time. DivergedError when they cannot
        be trained with.
        """
        first = self._trial(1)
        self._advance(first, 1.0)
        yield first
        before = 0
        # A bracket in which nothing could be started is the last one.
        while len(self.trials) > before and (size := self._bracket_size(first)):
            before = len(self.trials)
            yield from self._bracket(size)

    def _bracket(self, size: int) -> Iterator[Trial]:
        """Halve a number of fresh trials until one is left; fewer, where time is running out."""
        trials = [self._trial(len(self.trials) + 1 + i) for i in range(size)]
        for share in _SHARES:
            reached: list[Trial] = []
            for i, trial in enumerate(trials):
                if not self._in_time(trial, len(reached) + 1, share):
                    break
                self._try_to_advance(trial, share)
                reached.append(trial)
                # Some of these may go on, and none of the others.
                leaders = _leaders(reached, _survivors(len(trials)))
                self._forget_all_but([*leaders, *trials[i + 1 :]])
                yield trial
            trials = _leaders(reached, _survivors(len(reached)))

    def _in_time(self, trial: Trial, count: int, share: float) -> bool:
        """Tell whether a trial can come to a share of its steps, and the best of `count` go on."""
        first = self.trials[0]
        if trial.epochs:  # one look further, at least
            return self._seconds_left() >= trial.seconds / trial.epochs
        epochs = max(1.0, share * trial.task.config.epochs)
        fresh = first.seconds / max(1.0, first.epochs) * epochs
        least = self._least_share()
        rest = _whole_trainings(count, least) - count * max(share, least)
        return self._seconds_left() >= fresh + rest * first.seconds

    def _trial(self, number: int) -> Trial:
        changed = drawn(self._task, self._fixed, number)
        trial = Trial(number, with_settings(self._task, changed), changed)
        self._file(trial).unlink(missing_ok=True)  # of a search that was killed
        return trial

    def _try_to_advance(self, trial: Trial, share: float) -> None:
        """Train on; a trial that diverges has lost."""
        try:
            self._advance(trial, share)
        except DivergedError:
            trial.score = trial.latest = -math.inf

    def _advance(self, trial: Trial, share: float) -> None:
        """Train on, to the first evaluation at which a share of the steps is taken."""
        if trial not in self.trials:
            self.trials.append(trial)
        began = self._clock()
        state = self.state_of(trial)
        wanted = share * steps_in_all(trial.task)
        looked = self._clock()
        with closing(train_text(trial.task, state)) as events:
            for event in events:
                if not isinstance(event, Evaluation):
                    continue
                _note(trial, state, event)
                now = self._clock()
                # Whether another evaluation would still come in time.
                late = event.step and now + (now - looked) > self._deadline
                looked = now
                if event.step >= wanted or late:
                    break
        self._save(trial, state)
        trial.seconds += self._clock() - began

    def _save(self, trial: Trial, state: TextState) -> None:
        path = self._file(trial)
        with writing(path), open(path, "wb") as stream:
            stream.writelines(checkpoint(trial.task, state))

    def _file(self, trial: Trial) -> Path:
        return self._scratch / f"trial-{trial.number}.safetensors"

    def _forget_all_but(self, trials: Sequence[Trial]) -> None:
        kept = {trial.number for trial in (*trials, self.best)}
        for trial in self.trials:
            if trial.number not in kept:
                self._file(trial).unlink(missing_ok=True)

    def _seconds_left(self) -> float:
        return self._deadline - self._clock()

    def _bracket_size(self, first: Trial) -> int:
        """Return how many trials can be halved in the time left, 0 when there is none for two."""
        most = min(_LARGEST_BRACKET, _MOST_TRIALS - len(self.trials))
        left = self._seconds_left()
        whole = max(_SLOWER * first.seconds, 1e-9)
        least = self._least_share()
        for size in range(most, 1, -1):
            if _whole_trainings(size, least) * whole <= left:
                return size
        return 0

    def _least_share(self) -> float:
        """Return the share of a training at whose end is the first evaluation."""
        return 1 / max(1.0, self.trials[0].epochs)


def _whole_trainings(size: int, least: float) -> float:
    """Return how many whole trainings a bracket of so many trials costs.

    least: the share of a training before which nothing can be compared.
    """
    total, before = 0.0, 0.0
    for share in _SHARES:
        reached = max(share, least)
        total += size * (reached - before)
        size, before = _survivors(size), reached
    return total


def _survivors(count: int) -> int:
    return max(1, count // _ONE_IN)


def _leaders(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Return the trials that training has brought highest, in the order of their numbers."""
    able = [trial for trial in trials if trial.latest > -math.inf]
    best = sorted(able, key=lambda trial: -trial.latest)[:count]
    return sorted(best, key=lambda trial: trial.number)


def _note(trial: Trial, state: TextState, event: Evaluation) -> None:
    reached = [score_of(line) for line in state.history if line["step"]]
    trial.latest = max((score for score in reached if score is not None), default=-math.inf)
    trial.score, trial.epochs, trial.metric = state.best_score, event.epoch, event.metric
    trial.finished = state.finished

"""A worker's side of a change of the DLP policies: notice it, load what is new beside the requests, swap, say so."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from .dlp import Ruleset
from .policy import DlpPolicy, Policies, Snapshot
from .policy_directory import Active, PolicyDirectory, Signature
from .startup import StartupError

logger = logging.getLogger("synapse.policy")

# A look is one system call.
POLL_INTERVAL_S = 0.05
# What is missing is asked for again when this has passed, should the question or its answer have been lost.
ASK_INTERVAL_S = 5.0
# Loading is Python that computes: with the interpreter's own 5 ms each step of a request would wait so long for it.
SWITCH_INTERVAL_S = 0.0005

Tell = Callable[[Mapping[str, Any]], None]


class PolicyUser(Protocol):
    """What scans with the policies."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def dlp_number(self) -> int: ...

    def use(self, policies: Policies) -> None: ...


class PolicyLoader:
    """Makes policies of what is kept. A ruleset that is loaded already is the same object again."""

    def __init__(self, directory: PolicyDirectory) -> None:
        self._directory = directory
        self._rulesets: dict[str, Ruleset] = {}
        # Of what was loaded last, and as it was before that was read: what comes later is noticed.
        self.active: Active | None = None
        self.signature: Signature | None = None

    def first(self) -> Policies:
        """What is in force when a worker starts. Raises StartupError."""
        self.signature = self._directory.signature()
        active = self._directory.active()
        if active is None:
            raise StartupError("There is no DLP policy in force in the state directory: start the gateway again.")
        try:
            return self.load(active)
        except (ValueError, LookupError) as error:
            raise StartupError(f"The DLP policies cannot be loaded: {error}.") from error

    def load(self, active: Active) -> Policies:
        """Raises ValueError for what this engine cannot load, LookupError when a compiled ruleset is not there."""
        rulesets = {one.key: self._rulesets.get(one.key) or self._load(one.key) for one in active.policies.values()}
        self._rulesets, self.active = rulesets, active
        policies = {name: DlpPolicy(rulesets[one.key], one.exemptions) for name, one in active.policies.items()}
        return Policies(policies, frozenset(active.names))

    def _load(self, key: str) -> Ruleset:
        dump = self._directory.compiled(key)
        if dump is None:
            raise LookupError(f"the compiled ruleset {key} is not there")
        return Ruleset.loads(dump)


class PolicyFollower:
    """Runs in a worker as long as it serves."""

    def __init__(self, directory: PolicyDirectory, loader: PolicyLoader, user: PolicyUser, tell: Tell) -> None:
        self._directory = directory
        self._loader = loader
        self._user = user
        self._tell = tell
        self._number = 0
        self._snapshot: Snapshot | None = None
        self._missing: frozenset[str] = frozenset()
        self._ask_due_s = 0.0

    async def run(self) -> None:
        """Follow until it is cancelled."""
        loader = self._loader
        assert loader.active is not None, "the worker has loaded what it started with"
        self._in_force(loader.active)
        while True:
            signature = self._directory.signature()
            if signature != loader.signature:
                await self._follow()
                loader.signature = signature
            self._ask()
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _follow(self) -> None:
        active = self._directory.active()
        if active is None:
            logger.error("what DLP policies are in force cannot be read; the last ones stay in force")
            return
        try:
            with _short_switch_interval():
                policies = await asyncio.to_thread(self._loader.load, active)
        except (ValueError, LookupError) as error:
            logger.error("DLP policies cannot be loaded, the last ones stay in force: %s", error)  # noqa: TRY400
            self._tell({"failed": active.generation})
            return
        self._user.use(policies)
        self._snapshot, self._ask_due_s = None, 0.0
        self._in_force(active)

    def _in_force(self, active: Active) -> None:
        self._number = active.number
        self._tell({"generation": active.generation})

    def _ask(self) -> None:
        """Have the parent compile what a key needs, and look at what is newer in the database."""
        snapshot = self._user.snapshot
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            missing = snapshot.missing_policies()
            if missing - self._missing:
                self._ask_due_s = 0.0
            self._missing = missing
        newer = self._user.dlp_number > self._number
        if (newer or self._missing) and time.monotonic() >= self._ask_due_s:
            self._ask_due_s = time.monotonic() + ASK_INTERVAL_S
            self._tell({"wants": sorted(self._missing), "number": self._user.dlp_number})


@contextmanager
def _short_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)

"""Makes a version of the DLP policies: read, check, compile, try, put on record. Runs aside, in a process of its own.

Nothing is put in force here: the outcome says what could be, or everything that speaks against it.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import asyncpg
import orjson

from . import __version__
from .dlp import Catalogue, PolicyDocument, PolicyDocumentError, PolicyProblem, RuleError, Ruleset, load_catalogue
from .dlp.compilation import compile_rules
from .dlp.patterns import Expression, compile_database
from .dlp.policy_check import check_own_rules, check_placeholders, ended_exemptions, idle_exemptions
from .dlp.policy_document import DOCUMENT_BYTES_MAX
from .dlp.policy_resolution import DEFAULT_POLICY, catalogue_fingerprint, catalogue_of, own_rules_key
from .dlp.rules import rule_from_table
from .dlp.ruleset import RulesetError, engine_version
from .policy_directory import Active, ActivePolicy, PolicyDirectory
from .postgres.connect import UNREACHABLE
from .postgres.control_errors import ControlError
from .postgres.dlp_versions import (
    DlpVersion,
    NewDlpVersion,
    document_sha256,
    keys_by_policy,
    newest_dlp_version,
    record_dlp_version,
    unknown_holders,
)
from .postgres.pool import runtime_connection

UNKNOWN_OWNER = "unknown"


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of a build."""

    state_dir: Path
    file: Path | None
    # The file has been in charge: that it is gone is a mistake, and no reason to fall back on the database.
    file_expected: bool = False
    # The setting `dlp.file` names it; otherwise it was found where one is looked for.
    file_required: bool = False
    # At the start of a gateway what is on record is better than nothing.
    first: bool = False
    wanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What can come into force, and what is wrong with what should have. With neither, nothing has changed."""

    active: Active | None = None
    problems: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()  # what is no mistake, and yet does nothing
    unchanged: bool = False
    recorded: bool = True
    in_charge: bool = False  # whether there is a file


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says."""

    keys: Mapping[str, int] = field(default_factory=dict)
    newest: DlpVersion | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A text of policies, and where it is from. `line 1` of it is the first of `name`."""

    name: str
    kind: str
    text: str
    author: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a document comes to: the policies that keys can be bound to, and the versions of its own."""

    names: tuple[str, ...]
    versions: Mapping[str, str]
    warnings: tuple[Mapping[str, Any], ...] = ()


class Refused(Exception):
    """Something is wrong with a source."""

    def __init__(self, source: str, problems: Iterable[PolicyProblem]) -> None:
        super().__init__(source)
        self.problems = _in_file(source, problems)


def problem_text(problem: Mapping[str, Any]) -> str:
    """A problem in a line for people."""
    about = f"{problem['subject']}: " if problem["subject"] else ""
    return f"{problem['file']}:{problem['line']}: {about}{problem['reason']}; {problem['remedy']}"


class Compiler:
    """Builds one version after the other. A change has nearly all of its rules in common with what was built before.

    Their catalogue is kept here; what is derived from their cores and words is kept by the functions that do so.
    """

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._database = _Database()
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._runner as runner:
            runner.run(self._database.close())

    def build(self, order: Order, await_dsn: Callable[[], str]) -> Outcome:
        """`await_dsn` waits until the database can be asked; what is likely to be needed is compiled before."""
        builder = _Builder(order, self._read_catalogue)
        if order.first:
            builder.prepare()
        dsn = await_dsn()
        return self._runner.run(self._build(builder, dsn))

    async def _build(self, builder: "_Builder", dsn: str) -> Outcome:
        return await builder.build(await self._database.connection(dsn))

    def learn(self, order: Order) -> None:
        """Derive what the next change is likely to have in common with what is in force. Best effort."""
        directory = PolicyDirectory(order.state_dir)
        active = directory.active()
        dumps = [directory.compiled(policy.key) for policy in ({} if active is None else active.policies).values()]
        with suppress(RulesetError):
            for dump in filter(None, dumps):
                rules = Ruleset.loads(dump).rules
                compile_rules(rules, tried={rule.id for rule in rules}, database=lambda _: b"")
        self._read_catalogue(directory, catalogue_fingerprint())

    def _read_catalogue(self, directory: PolicyDirectory, engine: str) -> Catalogue:
        if self._catalogue is None or self._catalogue.fingerprint != engine:
            self._catalogue = kept_catalogue(directory)
        return self._catalogue


def prepare(order: Order) -> None:
    """Compile what a start is likely to need, and keep it."""
    _Builder(order, lambda directory, _: kept_catalogue(directory)).prepare()


def kept_catalogue(directory: PolicyDirectory) -> Catalogue:
    """What comes with Synapse. To read it as JSON takes a tenth of the time that it takes as TOML."""
    engine = catalogue_fingerprint()
    tables = directory.rules(engine)
    if tables is not None:
        return catalogue_of(map(rule_from_table, tables))
    catalogue = load_catalogue()
    directory.keep_rules(engine, [rule.to_table() for rule in catalogue.rules])
    return catalogue


def compile_document(catalogue: Catalogue, directory: PolicyDirectory, source: Source) -> Compiled:
    """Check, compile and try every policy of a document. Raises Refused."""
    document = _read(catalogue, source)
    _check_own_rules(catalogue, directory, document, source)
    compiled = _compile(catalogue, directory, document, source, sorted(document.policies) or [DEFAULT_POLICY])
    versions = {name: policy.version for name, policy in compiled.items()}
    return Compiled(catalogue.names(document), versions, _in_file(source.name, _ended(document)))


def refuse_vanished(gone: Collection[str], keys: Mapping[str, int] | None, source: Source) -> None:
    """Raises Refused when keys are bound to a policy that is gone, or when nobody can say whether some are."""
    problems = []
    for name in sorted(gone):
        if keys is None:
            reason = "it is gone, and the database cannot say whether keys are bound to it"
            problems.append(PolicyProblem(1, f"policy {name}", reason, "wait until the database is back"))
        elif count := keys.get(name):
            bound = "1 key is" if count == 1 else f"{count} keys are"
            remedy = "put it back, or disable them first: `synapse keys list` shows them"
            problems.append(PolicyProblem(1, f"policy {name}", f"it is gone, but {bound} bound to it", remedy))
    if problems:
        raise Refused(source.name, problems)


def file_source(path: Path) -> Source:
    """The text of a policy file. Raises Refused when it cannot be read, FileNotFoundError when it is not there."""
    try:
        with path.open("rb") as file:
            raw = file.read(DOCUMENT_BYTES_MAX + 1)
        text = raw.decode("utf-8")
        return Source(str(path), "file", text if text.strip() else "", f"file:{_owner(path)}")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = PolicyProblem(1, "", f"it cannot be read ({why})", "correct the file or its permissions")
        raise Refused(str(path), [problem]) from error


class _Database:
    """One connection that stays: to make one takes as long as all that is said over it."""

    def __init__(self) -> None:
        self._connection: asyncpg.Connection[Any] | None = None

    async def connection(self, dsn: str) -> "asyncpg.Connection[Any] | None":
        """None when the database is away."""
        try:
            if self._connection is None or not await _answers(self._connection):
                await self.close()
                self._connection = await runtime_connection(dsn)
        except (*UNREACHABLE, asyncpg.PostgresError):
            return None
        return self._connection

    async def close(self) -> None:
        known, self._connection = self._connection, None
        if known is not None:
            known.terminate()


async def _answers(connection: "asyncpg.Connection[Any]") -> bool:
    """Whether nobody has ended it since it was used."""
    try:
        await connection.fetchval("SELECT 1")
    except (*UNREACHABLE, asyncpg.PostgresError):
        return False
    return True


class _Builder:
    def __init__(self, order: Order, read_catalogue: Callable[[PolicyDirectory, str], Catalogue]) -> None:
        self._order = order
        self._read_catalogue = read_catalogue
        self._directory = PolicyDirectory(order.state_dir)
        self._directory.make()
        self._before = self._directory.active()
        self._engine = catalogue_fingerprint()

    @cached_property
    def _catalogue(self) -> Catalogue:
        """Read when it is needed: starting a gateway whose policies have not changed takes less time than this."""
        return self._read_catalogue(self._directory, self._engine)

    def prepare(self) -> None:
        """Compile the default policy while the database starts. What is wrong is found again, and said, by `build`."""
        with suppress(Refused):
            source = self._file() or _SHIPPED
            before = self._before
            if before is None or (before.sha256, before.engine) != (document_sha256(source.text), self._engine):
                document = _read(self._catalogue, source)
                _check_own_rules(self._catalogue, self._directory, document, source)
                _compile(self._catalogue, self._directory, document, source, [DEFAULT_POLICY])

    async def build(self, connection: "asyncpg.Connection[Any] | None") -> Outcome:
        """Without a connection nothing is put on record, and only the file can say what is wanted."""
        facts = await _facts(connection)
        in_charge = self._order.file_expected
        try:
            file = self._file()
            in_charge = in_charge or file is not None
            if file is not None:
                self._refuse_emptied(file, facts)
            outcome = await self._of_source(file or self._on_record(facts), facts, connection)
        except Refused as refused:
            outcome = await self._last_good(facts, connection, refused)
        return replace(outcome, in_charge=in_charge)

    async def _last_good(
        self, facts: Facts | None, connection: "asyncpg.Connection[Any] | None", refused: Refused
    ) -> Outcome:
        """A gateway that starts while its file is broken goes on with what was in force.

        So does one in which keys need a policy that was in force and is not compiled yet.
        """
        if facts is None or facts.newest is None or not (self._order.first or self._missing(facts)):
            return Outcome(problems=refused.problems)
        try:
            outcome = await self._of_source(self._on_record(facts), facts, connection)
        except Refused as worse:
            both = {problem_text(problem): problem for problem in (*refused.problems, *worse.problems)}
            return Outcome(problems=tuple(both.values()))
        return replace(outcome, problems=refused.problems)

    async def _of_source(
        self, source: Source, facts: Facts | None, connection: "asyncpg.Connection[Any] | None"
    ) -> Outcome:
        if self._before is not None and self._is_in_force(self._before, source, facts):
            return Outcome(active=self._before, unchanged=True)
        catalogue = self._catalogue
        document = _read(catalogue, source)
        names = catalogue.names(document)
        self._refuse_vanished(names, facts, source)
        _check_own_rules(catalogue, self._directory, document, source)
        needed = self._needed(facts) & set(names) or {DEFAULT_POLICY}
        if not self._order.first:
            needed |= document.policies.keys()
        policies = _compile(catalogue, self._directory, document, source, sorted(needed))
        versions = {name: policy.version for name, policy in policies.items()}
        number = await self._record(connection, facts, source, names, versions)
        return Outcome(
            active=Active(
                generation=0 if self._before is None else self._before.generation,
                number=number or 0,
                source=source.kind,
                file=str(self._order.file) if source.kind == "file" else None,
                sha256=document_sha256(source.text),
                engine=self._engine,
                names=names,
                policies=policies,
                complete=needed >= document.policies.keys(),
                applied_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            ),
            warnings=_in_file(source.name, (*_ended(document), *await _idle(connection, document))),
            recorded=number is not None,
        )

    def _is_in_force(self, before: Active, source: Source, facts: Facts | None) -> bool:
        """Whether nothing would change. Only what is whole on the disk, and on record, counts."""
        newest = None if facts is None else facts.newest
        same = (before.source, before.sha256, before.engine) == (
            source.kind,
            document_sha256(source.text),
            self._engine,
        )
        return (
            same
            and newest is not None
            and (newest.number, newest.sha256) == (before.number, before.sha256)
            and (before.complete or self._order.first)
            and self._needed(facts) & set(before.names) <= before.policies.keys()
            and all(self._directory.compiled_version(one.key) == one.version for one in before.policies.values())
        )

    def _needed(self, facts: Facts | None) -> set[str]:
        """What keys are bound to, as far as it is known."""
        bound = (() if self._before is None else self._before.policies) if facts is None else facts.keys
        return {*bound, *self._order.wanted, *((DEFAULT_POLICY,) if self._order.first else ())}

    def _missing(self, facts: Facts) -> set[str]:
        """What keys need of the version in force, and cannot use."""
        before = self._before
        return set() if before is None else self._needed(facts) & set(before.names) - before.policies.keys()

    def _file(self) -> Source | None:
        path = self._order.file
        if path is None:
            return None
        try:
            return file_source(path)
        except FileNotFoundError:
            if not self._order.file_expected:
                return None
            reason = "the policy file is not there"
            raise Refused(str(path), [PolicyProblem(1, "", reason, self._remedy_of_missing())]) from None

    def _remedy_of_missing(self) -> str:
        otherwise = "take it out of `dlp.file` and start" if self._order.file_required else "start"
        kept = "" if self._order.first else "; the last version stays in force"
        return f"put it back, or {otherwise} the gateway again{kept}"

    def _refuse_emptied(self, file: Source, facts: Facts | None) -> None:
        """A full disk or an editor that died leave an empty file. It may stay empty where there was nothing before."""
        if self._before is not None:
            had_contents = self._before.sha256 != document_sha256("")
        else:
            had_contents = facts is not None and facts.newest is not None and facts.newest.document != ""
        if file.text == "" and had_contents:
            remedy = "put it back; if you want nothing but the shipped policies, write a comment into it"
            raise Refused(file.name, [PolicyProblem(1, "", "the file is empty", remedy)])

    def _on_record(self, facts: Facts | None) -> Source:
        if facts is None:
            reason = "the database that holds the policies is away"
            raise Refused("database", [PolicyProblem(1, "", reason, "it is asked again when it is back")])
        newest = facts.newest
        if newest is None:
            return _SHIPPED
        kind = "shipped" if newest.document == "" else "database"
        return Source(f"version {newest.number}", kind, newest.document, newest.author)

    def _refuse_vanished(self, names: Collection[str], facts: Facts | None, source: Source) -> None:
        """A policy stays as long as keys are bound to it: without it they could not be used any more."""
        before = set() if self._before is None else set(self._before.names)
        if facts is not None and facts.newest is not None:
            before |= set(facts.newest.names)
        refuse_vanished(before - set(names), None if facts is None else facts.keys, source)

    async def _record(
        self,
        connection: "asyncpg.Connection[Any] | None",
        facts: Facts | None,
        source: Source,
        names: Sequence[str],
        policies: Mapping[str, str],
    ) -> int | None:
        """The number under which it is on record; None when it could not be put there."""
        if connection is None or facts is None:
            return None
        newest, by_file = facts.newest, source.kind == "file"
        if not (by_file or self._order.first or newest is None or newest.engine == self._engine):
            # Gateways of two versions share the database: each would put its own on record, in turns, for ever.
            return newest.number
        new = NewDlpVersion(
            author=source.author if by_file else f"synapse {__version__}",
            source="file" if by_file else "shipped",
            document=source.text,
            engine=self._engine,
            names=names,
            policies=policies,
        )
        try:
            return await record_dlp_version(connection, new)
        except (*UNREACHABLE, asyncpg.PostgresError, ControlError):
            return None


_SHIPPED = Source("the shipped policies", "shipped", "", f"synapse {__version__}")


async def _facts(connection: "asyncpg.Connection[Any] | None") -> Facts | None:
    if connection is None:
        return None
    try:
        return Facts(await keys_by_policy(connection), await newest_dlp_version(connection))
    except (*UNREACHABLE, asyncpg.PostgresError):
        return None


def _read(catalogue: Catalogue, source: Source) -> PolicyDocument:
    try:
        return catalogue.read(source.text)
    except PolicyDocumentError as error:
        raise Refused(source.name, error.problems) from error


def _in_file(name: str, problems: Iterable[PolicyProblem]) -> tuple[Mapping[str, Any], ...]:
    return tuple({"file": name, **asdict(problem)} for problem in problems)


def _ended(document: PolicyDocument) -> list[PolicyProblem]:
    return ended_exemptions(document, now_us=round(datetime.now(UTC).timestamp() * 1_000_000))


async def _idle(connection: "asyncpg.Connection[Any] | None", document: PolicyDocument) -> list[PolicyProblem]:
    """As far as the database can be asked: nothing hangs on it."""
    exemptions = [one for policy in document.policies.values() for one in policy.exemptions]
    teams = {one.team for one in exemptions if one.team is not None}
    keys = {one.key for one in exemptions if one.key is not None}
    if connection is None or not (teams or keys):
        return []
    try:
        unknown_teams, unknown_keys = await unknown_holders(connection, teams=teams, keys=keys)
    except (*UNREACHABLE, asyncpg.PostgresError):
        return []
    return idle_exemptions(document, unknown_teams=unknown_teams, unknown_keys=unknown_keys)


def _check_own_rules(
    catalogue: Catalogue, directory: PolicyDirectory, document: PolicyDocument, source: Source
) -> None:
    if not document.rules:
        return
    key = own_rules_key(document, catalogue.fingerprint)
    if directory.was_checked(key):
        return
    if problems := check_own_rules(document):
        raise Refused(source.name, problems)
    directory.keep_checked(key)


def _compile(
    catalogue: Catalogue, directory: PolicyDirectory, document: PolicyDocument, source: Source, names: Iterable[str]
) -> dict[str, ActivePolicy]:
    """The policies, compiled unless they are kept. What is kept was tried before it was kept."""
    policies: dict[str, ActivePolicy] = {}
    problems: list[PolicyProblem] = []
    # The tests of Synapse compile all of these; a start would wait for it a quarter of a second longer.
    shipped = {rule.id for rule in catalogue.rules} - document.rule_lines.keys()
    for name in names:
        policy = catalogue.resolve(name, document)
        version = directory.compiled_version(policy.key)
        if version is None:
            try:
                ruleset = Ruleset.compile(
                    policy.rules,
                    name=name,
                    options=policy.options,
                    apart=document.rule_lines.keys(),
                    tried=shipped,
                    database=partial(_kept_database, directory),
                )
            except RuleError as error:
                line = document.rule_lines.get(error.rule, 1)
                problems.append(PolicyProblem(line, f"rule {error.rule}", error.reason, "correct the rule"))
                continue
            if found := [one for one in check_placeholders(ruleset, document) if one not in problems]:
                problems += found
                continue
            version = ruleset.version
            directory.keep(policy.key, version=version, dump=ruleset.dumps())
        policies[name] = ActivePolicy(policy.key, version, policy.exemptions)
    if problems:
        raise Refused(source.name, problems)
    return policies


def _kept_database(directory: PolicyDirectory, expressions: Sequence[Expression]) -> bytes:
    """A database that another policy, or the one before, has too: actions and exceptions do not change it."""
    version = engine_version()
    key = (
        "db-"
        + hashlib.sha256(
            orjson.dumps([version, *([one.hint, one.text, one.any_case] for one in expressions)])
        ).hexdigest()[:24]
    )
    kept = directory.compiled(key)
    if kept is None:
        kept = compile_database(expressions)
        directory.keep(key, version=version, dump=kept)
    return kept


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return UNKNOWN_OWNER

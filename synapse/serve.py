"""What `synapse serve` does: prepare everything that workers share, supervise them, leave nothing behind.

Whatever cannot be prepared ends the command with one sentence before anything listens.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from . import __version__
from .app import Prepared
from .limits import SegmentError, SharedLimiter
from .policy_keeper import PolicyKeeper
from .postgres.embedded import Access, EmbeddedPostgres
from .postgres.first_owner import OWNER_LOGIN, ensure_first_owner, forget_first_password
from .postgres.migrations import upgrade
from .postgres.state_directory import make_state_directory
from .serve_demo import DEMO_MODELS, DemoAccess, demo_access
from .server import Server, require_free_port
from .settings import ProvisionedModel, ProvisionedUpstream, Settings
from .startup import StartupError

DEMO_UPSTREAM = "demo"
# So that a streamed demo answer is seen to stream.
DEMO_DELTA_DELAY_MS = 15
DEMO_START_TIMEOUT_S = 10

Say = Callable[[str], None]


def serve(settings: Settings, *, demo: bool, say: Say) -> None:
    """Serve until a signal. Raises StartupError when something cannot be started; nothing is left running then."""
    server = settings.server
    port = require_free_port(server.host, server.port)
    settings = settings.model_copy(update={"server": server.model_copy(update={"port": port})})
    if demo:
        _refuse_own_demo_upstream(settings)
    _prepare_state_dir(settings.state_dir)
    with ExitStack() as running:
        policies = PolicyKeeper(settings.state_dir, file=settings.dlp.file, file_required=settings.policy_file_required)
        with policies.starting():
            database, embedded = _database(settings, running)
            asyncio.run(upgrade(database.owner))
            access: DemoAccess | None = None
            if demo:
                settings = _with_demo_models(settings, _start_demo(running))
                access = asyncio.run(demo_access(database.runtime, settings.state_dir))
            policies.prepare(database.runtime, say=say)
        running.callback(policies.stop)
        prepared = Prepared(settings=settings, dsn=database.runtime)
        # Last, so that little can fail between making the first user and showing the password.
        first_password = asyncio.run(_first_password(settings, database))

        def announce() -> None:
            say(_greeting(settings, first_password, access))
            if first_password is not None:
                forget_first_password(settings.state_dir)

        look_after = embedded.check if embedded is not None else None
        Server(prepared, on_ready=announce, policies=policies, look_after=look_after).run()


def _refuse_own_demo_upstream(settings: Settings) -> None:
    if any(upstream.name == DEMO_UPSTREAM for upstream in settings.upstreams):
        raise StartupError(f"--demo brings an upstream named '{DEMO_UPSTREAM}': give yours another name.")


async def _first_password(settings: Settings, database: Access) -> str | None:
    return await ensure_first_owner(database.owner, _admin_password(settings), state_dir=settings.state_dir)


def _prepare_state_dir(path: Path) -> None:
    """What survives a restart is kept here, also without the embedded PostgreSQL: the limits' counters."""
    try:
        make_state_directory(path)
        SharedLimiter.open(path).close()
    except OSError as error:
        raise StartupError(
            f"The state directory {path} cannot be used ({error.strerror}): "
            "make it writable, or choose another with SYNAPSE_STATE_DIR."
        ) from error
    except SegmentError as error:
        raise StartupError(str(error)) from error


def _database(settings: Settings, running: ExitStack) -> tuple[Access, EmbeddedPostgres | None]:
    """The database that was named, or an embedded server that ends with us."""
    if settings.database.url is not None:
        dsn = settings.database.url.get_secret_value()
        # The workers become the runtime role by SET ROLE.
        return Access(dsn, dsn), None
    embedded = EmbeddedPostgres(settings.state_dir)
    owner = embedded.start()
    running.callback(embedded.stop)
    return Access(owner, embedded.runtime_dsn()), embedded


def _admin_password(settings: Settings) -> str | None:
    password = settings.admin.password
    return None if password is None else password.get_secret_value()


def _start_demo(running: ExitStack) -> str:
    """Start the demo model server on a free port and return its base URL."""
    command = [sys.executable, "-m", "synapse.demo", "--parent-pid", str(os.getpid())]
    command += ["--delay-ms", str(DEMO_DELTA_DELAY_MS)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # noqa: S603
    running.callback(_stop, process)
    assert process.stdout is not None
    base_url = process.stdout.readline().strip()
    if not base_url:
        raise StartupError("The demo model server did not start; the lines above say why.")
    return base_url


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(DEMO_START_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _with_demo_models(settings: Settings, base_url: str) -> Settings:
    upstream = ProvisionedUpstream(name=DEMO_UPSTREAM, base_url=base_url, zone="on_prem")
    models = tuple(ProvisionedModel(name=name, upstream=DEMO_UPSTREAM) for name in DEMO_MODELS)
    return settings.model_copy(
        update={"upstreams": (*settings.upstreams, upstream), "models": (*settings.models, *models)}
    )


_RESET = f"   (`synapse users reset-password {OWNER_LOGIN}` makes a new password)"


def _greeting(settings: Settings, first_password: str | None, access: DemoAccess | None) -> str:
    host = settings.server.host
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    base = f"http://{shown}:{settings.server.port}"
    lines = [
        "",
        f"Synapse {__version__} is ready on {base}",
        "",
        f"  console    {base}/admin/",
        f"  sign in    {OWNER_LOGIN}" + (f" / {first_password}   (shown this once)" if first_password else _RESET),
        f"  state      {_shown_path(settings.state_dir)}",
    ]
    if access is not None:
        lines += [
            f"  demo key   {access.key}",
            "",
            "Ask the demo model:",
            "",
            f"  {_curl(base, access.key, 'Hello, Synapse!')}",
            "",
            "Send it a test card number, and see what the model gets:",
            "",
            f"  {_curl(base, access.key, 'My card is 4111 1111 1111 1111.')}",
        ]
    return "\n".join([*lines, ""])


def _curl(base: str, key: str, text: str) -> str:
    body = f'{{"model":"echo","messages":[{{"role":"user","content":"{text}"}}]}}'
    return (
        f"curl -s {base}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _shown_path(path: Path) -> str:
    home = str(Path.home())
    text = str(path)
    return "~" + text[len(home) :] if home != "/" and text.startswith(home + "/") else text

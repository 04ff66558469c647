"""Settings come from four sources in one order, and every mistake in them is told at once."""

import re
import tomllib
from pathlib import Path

import pytest

from synapse.policy import Target, Upstream
from synapse.settings import Settings, SettingsError, load_settings, settings_table

DOCUMENT = Path(__file__).parents[2] / "docs/settings.md"
GOOD_SECRET = "correct-horse-battery-staple-0123456789"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "synapse.toml"
    path.write_text(text)
    return path


def problems(config: Path | None = None, environ: dict[str, str] | None = None, **options: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ or {}, options=options)
    return caught.value.problems


def test_every_setting_has_a_working_default() -> None:
    settings = load_settings(None, {})
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.database.url is None


def test_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    config = write(tmp_path, "[server]\nport = 1\nworkers = 1\nmessages_max = 1\n")
    environ = {"SYNAPSE_SERVER__PORT": "2", "SYNAPSE_SERVER__WORKERS": "2"}
    server = load_settings(config, environ, options={"server.port": 3, "server.host": None}).server
    assert (server.port, server.workers, server.messages_max, server.host) == (3, 2, 1, "127.0.0.1")


def test_the_file_is_found_by_its_variable(tmp_path: Path) -> None:
    config = write(tmp_path, "log_level = 'debug'\n")
    assert load_settings(None, {"SYNAPSE_CONFIG": str(config)}).log_level == "debug"


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("DATABASE_URL", "postgresql://u:p@h/d", "database.url"),
        ("JWT_SECRET", GOOD_SECRET, "admin.jwt_secret"),
        ("ADMIN_PASSWORD", GOOD_SECRET, "admin.password"),
        ("PORT", "9", "server.port"),
        ("WEB_CONCURRENCY", "3", "server.workers"),
        ("SYNAPSE_LOG_LEVEL", "error", "log_level"),
        ("SYNAPSE_SERVER__BODY_BYTES_MAX", "2 MiB", "server.body_bytes_max"),
        ("SYNAPSE_AUDIT__FLUSH_INTERVAL_S", "0.5", "audit.flush_interval_s"),
    ],
)
def test_variables_set_their_setting(name: str, value: str, path: str) -> None:
    assert read(load_settings(None, {name: value}), path) != read(load_settings(None, {}), path)


def read(settings: Settings, path: str) -> object:
    found: object = settings
    for part in path.split("."):
        found = getattr(found, part)
    return found


def test_the_full_name_wins_over_the_short_one() -> None:
    assert load_settings(None, {"PORT": "1", "SYNAPSE_SERVER__PORT": "2"}).server.port == 2


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(None, {"DATABASE_URL": "", "PORT": ""}).server.port == 8080


@pytest.mark.parametrize("value", ["10.0.0.0/8, ::1", '["10.0.0.0/8", "::1"]'])
def test_lists_in_the_environment_are_words_or_json(value: str) -> None:
    proxies = load_settings(None, {"SYNAPSE_SERVER__TRUSTED_PROXIES": value}).server.trusted_proxies
    assert [str(network) for network in proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("name", ["DATABASE_URL_FILE", "SYNAPSE_DATABASE__URL_FILE"])
def test_a_secret_is_read_from_a_file_without_its_line_end(tmp_path: Path, name: str) -> None:
    (tmp_path / "url").write_text("postgresql://u:p@h/d\n")
    url = load_settings(None, {name: str(tmp_path / "url")}).database.url
    assert url is not None
    assert url.get_secret_value() == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SYNAPSE_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}, "/a"),
        ({"XDG_STATE_HOME": "/b", "HOME": "/c"}, "/b/synapse"),
    ],
)
def test_the_state_directory_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert load_settings(None, environ).state_dir == Path(expected)


@pytest.mark.parametrize(("uid", "expected"), [(0, "/var/lib/synapse"), (1000, "/home/u/.local/state/synapse")])
def test_the_state_directory_of_root_is_a_system_one(monkeypatch: pytest.MonkeyPatch, uid: int, expected: str) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    # A relative XDG path is ignored, as its specification asks.
    assert load_settings(None, {"HOME": "/home/u", "XDG_STATE_HOME": "x"}).state_dir == Path(expected)


def test_five_mistakes_are_five_lines_with_source_key_value_and_remedy(tmp_path: Path) -> None:
    config = write(tmp_path, '[server]\nport = "eighty"\nprot = 1\nworkers = 0\n[audit]\nflush_interval_s = inf\n')
    lines = problems(config, {"SYNAPSE_LOG_LEVEL": "loud"})
    assert sorted(lines) == sorted(
        [
            f"{config}: server.port = 'eighty': it should be a valid integer, unable to parse string as an integer",
            f"{config}: server.prot = 1: unknown setting; did you mean server.port?",
            f"{config}: server.workers = 0: it should be greater than or equal to 1",
            f"{config}: audit.flush_interval_s = inf: it should be a finite number",
            "SYNAPSE_LOG_LEVEL: log_level = 'loud': it should be 'debug', 'info', 'warning' or 'error'",
        ]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port = 1", "port = 1: unknown setting; did you mean server.port?"),
        ("[servr]\nport = 1", "servr = …: unknown setting; did you mean server?"),
        ("zzz = 1", "zzz = 1: unknown setting; remove it"),
        ("server = 3", "server = 3: it must be a table"),
        ("upstreams = 3", "upstreams = 3: it must be a list"),
        ("[server]\nhost = ''", "server.host = '': it should have at least 1 character"),
        ("[[upstreams]]\nname='a'\nbase_url='http://h'", "upstreams[0].zone: it is required; add it"),
        (
            "[[upstreams]]\nname='a'\nbase_url='h'\nzone='cloud'",
            "upstreams[0].base_url = 'h': it must look like https://host/v1",
        ),
        (
            "[[models]]\nname='m'\nupstream='b'",
            "models[0].upstream = 'b': it must name one of the [[upstreams]]: none is defined; add [[upstreams]]",
        ),
        (
            "[[upstreams]]\nname='a'\nbase_url='http://h'\nzone='cloud'\nca_fle='x'",
            "upstreams[0].ca_fle = 'x': unknown setting; did you mean upstreams[0].ca_file?",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_remedy(tmp_path: Path, text: str, expected: str) -> None:
    config = write(tmp_path, text)
    assert problems(config) == [f"{config}: {expected}"]


def test_two_upstreams_of_one_name_are_refused(tmp_path: Path) -> None:
    entry = "[[upstreams]]\nname='a'\nbase_url='http://h'\nzone='cloud'\n"
    lines = problems(write(tmp_path, entry * 2))
    assert [re.sub(r"^.*toml: ", "", line) for line in lines] == [
        f"upstreams[{index}].name = 'a': each upstream needs a name of its own" for index in (0, 1)
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SYNAPSE_SERVER__PRT", "SYNAPSE_SERVER__PORT"),
        ("SYNAPSE_SERVER_PORT", "SYNAPSE_SERVER__PORT"),
        ("SYNAPSE_LOGLEVEL", "SYNAPSE_LOG_LEVEL"),
        ("SYNAPSE_PORT", "PORT"),
    ],
)
def test_a_misspelt_variable_is_told_what_it_was_meant_for(name: str, meant: str) -> None:
    assert problems(None, {name: "1"}) == [f"environment: {name} = '1': unknown setting; did you mean {meant}?"]


def test_an_unknown_variable_of_our_form_is_refused() -> None:
    assert problems(None, {"SYNAPSE_FOO__BAR": "1"}) == [
        "environment: SYNAPSE_FOO__BAR = ***: unknown setting; remove it"
    ]


@pytest.mark.parametrize(
    "environ",
    [
        {"SYNAPSE_PORT": "tcp://10.0.0.1:80", "SYNAPSE_PORT_80_TCP": "tcp://10.0.0.1:80"},
        {"SYNAPSE_SERVICE_HOST": "10.0.0.1", "SYNAPSE_SERVICE_PORT": "80"},
        {"SYNAPSE_OPENAI_CREDENTIAL": "x"},
    ],
)
def test_variables_of_kubernetes_and_of_upstreams_are_not_ours(environ: dict[str, str]) -> None:
    assert load_settings(None, environ) == load_settings(None, {})


def test_a_missing_or_broken_file_is_told_with_the_other_problems(tmp_path: Path) -> None:
    missing, broken = tmp_path / "none.toml", write(tmp_path, "[server\n")
    assert problems(missing, {"PORT": "x"})[0].startswith(f"--config: configuration file = '{missing}': it cannot be ")
    assert len(problems(missing, {"PORT": "x"})) == 2
    assert problems(broken)[0].startswith(f"{broken}: file: it is not valid TOML: ")


def test_a_secret_from_two_places_or_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(GOOD_SECRET)
    both = {"JWT_SECRET": GOOD_SECRET, "JWT_SECRET_FILE": str(tmp_path / "secret")}
    assert problems(None, both)[0].endswith("JWT_SECRET is set too; keep one of them")
    assert "it cannot be read as text" in problems(None, {"JWT_SECRET_FILE": str(tmp_path)})[0]


def test_no_problem_and_no_representation_shows_a_secret(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        """
        [database]
        url = "mysql://root:canary@h"
        [admn]
        password = "canary"
        [admin]
        pasword = "canary"
        password = 'canary'
        [[upstreams]]
        name = "a"
        base_url = "http://canary@h"
        zone = "x"
        api_key_ref = "canary"
        api_key = "canary"
        """,
    )
    lines = problems(config, {"SYNAPSE_JWT_SECRET": "canary", "SYNAPSE_MODELS": '[{"canary'})
    assert len(lines) >= 8
    assert "canary" not in "\n".join(lines)
    assert "canary" not in repr(load_settings(None, {"DATABASE_URL": "postgres://u:canary@h", "JWT_SECRET": "canary"}))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "gateway.example"])
@pytest.mark.parametrize("environ", [{"ADMIN_PASSWORD": "changeme"}, {"JWT_SECRET": "a" * 40}])
def test_a_weak_secret_is_refused_beyond_loopback(host: str, environ: dict[str, str]) -> None:
    [line] = problems(None, environ | {"SYNAPSE_SERVER__HOST": host})
    assert line.endswith("random characters, or listen on 127.0.0.1 only")
    assert load_settings(None, {**environ, "SYNAPSE_SERVER__HOST": "127.0.0.1"}).admin != load_settings(None, {}).admin


def test_a_strong_secret_and_none_at_all_are_accepted_beyond_loopback() -> None:
    for environ in ({}, {"ADMIN_PASSWORD": GOOD_SECRET, "JWT_SECRET": GOOD_SECRET}):
        assert load_settings(None, {**environ, "SYNAPSE_SERVER__HOST": "0.0.0.0"}).server.host == "0.0.0.0"


def test_provisioned_upstreams_and_models_become_policy(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        """
        [[upstreams]]
        name = "local"
        base_url = "http://127.0.0.1:11434/v1/"
        zone = "on_prem"
        provider = "ollama"
        [[upstreams]]
        name = "far"
        base_url = "https://api.example/v1"
        zone = "cloud"
        api_key_ref = "env:FAR_KEY"
        [[models]]
        name = "assistant"
        upstream = "local"
        upstream_model = "llama"
        [[models]]
        name = "assistant"
        upstream = "far"
        """,
    )
    settings = load_settings(config, {})
    local = Upstream("local", "http://127.0.0.1:11434/v1", "on_prem", "ollama", provisioned=True)
    far = Upstream("far", "https://api.example/v1", "cloud", "openai", "env:FAR_KEY", provisioned=True)
    assert settings.provisioned_upstreams() == {"local": local, "far": far}
    assert settings.provisioned_models() == {"assistant": (Target(local, "llama"), Target(far, "assistant"))}


def test_the_document_shows_exactly_the_settings_there_are() -> None:
    shown = DOCUMENT.read_text().split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]
    assert shown == settings_table()


def test_the_example_in_the_document_works(tmp_path: Path) -> None:
    example = DOCUMENT.read_text().split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(example)
    assert load_settings(write(tmp_path, example), {}).provisioned_models()["assistant"][0].model == "llama3.1:8b"

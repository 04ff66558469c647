"""The console over HTTP: two real Granian workers on a real PostgreSQL."""

import asyncio
import gzip
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import blacksheep
import pytest

from synapse.api import admin
from synapse.api.admin import body as admin_body
from synapse.api.admin.routing import routes_without_a_rule
from synapse.api.client_address import AddressResolver
from synapse.passwords import hash_password
from synapse.postgres.embedded import OWNER, EmbeddedPostgres

PASSWORD = "correct horse battery staple"
START_TIMEOUT_S = 20
_ADDRESSES = count(1)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error, whose shape is checked on the way."""
        assert set(self.json) == {"error"}
        assert set(self.json["error"]) == {"message", "code"}
        return str(self.json["error"]["code"])


@dataclass
class Console:
    """The server under test, and a database connection of its owner."""

    port: int
    dsn: str
    password_hash: str

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """A request on a connection of its own, so that it reaches either worker."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def sign_in(self, login: str, password: str = PASSWORD, **headers: str) -> Answer:
        body = json.dumps({"login": login, "password": password}).encode()
        headers.setdefault("x_forwarded_for", new_address())
        return self.request("POST", "/admin/api/session", body, content_type="application/json", **headers)

    def add_user(self, role: str = "owner") -> str:
        login = f"user-{uuid4().hex[:12]}"
        self.sql(
            "insert into synapse.users (login, password_hash, role) values ($1, $2, $3)",
            login,
            self.password_hash,
            role,
        )
        return login

    def signed_in(self, role: str = "owner") -> "Visit":
        login = self.add_user(role)
        answer = self.sign_in(login)
        assert answer.status == 201
        return Visit(self, login, answer.headers["set-cookie"].partition(";")[0], answer.json["csrf_token"])

    def sql(self, statement: str, *values: Any) -> list[Any]:
        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return list(await connection.fetch(statement, *values))
            finally:
                await connection.close()

        return asyncio.run(run())


@dataclass
class Visit:
    """A browser that is signed in."""

    console: Console
    login: str
    cookie: str
    csrf: str

    def get(self, path: str, **headers: str) -> Answer:
        return self.console.request("GET", path, cookie=self.cookie, **headers)

    def sign_out(self, **headers: str) -> Answer:
        return self.console.request("DELETE", "/admin/api/session", cookie=self.cookie, **headers)


def new_address() -> str:
    """No two tests share a source address, so that no lockout reaches from one into another."""
    number = next(_ADDRESSES)
    return f"192.0.{2 + number // 250}.{number % 250 + 1}"


@pytest.fixture(scope="module")
def console(postgres_server: EmbeddedPostgres) -> Iterator[Console]:
    name = f"test_console_{uuid4().hex}"
    maintenance = postgres_server.dsn(user="postgres", database="postgres")
    asyncio.run(_execute(maintenance, f"CREATE DATABASE {name} TEMPLATE synapse_template OWNER {OWNER}"))
    dsn = postgres_server.dsn(database=name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("console_server.py")), str(port), dsn]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_until_listening(process, port)
        yield Console(port, dsn, hash_password(PASSWORD))
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=15)
        asyncio.run(_execute(maintenance, f"DROP DATABASE {name} WITH (FORCE)"))
    assert "Unhandled" not in output, output


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _wait_until_listening(process: "subprocess.Popen[str]", port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/admin/")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
    pytest.fail("the console server did not start")


class TestSigningIn:
    def test_gives_the_session_in_a_cookie_that_scripts_cannot_read(self, console: Console) -> None:
        answer = console.sign_in(console.add_user())
        assert re.fullmatch(
            r"synapse=[\w-]{43}; Path=/admin; Max-Age=\d+; HttpOnly; SameSite=Strict", answer.headers["set-cookie"]
        )

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "https://synapse.example"},
            {"origin": "http://synapse.example"},
            {"origin": "https://localhost"},
            {"origin": "null"},
            {"host": "synapse.example"},
            {"host": "127.0.0.1.example"},
        ],
    )
    def test_makes_the_cookie_secure_everywhere_but_on_a_loopback_address(
        self, console: Console, headers: dict[str, str]
    ) -> None:
        cookie = console.sign_in(console.add_user(), **headers).headers["set-cookie"]
        assert re.fullmatch(r"__Host-synapse=[\w-]{43}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure", cookie)

    @pytest.mark.parametrize(
        "headers", [{"origin": "http://localhost:8080"}, {"origin": "http://[::1]:8080"}, {"host": "localhost:1"}]
    )
    def test_leaves_secure_out_where_browsers_would_drop_the_cookie(
        self, console: Console, headers: dict[str, str]
    ) -> None:
        assert console.sign_in(console.add_user(), **headers).headers["set-cookie"].startswith("synapse=")

    def test_answers_an_unknown_login_like_a_wrong_password(self, console: Console) -> None:
        known = console.sign_in(console.add_user(), "wrong")
        unknown = console.sign_in("nobody-of-this-name", "wrong")
        assert (known.status, known.code, known.body) == (401, "wrong_credentials", unknown.body)
        assert "set-cookie" not in known.headers

    def test_finds_the_login_in_any_letter_case(self, console: Console) -> None:
        assert console.sign_in(f" {console.add_user().upper()} ").status == 201

    def test_refuses_a_disabled_user(self, console: Console) -> None:
        login = console.add_user()
        console.sql("update synapse.users set disabled_at = now() where login = $1", login)
        assert console.sign_in(login).code == "wrong_credentials"

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 400, "invalid_json"),
            (b"[]", 400, "invalid_json"),
            (b"{", 400, "invalid_json"),
            (b'{"login": "\\ud800", "password": "x"}', 400, "invalid_json"),
            (b"[" * 5000, 400, "invalid_json"),
            (b"{}", 400, "invalid_parameter"),
            (b'{"login": 1, "password": "hunter2"}', 400, "invalid_parameter"),
            (b'{"login": "a", "password": ""}', 400, "invalid_parameter"),
            (b'{"login": "a", "password": ["hunter2"]}', 400, "invalid_parameter"),
            (b'{"login": "a\\u0000b", "password": "hunter2"}', 401, "wrong_credentials"),
            (b" " * (admin_body.BODY_BYTES_MAX + 1), 413, "request_too_large"),
        ],
    )
    def test_refuses_a_bad_body_without_repeating_it(
        self, console: Console, body: bytes, status: int, code: str
    ) -> None:
        answer = console.request(
            "POST",
            "/admin/api/session",
            body,
            content_type="application/json",
            x_forwarded_for=new_address(),
        )
        assert (answer.status, answer.code) == (status, code)
        assert b"hunter2" not in answer.body

    def test_reads_no_form_of_another_site(self, console: Console) -> None:
        """Text and form bodies can be sent across sites without asking; JSON cannot."""
        login = console.add_user()
        body = json.dumps({"login": login, "password": PASSWORD}).encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            assert console.request("POST", "/admin/api/session", body, content_type=kind).status == 415
        for site in ("cross-site", "same-site"):
            assert console.sign_in(login, sec_fetch_site=site).code == "cross_site"
        assert console.sign_in(login, sec_fetch_site="same-origin").status == 201

    def test_waits_longer_after_each_failure_but_only_for_this_pair(self, console: Console) -> None:
        attacked, other = console.add_user(), console.add_user()
        attacker, owner = new_address(), new_address()
        for _ in range(5):
            assert console.sign_in(attacked, "guess", x_forwarded_for=attacker).status == 401
        refused = console.sign_in(attacked, PASSWORD, x_forwarded_for=attacker)
        assert (refused.status, refused.code) == (429, "too_many_attempts")
        assert int(refused.headers["retry-after"]) >= 1
        assert console.sign_in(attacked, x_forwarded_for=owner).status == 201
        assert console.sign_in(other, x_forwarded_for=attacker).status == 201


class TestSession:
    def test_says_who_is_signed_in(self, console: Console) -> None:
        visit = console.signed_in("auditor")
        answer = visit.get("/admin/api/session")
        assert answer.status == 200
        assert answer.json["user"] == {"login": visit.login, "role": "auditor"}
        assert answer.json["csrf_token"] == visit.csrf

    @pytest.mark.parametrize(
        "cookie",
        [
            "",
            "synapse=",
            "synapse=short",
            f"synapse={'A' * 43}",
            f"synapse={'%00' * 14}x",
            f"other={'A' * 43}",
        ],
    )
    def test_is_not_there_without_its_cookie(self, console: Console, cookie: str) -> None:
        answer = console.request("GET", "/admin/api/session", cookie=cookie)
        assert (answer.status, answer.code) == (401, "not_signed_in")

    def test_is_not_there_when_the_cookie_comes_twice(self, console: Console) -> None:
        """Somebody planted a second one."""
        visit = console.signed_in()
        twice = f"{visit.cookie}; synapse={'A' * 43}"
        assert console.request("GET", "/admin/api/session", cookie=twice).status == 401

    def test_counts_the_cookie_without_secure_on_a_loopback_address_alone(self, console: Console) -> None:
        visit = console.signed_in()
        assert visit.get("/admin/api/session", host="synapse.example").status == 401

    def test_goes_by_the_secure_cookie_when_both_are_there(self, console: Console) -> None:
        visit, planted = console.signed_in(), console.signed_in()
        both = f"{planted.cookie}; __Host-{visit.cookie}"
        assert console.request("GET", "/admin/api/session", cookie=both).json["user"]["login"] == visit.login

    def test_ends_in_every_worker_at_once(self, console: Console) -> None:
        visit = console.signed_in()
        answer = visit.sign_out(x_csrf_token=visit.csrf)
        assert answer.status == 204
        assert answer.headers["set-cookie"].startswith("synapse=; Path=/admin; Max-Age=0")
        assert [visit.get("/admin/api/session").status for _ in range(8)] == [401] * 8

    def test_ends_with_its_user(self, console: Console) -> None:
        visit = console.signed_in()
        console.sql("update synapse.users set disabled_at = now() where login = $1", visit.login)
        assert visit.get("/admin/api/session").status == 401

    @pytest.mark.parametrize("token", ["", "0" * 64, "é"])
    def test_is_not_ended_by_a_write_without_its_csrf_token(self, console: Console, token: str) -> None:
        visit = console.signed_in()
        assert visit.sign_out(x_csrf_token=token).code == "csrf_token_invalid"
        assert visit.get("/admin/api/session").status == 200

    def test_is_not_ended_by_the_csrf_token_of_another(self, console: Console) -> None:
        visit, other = console.signed_in(), console.signed_in()
        assert visit.sign_out(x_csrf_token=other.csrf).code == "csrf_token_invalid"

    def test_token_and_password_are_nowhere_in_the_database(self, console: Console) -> None:
        visit = console.signed_in()
        token = visit.cookie.partition("=")[2]
        for table in ("users", "sessions", "sign_in_attempts"):
            rows = str(console.sql(f"select to_jsonb(t) from synapse.{table} as t"))
            assert token not in rows
            assert PASSWORD not in rows


@pytest.fixture(scope="module")
def page(console: Console) -> Any:
    team = console.sql("insert into synapse.teams (name, contact) values ('Claims', 'c@example.com') returning id")
    for prefix, disabled, expires in (
        ("syn_AAAAAAAA", None, None),
        ("syn_BBBBBBBB", "-1 day", None),
        ("syn_CCCCCCCC", None, "-1 day"),
    ):
        console.sql(
            """insert into synapse.api_keys (prefix, sha256, team_id, purpose, models, dlp_policy, created_by,
                                             disabled_at, expires_at, system_prompt)
            values ($1::text, sha256($1::text::bytea), $2, 'Triage', array['echo'], 'default', 'test',
                    now() + $3::text::interval, now() + $4::text::interval, 'A prompt of the house')""",
            prefix,
            team[0]["id"],
            disabled,
            expires,
        )
    _add_entries(console, 60)
    answer = console.signed_in("auditor").get("/admin/api/overview")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    return answer.json


class TestOverview:
    def test_shows_the_latest_fifty_entries_newest_first(self, page: Any) -> None:
        entries = page["records"]["entries"]
        assert len(entries) == 50
        assert [entry["latency_us"] for entry in entries] == list(range(1000, 1050))

    def test_shows_rules_and_counts_of_a_finding(self, page: Any) -> None:
        entry = page["records"]["entries"][0]
        assert (entry["dlp_action"], entry["findings"]) == ("redact", {"credit_card": 2})
        assert (entry["key_prefix"], entry["outcome"], entry["status"]) == ("syn_AAAAAAAA", "completed", 200)

    def test_shows_what_is_unknown_as_null(self, page: Any) -> None:
        entry = page["records"]["entries"][1]
        assert (entry["key_prefix"], entry["model"], entry["outcome"]) == (None, None, "blocked_auth")

    def test_sums_up_the_traffic_of_the_last_minutes(self, page: Any) -> None:
        traffic = page["records"]["traffic"]
        assert (traffic["requests"], traffic["blocked"], traffic["redacted"]) == (60, 30, 30)
        assert traffic["latency_p50_us"] == 1029
        assert traffic["overhead_p50_us"] == 400

    def test_shows_keys_with_their_state_active_ones_first(self, page: Any) -> None:
        keys = page["records"]["keys"]
        assert keys[0]["state"] == "active"
        assert {key["prefix"]: key["state"] for key in keys} == {
            "syn_AAAAAAAA": "active",
            "syn_BBBBBBBB": "disabled",
            "syn_CCCCCCCC": "expired",
        }
        assert (page["records"]["keys_total"], page["records"]["keys_active"]) == (3, 1)

    def test_shows_teams_with_their_active_keys(self, page: Any) -> None:
        assert page["records"]["teams"] == [{"name": "Claims", "contact": "c@example.com", "keys_active": 1}]

    def test_shows_models_and_zones_of_the_policy_in_force(self, page: Any) -> None:
        assert [model["name"] for model in page["models"]] == ["echo", "story"]
        assert page["models"][0]["targets"] == [
            {"upstream": "local", "model": "echo"},
            {"upstream": "cloud", "model": "echo-large"},
        ]
        assert {one["name"]: one["zone"] for one in page["upstreams"]} == {"local": "on_prem", "cloud": "cloud"}

    def test_holds_no_secret_and_nothing_that_leads_to_one(self, page: Any) -> None:
        text = json.dumps(page)
        for secret in ("sha256", "CREDENTIAL_NAME", "A prompt of the house", "$argon2"):
            assert secret not in text


def _add_entries(console: Console, number: int) -> None:
    """Each is a second older than the last; every second one was refused before anything was known of it."""
    console.sql("select synapse.ensure_audit_partitions((now() at time zone 'UTC')::date - 1, 2)")
    console.sql(
        """insert into synapse.audit_log (
            format, request_id, started_at, request_bytes, stream, endpoint, key_prefix, model_requested, dlp_action,
            dlp_findings, ended_at, http_status, response_bytes, latency_us, auth_us, dlp_in_us, dlp_out_us, outcome,
            upstream_us, writer_id, seq, prev_hash, entry_hash)
        select 1, gen_random_uuid(), now() - make_interval(secs => n), 10, false, '/v1/chat/completions',
            case when known then 'syn_AAAAAAAA' end, case when known then 'echo' end,
            case when known then 'redact' else 'none' end,
            case when known then '{"credit_card":2}' else '{}' end::json, now(), case when known then 200 else 401 end,
            10, 1000 + n, 1, 1, 1, case when known then 'completed' else 'blocked_auth' end,
            case when known then 600 + n end, gen_random_uuid(), 1, '', ''
        from generate_series(0, $1 - 1) as n cross join lateral (select n % 2 = 0 as known) as k""",
        number,
    )


class TestRoutes:
    @pytest.mark.parametrize(
        "path", ["/admin/api/overview", "/ADMIN/API/overview", "/admin/api/overview/", "/admin/api/%6fverview"]
    )
    def test_are_closed_however_their_path_is_written(self, console: Console, path: str) -> None:
        assert console.request("GET", path).status in {401, 404}

    @pytest.mark.parametrize("path", ["/admin/api", "/admin/api/", "/admin/api/nothing", "/admin/api/session/x"])
    def test_that_are_not_there_are_404_in_json(self, console: Console, path: str) -> None:
        assert console.request("GET", path).code == "not_found"

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("PUT", "/admin/api/session", "DELETE, GET, POST"),
            ("POST", "/admin/api/overview", "GET"),
            ("OPTIONS", "/admin/api/overview", "GET"),
        ],
    )
    def test_say_which_methods_they_answer(self, console: Console, method: str, path: str, allow: str) -> None:
        answer = console.request(method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allow)

    def test_all_have_a_rule(self) -> None:
        app = _registered()
        app.router.apply_routes()
        assert len([route for route in app.router if route.pattern.startswith(b"/admin/api")]) > 10
        assert routes_without_a_rule(app) == []

    async def test_without_a_rule_keep_the_gateway_from_starting(self) -> None:
        app = _registered()

        @app.router.get("/Admin/API/forgotten")
        async def forgotten(request: blacksheep.Request) -> blacksheep.Response:
            return blacksheep.Response(200)

        with pytest.raises(RuntimeError, match="GET /Admin/API/forgotten"):
            await app.start()

    def test_let_a_role_do_only_what_its_rule_says(self, console: Console) -> None:
        visit = console.signed_in("auditor")
        assert visit.get("/admin/api/owners-only").code == "role_not_allowed"
        assert console.signed_in("owner").get("/admin/api/owners-only").status == 204


def _registered() -> blacksheep.Application:
    app = blacksheep.Application(router=blacksheep.Router())
    nobody: Any = None
    admin.register(app, accounts=nobody, records=nobody, policy=nobody, addresses=AddressResolver([]))
    return app


def test_says_that_the_database_is_away_and_never_that_nobody_is_signed_in(
    console: Console, postgres_server: EmbeddedPostgres
) -> None:
    visit = console.signed_in()
    with _database_closed(console, postgres_server):
        for answer in (visit.get("/admin/api/session"), visit.get("/admin/api/overview"), console.sign_in("admin")):
            assert (answer.status, answer.code) == (503, "database_unavailable")
        assert console.request("GET", "/admin/").status == 200
    assert {visit.get("/admin/api/session").status for _ in range(6)} == {200}


@contextmanager
def _database_closed(console: Console, server: EmbeddedPostgres) -> Iterator[None]:
    """PostgreSQL lets nobody into the console's database, and has thrown out who was in."""
    name = console.dsn.partition("?")[0].rpartition("/")[2]
    superuser = server.dsn(user="postgres", database="postgres")
    asyncio.run(_execute(superuser, f"ALTER DATABASE {name} CONNECTION LIMIT 0"))
    try:
        asyncio.run(
            _execute(superuser, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        )
        yield
    finally:
        asyncio.run(_execute(superuser, f"ALTER DATABASE {name} CONNECTION LIMIT -1"))


class TestPages:
    def test_are_whole_and_come_from_this_gateway_alone(self, console: Console) -> None:
        """Every file that the page names is there, with the type that a browser demands of it."""
        page = console.request("GET", "/admin/").body.decode()
        scripts = set(re.findall(r'(?:src|href)="([^"#]+)"', page))
        assert {"console.js", "console.css", "theme.js", "icon.svg"} <= scripts
        pending, types = scripts, {}
        while pending:
            name = pending.pop()
            answer = console.request("GET", f"/admin/{name}")
            assert answer.status == 200, name
            types[name] = answer.headers["content-type"].partition(";")[0]
            if name.endswith(".js"):
                imported = set(re.findall(r'from "\./([^"]+)"', answer.body.decode()))
                pending |= imported - set(types)
        assert {types[name] for name in types if name.endswith(".js")} == {"text/javascript"}
        assert types["console.css"] == "text/css"

    def test_run_under_a_strict_policy(self, console: Console) -> None:
        answer = console.request("GET", "/admin/")
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_hold_nothing_that_the_policy_forbids(self, console: Console) -> None:
        page = console.request("GET", "/admin/").body.decode()
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://", page)

    def test_are_compressed_for_who_accepts_it_with_an_etag_of_their_own(self, console: Console) -> None:
        plain = console.request("GET", "/admin/console.js")
        packed = console.request("GET", "/admin/console.js", accept_encoding="br, gzip")
        refused = console.request("GET", "/admin/console.js", accept_encoding="gzip;q=0")
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body == refused.body
        assert packed.headers["etag"] != plain.headers["etag"] == refused.headers["etag"]
        assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
    def test_are_not_sent_again(self, console: Console, form: str) -> None:
        etag = console.request("GET", "/admin/").headers["etag"]
        answer = console.request("GET", "/admin/", if_none_match=form.format(etag))
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
        assert console.request("GET", "/admin/", if_none_match='"other"').status == 200

    def test_answer_head_without_a_body(self, console: Console) -> None:
        whole = console.request("GET", "/admin/")
        answer = console.request("HEAD", "/admin/")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-length"] == str(len(whole.body))

    @pytest.mark.parametrize(
        "path",
        [
            "/admin/nothing.js",
            "/admin/index.html/x",
            "/admin/../pyproject.toml",
            "/admin/..%2f..%2f..%2fpyproject.toml",
            "/admin/%2e%2e/__init__.py",
            "/admin//etc/passwd",
            "/ADMIN/console.js",
            "/administrator",
        ],
    )
    def test_that_are_not_there_are_404_and_never_the_page(self, console: Console, path: str) -> None:
        answer = console.request("GET", path)
        assert answer.status == 404
        assert b"<html" not in answer.body

    @pytest.mark.parametrize("path", ["/admin", "/ADMIN/"])
    def test_have_one_address(self, console: Console, path: str) -> None:
        answer = console.request("GET", path)
        assert (answer.status, answer.headers["location"]) == (308, "/admin/")

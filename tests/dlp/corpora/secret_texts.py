"""Texts with and without secrets, as people paste them: made from public formats with a seed, no real key in them."""

import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "h": "0123456789abcdef",
    "l": string.ascii_lowercase + string.digits,
    "u": string.ascii_uppercase + string.digits,
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "z": string.ascii_letters,
    "q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "t": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
}

# `{h32}` stands for 32 random characters of the alphabet `h`. These tell by themselves what they are.
TELLING = """
AKIA{t16} ASIA{t16} AIza{w35} ya29.{w60} GOCSPX-{w28} 1//0{w60} LTAI{a20} AKID{a32} dop_v1_{h64} doo_v1_{h64}
HRKU-AA{w58} nfp_{a36} rnd_{a28} fo1_{w43} sha256~{w43} AQVN{w37} v1.0-{h24}-{h146} {b76}+ASt{b6}== {b33}+ASb{b6}=
sk-{a20}T3BlbkFJ{a20} sk-proj-{w74}T3BlbkFJ{w74} sk-svcacct-{w74}T3BlbkFJ{w74} sk-ant-api03-{w93}AA
sk-ant-admin01-{w93}AA
hf_{z34} r8_{a37} gsk_{a52} pplx-{a48} xai-{a80} sk-or-v1-{h64} tgp_v1_{w43} nvapi-{w64} csk-{l48} jina_{a58} tvly-{a32}
fc-{h32} e2b_{h40} rpa_{u40} lsv2_pt_{h32}_{h10} sk-lf-{h8}-{h4}-{h4}-{h4}-{h12} pcsk_{a70} flp_{a46}
ghp_{a36} gho_{a36} ghu_{a36} ghs_{a36} ghr_{a36} github_pat_{a22}_{a59} glpat-{w20} gldt-{w20} glrt-{w20}
glcbt-{a2}_{w20}
glptt-{h40} glft-{w20} glffct-{w20} glimt-{w25} glagent-{w50} gloas-{h64} glsoat-{w20} GR1348941{w20} ATBB{a32}
sgp_{h16}_{h40} npm_{a36} pypi-AgEIcHlwaS5vcmc{w120} rubygems_{h48} oy2{l43} CLOJARS_{l60} dckr_pat_{w27} AKCp{a69}
PMAK-{h24}-{h34} squ_{h40} sqp_{h40} CCIPAT_{a22}_{h40} bkua_{h40} API-{u26} pat.{w22}.{a24}.{a20} {a14}.atlasv1.{a67}
hvs.{a95} hvb.{w150} dp.pt.{a43} dp.st.prd.{a43} A3-{u6}-{u6}-{u5}-{u5}-{u5}-{u5} pul-{h40} ico-{a32} pnu_{a36}
tskey-auth-{a12}-{a32} rdme_{l70} sm_pat_{a16} glsa_{a32}_{h8} glc_{a80} NRAK-{u27} sntryu_{h64} dt0c01.{u24}.{u64}
hcaik_{l58} phx_{a43} sk_live_{a24} rk_live_{a24} sk_test_{a24} whsec_{a32} sq0atp-{w22} sq0csp-{w43} EAAAE{w59}
access-production-{h8}-{h4}-{h4}-{h4}-{h12} rzp_live_{a14} FLWSECK-{h32}-X shpat_{h32} shpss_{h32} shippo_live_{h40}
EZAK{a54} duffel_live_{w43} xoxb-{d12}-{d12}-{a24} xoxp-{d12}-{d12}-{d12}-{h32} xapp-1-A{u10}-{d13}-{h64} {d9}:AA{w33}
SG.{w22}.{w43} key-{h32} {h32}-us{d2} md-{w22} xkeysib-{h64}-{a16} re_{a8}_{a24} os_v2_app_{l60} syt_{a8}_{a20}_{a6}
ATATT3{w180} ntn_{d11}{a35} secret_{a43} lin_api_{a40} 1/{d16}:{h32} pk_{d8}_{u32} pat{a14}.{h64} figd_{w43} CFPAT-{w43}
pat-na1-{h8}-{h4}-{h4}-{h4}-{h12} EAACEdEose0cBA{a120} tfp_{a44} fio-u-{w64} s-s4t2ud-{h64} p8e-{l32}
sbp_{h40} aio_{a28}
pscale_tkn_{w43} napi_{l64} 4b1d{a38} AVNS_{w19} dapi{h32} mdb_sa_sk_{w40} AGE-SECRET-KEY-1{q58} django-insecure-{a50}
$2b$12${a53} $6${a16}${a86} $argon2id$v=19$m=65536,t=3,p=4${a22}${a43} pbkdf2_sha256$720000${a22}${a43}=
""".split()

# What only its name tells: the words of a name, joined as people join them, and the shape of the value.
NAMED = """
aws_secret_access_key={b40} cloudflare_api_token={w40} fastly_token={w32} vercel_token={a24} linode_token={h64}
heroku_api_key={h8}-{h4}-{h4}-{h4}-{h12} hetzner_token={a64} vultr_api_key={u36} ibmcloud_api_key={w44}
azure_openai_key={h32}
cohere_api_key={a40} mistral_api_key={a32} together_api_key={h64} wandb_api_key={h40} deepgram_api_key={h40}
assemblyai_api_key={h32} pinecone_api_key={h8}-{h4}-{h4}-{h4}-{h12} github_token={h40} bitbucket_client_secret={a32}
jfrog_token={a64} sonar_token={h40} snyk_token={h8}-{h4}-{h4}-{h4}-{h12} codecov_token={h32} travis_token={a22}
jenkins_token=11{h32} okta_token=00{w40} auth0_client_secret={w64} datadog_api_key={h32} datadog_app_key={h40}
new_relic_key={h64} sentry_auth_token={h64} splunk_token={h8}-{h4}-{h4}-{h4}-{h12} rollbar_token={h32} algolia_key={h32}
plaid_secret={h30} adyen_api_key=AQE{b90} finnhub_key={l20} coinbase_secret={a64} binance_secret={a64}
kraken_secret={b86}==
kucoin_key={h24} twilio_auth_token={h32} discord_client_secret={w32} mailgun_signing_key={h32}-{h8}-{h8}
messagebird_key={a25}
zendesk_token={a40} intercom_token={a60} mattermost_token={l26} trello_key={h32} asana_client_secret={h32}
dropbox_app_secret={l15} facebook_app_secret={h32} twitter_api_key={a25} twitter_api_secret={a50}
linkedin_client_secret={a16}
twitch_client_secret={l30} spotify_client_secret={h32} confluent_api_secret={b64} airtable_key=key{a14}
""".split()

# What any organisation calls its own secrets.
UNNAMED = """
api_key={a32} client_secret={w40} access_token={a43} auth_token={h40} secret_key={b44} db_password={a9}!{d2}
encryption_key={h64} jwt_secret={a48} webhook_secret={a36} admin_password={a6}#{d3}{a2} signing_key={b43}=
session_secret={h48}
""".split()

HOLDERS = (
    "{v}",
    "Here it is: {v}",
    "please check why {v} is refused",
    "token `{v}` does not work",
    '"{v}"',
    "curl -H 'X-Key: {v}' https://api.corp.net/v1/items",
    "2024-05-17T10:20:30Z ERROR call failed, credential={v} status=401",
    "| prod | {v} | rotated |",
    "- {v}\n- another line",
    "client = Client('{v}')",
    "<value>{v}</value>",
)
ASSIGNMENTS = (
    "{N}={v}",
    "export {N}='{v}'",
    '{N}="{v}"\nDEBUG=1',
    '"{c}": "{v}",',
    "{n}: {v}",
    'const {c} = "{v}";',
    "{n} = '{v}'  # rotate",
    '{c} := "{v}"',
    "<{c}>{v}</{c}>",
    'os.environ["{N}"] = "{v}"',
    "docker run -e {N}={v} app",
    "- name: {N}\n  value: {v}",
    "'{n}' => '{v}',",
    '{{\\"{n}\\": \\"{v}\\"}}',
    "set {N}={v}",
)


@dataclass(frozen=True)
class Positive:
    """A text with one secret, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def positives(seed: int = 7) -> Iterator[Positive]:
    chance = random.Random(seed)
    for form in TELLING:
        for holder in chance.sample(HOLDERS, 4):
            yield _placed(form, holder, {}, _filled(form, chance))
    for line in (*NAMED, *UNNAMED):
        name, _, form = line.partition("=")
        for holder in chance.sample(ASSIGNMENTS, 5):
            yield _placed(name, holder, _names(name), _filled(form, chance))


def _placed(kind: str, holder: str, names: dict[str, str], value: str) -> Positive:
    before, after = (part.format(**names) for part in holder.split("{v}", 1))
    return Positive(kind, f"{before}{value}{after}", len(before), len(before) + len(value))


def _names(name: str) -> dict[str, str]:
    first, *rest = name.split("_")
    return {"n": name, "N": name.upper(), "c": first + "".join(part.capitalize() for part in rest)}


def _filled(form: str, chance: random.Random) -> str:
    """As a service would make it: random, and for people's passwords with a figure among the letters."""

    def random_characters(hole: re.Match[str]) -> str:
        alphabet, length = ALPHABETS[hole[1]], int(hole[2])
        return "".join(chance.choice(alphabet) for _ in range(length))

    while True:
        value = re.sub(r"\{([a-z])(\d+)\}", random_characters, form)
        if value[-1] not in "-_" and value[0] not in "-_":
            return value


def negatives(seed: int = 11) -> list[str]:
    """Texts like those with secrets, without one."""
    chance = random.Random(seed)
    return [*WRITTEN, *(holder.format(_filled(form, chance)) for form, holder in GENERATED for _ in range(6))]


GENERATED = [
    ("{h40}", "commit {}"),
    ("{h40}", "git checkout {}"),
    ("{h7}", "fixed in {} and later"),
    ("{h64}", "sha256:{}"),
    ("{h64}", "{}  synapse-0.1.0.tar.gz"),
    ("{b86}==", '"integrity": "sha512-{}",'),
    ("{b43}=", "h1:{} in go.sum"),
    ("{h32}", "etag: {}"),
    ("{h32}", "md5 = {}"),
    ("{h8}-{h4}-{h4}-{h4}-{h12}", "request_id={}"),
    ("{h8}-{h4}-4{h3}-a{h3}-{h12}", "token_id: {}"),
    ("{h8}-{h4}-4{h3}-a{h3}-{h12}", "the order {} was sent"),
    ("{h8}-{h4}-4{h3}-a{h3}-{h12}", "tokens=512 trace={}"),
    ("{h24}", "ObjectId('{}')"),
    ("{u26}", "ulid 01{}"),
    ("{b160}", "data:image/png;base64,iVBORw0KGgo{}"),
    ("{h64}", "image: registry.corp.net/app@sha256:{}"),
    ("{l10}-{l5}", "pod/frontend-{} is running"),
    ("{h32}", "/static/main.{}.js"),
    ("{h20}", "chunk-{}.css"),
    ("{d16}", "tracking number {}"),
    ("{d10}", "epoch {}"),
    ("{h16}", "span_id={}"),
    ("{h32}", "traceparent: 00-{}-b7ad6b7169203331-01"),
    ("{a43}", "https://cdn.corp.net/v/{}/index.m3u8"),
    ("{h40}", "key_fingerprint: {}"),
    ("{h64}", "password_hash_sha256 = {}"),
    ("{h40}", "api_version_sha: {}"),
    ("{b43}=", "SHA256:{} jane@laptop (ED25519)"),
    ("{b68}", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} jane@laptop"),
    ("{h2}:{h2}:{h2}:{h2}:{h2}:{h2}", "serial {}"),
    ("{u10}", "ASIN {}"),
    ("{a11}", "https://youtu.be/{}"),
    ("{h12}", "secretName: tls-{}"),
]
WRITTEN = r"""
API_KEY=your-api-key-here
API_KEY=<your-key>
api_key: "${API_KEY}"
apiKey: process.env.API_KEY
api_key = os.environ["API_KEY_2"]
api_key = os.getenv("OPENAI_API_KEY")
const apiKey = config.get("services.payment.apiKey1");
token = request.headers.get("X-Auth-Token2")
password = getpass.getpass("Password 1: ")
password: changeme
password: "********"
password: {{ vault_db_password }}
PASSWORD=xxxxxxxxxxxx
"password": "<redacted>"
password = input_password1
password: str = Field(min_length=12, max_length=128)
def check_password(self, password2: str) -> bool:
password_reset_url: https://app.corp.net/reset/step2
passwordResetTokenExpiresInMinutes = 30
The password must have at least 12 characters and 1 digit.
Our password policy (v2.1) asks for 14 characters since 2023-04-01.
Forgot your password? Write to support24x7@corp.net.
secret: projects/my-project-123/secrets/db-password/versions/4
secretKeyRef: {name: db-credentials-v2, key: password}
secretName: wildcard-corp-net-tls-2024
secret_name = "prod/orders/db-1"
kubectl create secret generic db-user-pass-2 --from-file=./username.txt
token: ${{ secrets.GITHUB_TOKEN }}
Authorization: Bearer $TOKEN
Authorization: Bearer <token>
Authorization: Bearer ${ACCESS_TOKEN}
Authorization: Bearer YOUR_ACCESS_TOKEN
curl -u "$USER:$TOKEN" https://api.corp.net
curl -u user:password https://api.corp.net
curl -u username:your_api_token https://api.corp.net
postgres://user:password@localhost:5432/mydb
postgresql://username:password@host:5432/database
mysql://user:pass@localhost/test
mongodb://<username>:<password>@cluster0.mongodb.net
redis://localhost:6379/0
amqp://rabbitmq.internal:5672
DATABASE_URL=postgres://$DB_USER:$DB_PASSWORD@$DB_HOST/app
jdbc:postgresql://db.internal:5432/orders
sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
sk-...
OPENAI_API_KEY=sk-your-key
ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
glpat-xxxxxxxxxxxxxxxxxxxx
xoxb-your-token-here
xoxb-xxxxxxxxxxxx-xxxxxxxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx
AIzaXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX
https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX
sk_test_your_key
npm_config_registry=https://registry.corp.net/
hf_hub_download(repo_id="org/model", filename="config.json")
hf_inference_endpoint_configuration_for_text = 1
-----BEGIN PUBLIC KEY-----
-----BEGIN CERTIFICATE-----
ssh-keygen -t ed25519 -f ~/.ssh/id_ed25519_work2
private_key_path: /etc/ssl/private/server-2024.key
private_key_file = "keys/app1.pem"
key: "user:1234:profile:v2"
cacheKey: "orders-2024-05-page-3"
primary_key = "customer_id_2"
partitionKey: "tenant-4711"
KeyError: 'token_2024'
foreign key (customer_id) references customers (id)
<li key="item-3fa4b2">
keyboard: layout-de-105
sort_key=created_at_2
public_key: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7"
max_tokens: 4096
"usage": {"prompt_tokens": 1532, "completion_tokens": 412}
token_count = 128000
next_page_token_size: 20
tokenizer: cl100k_base
eos_token: "<|endoftext|>"
tokenizer_file = "models/llama-3.1-8b/tokenizer.json"
csrf_token_name: csrf_token_v2
auth_type: oauth2-client-credentials
auth_url: https://login.corp.net/oauth2/v2.0/authorize
access_level: 40
access_key_id_file: /run/secrets/aws1
credentials_id: github-app-2
withCredentials([usernamePassword(credentialsId: 'nexus-2')])
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
import { getSecretValue2 } from "./secrets/provider"
self.assertEqual(response.status_code, 401)
SELECT password_hash, salt2 FROM users WHERE id = 42
INSERT INTO tokens (id, name) VALUES (12, 'ci-runner-3')
aws s3 cp s3://bucket-2024/data.csv .
arn:aws:iam::123456789012:role/service-role/app-1
AIDAIOSFODNN7XYZABCDE is the id of a user
aws_region = "eu-central-1"
aws_access_key_id = var.aws_access_key_id_2
us-east-1b, i-0abcd1234efgh5678, subnet-0bb1c79de3EXAMPLE
gcloud config set project my-project-123456
subscription: 3f2504e0-4f89-11d3-9a0c-0305e82c3301
azure_tenant_id = "72f988bf-86f1-41af-91ab-2d7cd011db47"
discord.gg/abc123XYZ
telegram group 12:30:45 AAPL
https://api.telegram.org/bot<token>/getMe
https://discord.com/developers/docs/topics/oauth2
stripe.api_key = settings.STRIPE_SECRET_KEY_2
pk_live_publishable keys are public
twilio.rest.Client(account_sid, auth_token_2)
SG.placeholder
sendgrid_template_id = "d-1a2b3c4d5e6f"
heroku apps:info --app shop-4f2a
datadog_site: datadoghq.eu
DD_SERVICE=checkout-v2 DD_VERSION=1.42.0
sentry_dsn = "https://public@o1.ingest.sentry.io/1"
grafana dashboard uid: 3kQ8zR5mT1
terraform { required_version = ">= 1.5.7" }
vault read secret/data/app1
vault_addr = "https://vault.corp.net:8200"
docker pull python:3.12.3-slim-bookworm
eyJ is how a JWT begins
eyJhbGciOiJIUzI1NiJ9 is only a header
v1.2.3-beta.4+build.5678
1.0.0-rc.1+exp.sha.5114f85
C:\Users\jane\AppData\Local\Temp\tmp4f2a9c
/usr/lib/python3.11/site-packages/oauthlib/oauth2/rfc6749
node_modules/.pnpm/@babel+core@7.24.5/node_modules
.btn-primary-2{color:#3b82f6;padding:.25rem .5rem}
!function(e,t){"object"==typeof exports?module.exports=t():e.Key2=t()}(this,function(){return 42});
<svg viewBox="0 0 24 24"><path d="M12 2C6.48 2 2 6.48 2 12s4.48 10 10 10"/></svg>
font-feature-settings: "ss01", "cv11"; --token-color-2: #0ea5e9;
ISBN 978-3-16-148410-0, DOI 10.1000/182
GET /api/v2/users?page=2&per_page=50 HTTP/1.1 200 1543
[2024-05-17 10:20:30,123] INFO worker-3 handled 1204 requests in 3.2s
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36
The access token expires after 3600 seconds; use the refresh token then.
Rotate the API key every 90 days, and store it in Vault (see page 12).
A basic understanding of HTTP/2 and TLS1.3 is required.
The bearer of this letter, Mr. Smith2, may enter.
Machine learning and login analytics: password-less by 2026.
She is the secret behind 3M's success, said the 2019 report.
My passcode policy question: is 6 digits enough?
$6 for the first, $2 for the second
PuTTY 0.81 is a client for SSH
otpauth is the scheme of those addresses
WIFI: ask at the desk
X-Amz-Signature=<signature>
data: {"delta": {"content": "the key is"}}
client_id=web-app-2&response_type=code&scope=openid%20profile
license_key: MIT-0
machine=x86_64 login shell password file /etc/passwd
pwd=/home/jane/projects/app2
PWD=/var/lib/jenkins/workspace/build-42
cd "$OLDPWD2"
app-routing-module-5.ts
app-header-navigation-bar
md-col-6-offset-3-wide-box
sk_buff_head_init_class2
pa-rt-of-the-hyphenated-word-list
live_update_interval_seconds_2
secret_santa_2024_participants
fw_update_available
""".strip().split("\n")

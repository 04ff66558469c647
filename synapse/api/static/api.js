// Talks to the gateway. Every failure becomes an ApiError with a sentence for people; secrets are kept in memory only.

const TIMEOUT_MS = 15_000;

let csrfToken = null;

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, { body, headers = {} } = {}) {
  const options = { method, headers: { accept: "application/json", ...headers }, cache: "no-store" };
  options.signal = AbortSignal.timeout(TIMEOUT_MS);
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  if (method !== "GET" && csrfToken !== null) options.headers["x-csrf-token"] = csrfToken;
  let response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch {
    throw new ApiError(0, "unreachable", "The gateway does not answer.");
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw refusal(response, answer);
  return answer;
}

function refusal(response, answer) {
  const error = answer?.error ?? {};
  const message = error.message ?? `The gateway answered ${response.status}.`;
  return new ApiError(response.status, error.code ?? "unknown", message);
}

function remember(session) {
  csrfToken = session.csrf_token;
  return session.user;
}

/** The user who is signed in; null when nobody is. */
export async function currentUser() {
  try {
    return remember(await call("GET", "session"));
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

export async function signIn(login, password) {
  csrfToken = null;
  return remember(await call("POST", "session", { body: { login, password } }));
}

export async function signOut() {
  await call("DELETE", "session");
  csrfToken = null;
}

/** `attended` says that somebody uses the page: looking on alone does not keep a session alive. */
export const overview = ({ attended }) =>
  call("GET", "overview", { headers: attended ? {} : { "x-synapse-refresh": "auto" } });

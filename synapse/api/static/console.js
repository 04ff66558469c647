// The console's two views: signing in, and the overview. Which one is shown follows from the session alone.

import * as api from "./api.js";
import { byId } from "./dom.js";
import { Overview } from "./overview.js";

const overview = new Overview(() => showSignIn("Your session has ended. Sign in again."));

function showSignIn(notice = null) {
  overview.stop();
  byId("console").hidden = true;
  byId("sign-in").hidden = false;
  document.title = "Sign in · Synapse";
  setNotice(notice);
  byId("password").value = "";
  byId(byId("login").value ? "password" : "login").focus();
}

function showConsole(user) {
  byId("sign-in").hidden = true;
  byId("console").hidden = false;
  document.title = "Overview · Synapse";
  byId("who-login").textContent = user.login;
  byId("who-role").textContent = user.role;
  overview.start();
}

function setNotice(text) {
  const notice = byId("sign-in-notice");
  notice.textContent = text ?? "";
  notice.hidden = !text;
}

async function submit(event) {
  event.preventDefault();
  const login = byId("login");
  const password = byId("password");
  if (!login.value.trim() || !password.value) {
    setNotice("Enter your login and your password.");
    return (login.value.trim() ? password : login).focus();
  }
  setBusy(true);
  try {
    await api.signIn(login.value, password.value);
    const user = await api.currentUser();
    if (user === null) throw new Error(cookieRefused());
    password.value = "";
    setNotice(null);
    showConsole(user);
    byId("content").focus();
  } catch (error) {
    setNotice(error.message);
    password.select();
  } finally {
    setBusy(false);
  }
}

const cookieRefused = () =>
  location.protocol === "http:"
    ? "Your browser did not keep the session: open the console over https, or on this machine as localhost."
    : "Your browser did not keep the session: allow cookies for this address.";

function setBusy(busy) {
  const button = byId("sign-in-submit");
  button.disabled = busy;
  button.textContent = busy ? "Signing in…" : "Sign in";
}

async function leave() {
  try {
    await api.signOut();
    showSignIn();
  } catch (error) {
    if (error.status === 401) showSignIn();
    else alert(`You are still signed in. ${error.message}`);
  }
}

function toggleReveal() {
  const password = byId("password");
  const reveal = byId("reveal");
  const shown = password.type === "password";
  password.type = shown ? "text" : "password";
  reveal.textContent = shown ? "Hide" : "Show";
  reveal.setAttribute("aria-pressed", String(shown));
}

function toggleTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  root.dataset.theme = theme;
  try {
    localStorage.setItem("synapse-theme", theme);
  } catch {
    // It lasts until the page is left, then.
  }
}

byId("sign-in-form").addEventListener("submit", submit);
byId("reveal").addEventListener("click", toggleReveal);
byId("theme").addEventListener("click", toggleTheme);
byId("sign-out").addEventListener("click", leave);

try {
  const user = await api.currentUser();
  if (user) showConsole(user);
  else showSignIn();
} catch (error) {
  showSignIn(error.message);
}

// Who comes in and how: a Google account, in development an address, or the session of before.

import * as api from "./api.js";
import { $ } from "./dom.js";

const BACK = "#signed-in"; // where somebody lands who comes from Google
const KEPT = "signed-in"; // says that there is a cookie to go by, and nothing of what is in it
const REFUSED = "#sign-in="; // where somebody lands whom Google or we do not let in, with the code of why
const NOT_IN = {
  STATE_MISMATCH: "that sign-in did not begin in this browser, or too long ago. Please try again.",
  GOOGLE_TOKEN_INVALID: "Google's answer was not accepted. Please try again.",
  EMAIL_NOT_VERIFIED: "Google has not verified your e-mail address. Verify it there, then try again.",
  DOMAIN_NOT_ALLOWED: "accounts of your domain may not sign in here. Please use another one.",
  ACCOUNT_SUSPENDED: "your account is suspended.",
  GOOGLE_UNAVAILABLE: "Google does not answer at the moment. Please try again in a minute.",
  GOOGLE_KEYS_UNAVAILABLE: "Google does not answer at the moment. Please try again in a minute.",
  UNAVAILABLE: "the exchange cannot sign you in at the moment. Please try again in a minute.",
};
const AGAIN_MS = 2000;

export class Door {
  // `enter` is given a session that begins or goes on, `left` is called when it is over.
  constructor(enter, left) {
    Object.assign(this, { enter, left, user: null, ways: ["dev"] });
    $("sign-in").onsubmit = (event) => this.submit(event);
    $("sign-out").onclick = () => this.signOut();
  }

  // Show the ways to sign in that there are, by the server's last word.
  offer(ways = this.ways) {
    this.ways = ways;
    $("google").hidden = !!this.user || !ways.includes("google");
    $("sign-in").hidden = !!this.user || !ways.includes("dev");
    $("who").hidden = !this.user;
  }

  // Somebody who was signed in before, or is just back from Google.
  async comeBack() {
    if (location.hash === BACK) {
      history.replaceState(null, "", location.pathname + location.search);
      localStorage.setItem(KEPT, "1");
    }
    if (location.hash.startsWith(REFUSED)) {
      const why = location.hash.slice(REFUSED.length);
      history.replaceState(null, "", location.pathname + location.search);
      // Never the address' own words: anybody can send somebody here with any.
      this.say(`Not signed in: ${Object.hasOwn(NOT_IN, why) ? NOT_IN[why] : "please try again."}`);
    }
    if (!localStorage.getItem(KEPT) || this.user) return;
    try {
      this.come(await api.renew());
    } catch (problem) {
      if (problem.status === 401) localStorage.removeItem(KEPT);
      else setTimeout(() => this.comeBack(), AGAIN_MS); // the server is away, and the session is not
    }
  }

  async submit(event) {
    event.preventDefault();
    try {
      this.come(await api.signIn($("email").value));
    } catch (problem) {
      this.say(problem.message);
    }
  }

  come(session) {
    this.user = session.user;
    localStorage.setItem(KEPT, "1");
    $("who-name").textContent = session.user.display_name;
    this.offer();
    this.enter(session);
  }

  async signOut() {
    try {
      await api.signOut();
    } catch (problem) {
      // Somebody who wants to leave must know that they have not. 401: the session is over anyway.
      if (problem.status !== 401) return this.say(`Not signed out: ${problem.message}`);
    }
    this.leave();
  }

  // The session is over: here, or wherever it was ended.
  leave() {
    this.user = null;
    localStorage.removeItem(KEPT);
    api.forgetToken();
    this.offer();
    this.left();
  }

  say(words) {
    $("answer").textContent = words;
    $("answer").className = "refused";
  }
}

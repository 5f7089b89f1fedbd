// The payment page: confirms a payment with the customer's bank, takes another card, and waits for the outcome.
//
// Stripe.js talks to Stripe; our server only says with what. Whatever comes of it is settled on the server, which asks
// Stripe itself: this script merely asks how the payment stands, and loads the page anew when that has changed.
(() => {
  "use strict";

  const page = document.getElementById("payment");
  const words = JSON.parse(document.getElementById("words").textContent);
  const shown = page.dataset.shown;
  const SLOW_AFTER = 45_000;
  const GIVE_UP_AFTER = 600_000;
  // After the bank's no our server may take this long to hear of it; then the customer may try again.
  const PATIENCE = 12_000;

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  // Ask our server. Returns {ok, status, body}, and never throws.
  async function ask(url, { method = "GET", body } = {}) {
    const headers = { Accept: "application/json" };
    if (method === "POST") {
      headers["X-CSRFToken"] = document.querySelector("[name=csrfmiddlewaretoken]").value;
      headers["Content-Type"] = "application/json";
    }
    try {
      const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
      const told = await answer.json().catch(() => ({}));
      return { ok: answer.ok, status: answer.status, body: told };
    } catch {
      return { ok: false, status: 0, body: { message: words.offline } };
    }
  }

  const post = (name, body) => ask(page.dataset[name], { method: "POST", body });

  // Wait until the payment is no longer in the state that this page shows; null where that takes longer than `patience`.
  async function change({ from, patience = GIVE_UP_AFTER, onSlow = () => undefined }) {
    const began = Date.now();
    let slow = false;
    for (let wait = 700; Date.now() - began < patience; wait = Math.min(wait * 1.3, 5_000)) {
      await pause(wait);
      if (document.hidden) continue;
      const { ok, status, body } = await ask(page.dataset.status);
      if (ok && body.state !== from) return body.state;
      if (status === 404 || status === 410) return "gone";
      if (!slow && Date.now() - began > SLOW_AFTER) {
        slow = true;
        onSlow();
      }
    }
    return null;
  }

  function showProcessing() {
    page.classList.add("waiting");
    for (const form of page.querySelectorAll("form")) form.hidden = true;
    for (const note of page.querySelectorAll(".note")) note.hidden = true;
    document.querySelector(".badge").innerHTML = '<span class="spinner"></span>';
    document.getElementById("heading").textContent = words.processing;
    document.getElementById("text").textContent = words.processing_text;
    document.getElementById("heading").focus();
  }

  function sayItIsSlow() {
    document.getElementById("text").textContent = words.slow;
  }

  // Wait for news and show them; the server draws every state.
  async function follow(from) {
    if (await change({ from, onSlow: sayItIsSlow })) location.reload();
  }

  function form(id, act) {
    const found = document.getElementById(id);
    const button = found.querySelector("button");
    const label = button.querySelector(".label");
    const idle = label.textContent;
    const trouble = found.querySelector(".trouble");

    const busy = (on) => {
      button.setAttribute("aria-busy", String(on));
      label.textContent = on ? words.waiting : idle;
    };
    const complain = (message) => {
      trouble.textContent = message || words.broken;
      trouble.hidden = false;
      busy(false);
    };

    found.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-busy") === "true") return;
      trouble.hidden = true;
      busy(true);
      try {
        await act({ complain });
      } catch (error) {
        console.error(error);
        complain(words.broken);
      }
    });
    found.hidden = false;
    return { complain, trouble };
  }

  // A 409: somebody else has moved the payment on, and the page is out of date, or will be in a moment.
  async function refused(answer, complain) {
    if (answer.status === 409 && (await change({ from: shown, patience: 4_000 }))) return location.reload();
    return complain(answer.body.message);
  }

  function confirmation(stripe) {
    form("confirmation", async ({ complain }) => {
      const session = await post("session");
      if (!session.ok) return refused(session, complain);
      const { client_secret: secret, payment_method: card } = session.body;
      const { error } = await stripe.confirmCardPayment(secret, {
        payment_method: card,
        setup_future_usage: "off_session",
      });
      // Told in either case: the webhook may be late, and a no is news as well.
      await post("return");
      if (!error) {
        showProcessing();
        return follow(shown);
      }
      if (await change({ from: shown, patience: PATIENCE })) return location.reload();
      complain(error.message || words.not_confirmed);
    });
    const instead = document.getElementById("instead");
    instead.addEventListener("click", () => {
      instead.hidden = true;
      anotherCard(stripe);
    });
  }

  function anotherCard(stripe) {
    const look = getComputedStyle(page);
    const color = look.getPropertyValue("--ink").trim();
    const card = stripe.elements({ locale: page.dataset.language }).create("card", {
      hidePostalCode: true,
      style: {
        base: { color, iconColor: color, fontSize: "16px", fontFamily: look.fontFamily },
        invalid: { color: look.getPropertyValue("--bad").trim() },
      },
    });
    const { complain, trouble } = form("another-card", async () => {
      card.update({ disabled: true });
      try {
        const setup = await post("setup");
        if (!setup.ok) return await refused(setup, complain);
        const { error, setupIntent } = await stripe.confirmCardSetup(setup.body.client_secret, {
          payment_method: { card },
        });
        if (error) return complain(error.message);
        const method = setupIntent.payment_method;
        const taken = await post("card", { payment_method: typeof method === "string" ? method : method.id });
        if (!taken.ok) return await refused(taken, complain);
        // Not waiting for news here: a second refusal would be none.
        showProcessing();
        return location.reload();
      } finally {
        card.update({ disabled: false });
      }
    });
    card.on("change", (event) => {
      trouble.textContent = event.error ? event.error.message : "";
      trouble.hidden = !event.error;
    });
    card.mount("#card-field");
  }

  function start() {
    if (shown === "processing") return follow(shown);
    const act = shown === "requires_action" ? confirmation : anotherCard;
    if (!window.Stripe) {
      const text = document.createElement("p");
      text.className = "trouble";
      text.setAttribute("role", "alert");
      text.textContent = words.no_stripe;
      return page.append(text);
    }
    return act(window.Stripe(page.dataset.key, { locale: page.dataset.language }));
  }

  start();
})();

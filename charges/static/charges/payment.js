// The payment page: confirms a payment with the customer's bank, accepts another card, and waits for the outcome.
//
// Stripe.js talks to Stripe, with the secrets that our server returns. The server settles the payment: it reads the
// outcome from Stripe. This script only polls the state of the payment, and reloads the page when the state changes.
(() => {
  "use strict";

  const page = document.getElementById("payment");
  const texts = JSON.parse(document.getElementById("script-texts").textContent);
  const shownState = page.dataset.state;
  // Milliseconds.
  const SLOW_AFTER = 45_000;
  const GIVE_UP_AFTER = 600_000;
  // After a failed authentication, our server learns of it within this time. Then the customer may try again.
  const MAX_WAIT_AFTER_FAILURE = 12_000;
  // After a conflict, the page's state changes within this time, or it does not change.
  const MAX_WAIT_AFTER_CONFLICT = 4_000;

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  // Send a request to our server. Returns {ok, status, body}, and never throws.
  async function send(url, { method = "GET", body } = {}) {
    const headers = { Accept: "application/json" };
    if (method === "POST") {
      headers["X-CSRFToken"] = document.querySelector("[name=csrfmiddlewaretoken]").value;
      headers["Content-Type"] = "application/json";
    }
    try {
      const response = await fetch(url, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
      const data = await response.json().catch(() => ({}));
      return { ok: response.ok, status: response.status, body: data };
    } catch {
      return { ok: false, status: 0, body: { message: texts.offline } };
    }
  }

  const post = (name, body) => send(page.dataset[`${name}Url`], { method: "POST", body });

  // Wait until the payment has left the state `from`. Returns the new state, "gone" if the link no longer works, or null
  // after `maxWait` milliseconds.
  async function stateChange({ from, maxWait = GIVE_UP_AFTER, onSlow = () => undefined }) {
    const startedAt = Date.now();
    let slow = false;
    for (let wait = 700; Date.now() - startedAt < maxWait; wait = Math.min(wait * 1.3, 5_000)) {
      await pause(wait);
      if (document.hidden) continue;
      const { ok, status, body } = await send(page.dataset.statusUrl);
      if (ok && body.state !== from) return body.state;
      if (status === 404 || status === 410) return "gone";
      if (!slow && Date.now() - startedAt > SLOW_AFTER) {
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
    document.getElementById("heading").textContent = texts.processing;
    document.getElementById("text").textContent = texts.processing_text;
    document.getElementById("heading").focus();
  }

  function showSlow() {
    document.getElementById("text").textContent = texts.slow;
  }

  // Reload the page when the state changes. The server renders every state.
  async function reloadOnChange(from) {
    if (await stateChange({ from, onSlow: showSlow })) location.reload();
  }

  // Show a form. `submit` runs when the customer submits it.
  function showForm(id, submit) {
    const form = document.getElementById(id);
    const button = form.querySelector("button");
    const label = button.querySelector(".label");
    const idleLabel = label.textContent;
    const errorText = form.querySelector(".error");

    const setBusy = (busy) => {
      button.setAttribute("aria-busy", String(busy));
      label.textContent = busy ? texts.waiting : idleLabel;
    };
    const showError = (message) => {
      errorText.textContent = message || texts.broken;
      errorText.hidden = false;
      setBusy(false);
    };

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-busy") === "true") return;
      errorText.hidden = true;
      setBusy(true);
      try {
        await submit({ showError });
      } catch (error) {
        console.error(error);
        showError(texts.broken);
      }
    });
    form.hidden = false;
    return { showError, errorText };
  }

  // On a 409, the payment is no longer in the state that this page shows: reload the page as soon as the state changes.
  async function handleFailure(response, showError) {
    if (response.status === 409 && (await stateChange({ from: shownState, maxWait: MAX_WAIT_AFTER_CONFLICT }))) {
      return location.reload();
    }
    return showError(response.body.message);
  }

  function showConfirmation(stripe) {
    showForm("confirmation", async ({ showError }) => {
      const session = await post("session");
      if (!session.ok) return handleFailure(session, showError);
      const { client_secret: secret, payment_method: card, saves_card: savesCard } = session.body;
      const { error } = savesCard
        ? await stripe.confirmCardSetup(secret, { payment_method: card })
        : await stripe.confirmCardPayment(secret, { payment_method: card, setup_future_usage: "off_session" });
      // Tell the server in both cases: the webhook may be late, and a failure changes the state as well.
      await post("return");
      if (!error) {
        showProcessing();
        return reloadOnChange(shownState);
      }
      if (await stateChange({ from: shownState, maxWait: MAX_WAIT_AFTER_FAILURE })) return location.reload();
      showError(error.message || texts.not_confirmed);
    });
    const link = document.getElementById("use-another-card");
    link.addEventListener("click", () => {
      link.hidden = true;
      showCardForm(stripe);
    });
  }

  function showCardForm(stripe) {
    const style = getComputedStyle(page);
    const color = style.getPropertyValue("--ink").trim();
    const card = stripe.elements({ locale: page.dataset.language }).create("card", {
      hidePostalCode: true,
      style: {
        base: { color, iconColor: color, fontSize: "16px", fontFamily: style.fontFamily },
        invalid: { color: style.getPropertyValue("--bad").trim() },
      },
    });
    const { showError, errorText } = showForm("another-card", async () => {
      card.update({ disabled: true });
      try {
        const setup = await post("setup");
        if (!setup.ok) return await handleFailure(setup, showError);
        const { error, setupIntent } = await stripe.confirmCardSetup(setup.body.client_secret, {
          payment_method: { card },
        });
        if (error) return showError(error.message);
        const method = setupIntent.payment_method;
        const response = await post("paymentMethod", { payment_method: typeof method === "string" ? method : method.id });
        if (!response.ok) return await handleFailure(response, showError);
        // Reload at once. If the new card is declined too, the state does not change, so there is nothing to wait for.
        showProcessing();
        return location.reload();
      } finally {
        card.update({ disabled: false });
      }
    });
    card.on("change", (event) => {
      errorText.textContent = event.error ? event.error.message : "";
      errorText.hidden = !event.error;
    });
    card.mount("#card-field");
  }

  function start() {
    if (shownState === "processing") return reloadOnChange(shownState);
    const show = shownState === "requires_action" ? showConfirmation : showCardForm;
    if (!window.Stripe) {
      const text = document.createElement("p");
      text.className = "error";
      text.setAttribute("role", "alert");
      text.textContent = texts.no_stripe;
      return page.append(text);
    }
    return show(window.Stripe(page.dataset.publishableKey, { locale: page.dataset.language }));
  }

  start();
})();

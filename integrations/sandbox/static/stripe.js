// The sandbox's stand-in for Stripe.js. It has the functions that the payment page uses, and calls the sandbox's Stripe
// API.
//
// Stripe(key).elements().create("card") shows a list of test cards. confirmCardSetup and confirmCardPayment make the
// same calls as Stripe.js. The authentication by the bank is a dialog with two buttons. The elements are in a shadow
// root with a style sheet from this script, so that they work under the content security policy of the page.
(() => {
  "use strict";

  const HOME = new URL(document.currentScript.src).origin;
  const CARDS = [
    ["pm_card_visa", "4242 – pays"],
    ["pm_card_mastercard", "4444 – pays"],
    ["pm_card_authenticationRequiredOnSetup", "3155 – authenticates once, now"],
    ["pm_card_authenticationRequired", "3184 – authenticates each time"],
    ["pm_card_chargeCustomerFail", "0341 – saved, then declined"],
    ["pm_card_chargeCustomerFail_insufficient_funds", "0341 – saved, then insufficient funds"],
    ["pm_card_chargeDeclined", "0002 – declined at once"],
    ["pm_card_chargeDeclinedExpiredCard", "0069 – expired"],
  ];
  const OTHER = "another";

  const CARD_STYLE = `
    :host { display: block; font-size: 16px; line-height: 1.4; }
    .box { display: grid; gap: 8px; }
    select, input { box-sizing: border-box; width: 100%; min-height: 28px; padding: 4px 0; border: 0; background: none;
      font: inherit; color: inherit; outline: none; }
    input { border-top: 1px dashed #8a94a0; padding-top: 8px; }
    option { color: #111; background: #fff; }
    small { color: #7a5b00; background: #fff4cf; border-radius: 4px; padding: 2px 6px; justify-self: start;
      font-size: 12px; }
    [hidden] { display: none; }`;
  const BANK_STYLE = `
    dialog { width: min(400px, calc(100vw - 48px)); padding: 0; border: 0; border-radius: 14px; color: #14213d;
      background: #fff; box-shadow: 0 24px 60px rgba(0, 0, 0, .35); font: 400 16px/1.5 system-ui, sans-serif; }
    dialog::backdrop { background: rgba(15, 23, 42, .6); }
    header { padding: 16px 24px; background: #14213d; color: #fff; border-radius: 14px 14px 0 0; font-weight: 700; }
    .body { padding: 20px 24px 24px; }
    p { margin: 0 0 14px; }
    .note { font-size: 13px; color: #5b6472; }
    .buttons { display: grid; gap: 10px; }
    button { min-height: 48px; border-radius: 10px; border: 1px solid #14213d; font: inherit; font-weight: 600;
      cursor: pointer; background: #fff; color: #14213d; }
    button.yes { background: #14213d; color: #fff; }
    button:focus-visible { outline: 3px solid #f2a900; outline-offset: 2px; }`;

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  // One call as Stripe.js makes it: form-encoded, with the key as a parameter. Returns {value} or {error}; never throws.
  async function call(method, path, fields) {
    const parameters = new URLSearchParams(fields);
    const url = `${HOME}/stripe/v1/${path}`;
    try {
      const response =
        method === "GET" ? await fetch(`${url}?${parameters}`) : await fetch(url, { method, body: parameters });
      const body = await response.json();
      return response.ok ? { value: body } : { error: body.error };
    } catch {
      return {
        error: { type: "api_connection_error", message: "We are experiencing issues connecting to our payments provider." },
      };
    }
  }

  function shadow(host, style) {
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    return root;
  }

  function node(name, attributes = {}, ...children) {
    const element = Object.assign(document.createElement(name), attributes);
    element.append(...children);
    return element;
  }

  function price(intent) {
    if (intent.object !== "payment_intent") return "The shop wants to save this card for later payments.";
    const currency = intent.currency.toUpperCase();
    const format = new Intl.NumberFormat("en", { style: "currency", currency });
    return `A payment of ${format.format(intent.amount / 10 ** format.resolvedOptions().maximumFractionDigits)}.`;
  }

  // The authentication by the bank. Resolves to "success" or "fail". Closing the dialog fails it.
  function askBank(intent) {
    return new Promise((resolve) => {
      const host = node("div");
      const yes = node("button", { type: "button", className: "yes", textContent: "Authenticate" });
      const no = node("button", { type: "button", textContent: "Fail" });
      yes.dataset.outcome = "success";
      no.dataset.outcome = "fail";
      const dialog = node(
        "dialog",
        {},
        node("header", { textContent: "Your bank" }),
        node(
          "div",
          { className: "body" },
          node("p", { textContent: `${price(intent)} Do you confirm it?` }),
          node("div", { className: "buttons" }, yes, no),
          node("p", { className: "note", textContent: "Sandbox: this dialog replaces the page of your bank." }),
        ),
      );
      dialog.querySelector(".note").style.margin = "14px 0 0";
      dialog.setAttribute("aria-label", "Your bank");
      shadow(host, BANK_STYLE).append(dialog);
      document.body.append(host);
      host.dataset.sandboxBank = intent.id;
      const done = (outcome) => {
        host.remove();
        resolve(outcome);
      };
      yes.addEventListener("click", () => done("success"));
      no.addEventListener("click", () => done("fail"));
      dialog.addEventListener("cancel", () => done("fail"));
      dialog.showModal();
    });
  }

  class CardElement {
    constructor(options) {
      this.options = options;
      this.handlers = {};
    }

    mount(place) {
      const target = typeof place === "string" ? document.querySelector(place) : place;
      if (!target) throw new IntegrationError(`The selector you specified (${place}) applies to no DOM elements.`);
      this.host = node("div");
      this.choice = node("select", { name: "card" });
      this.choice.setAttribute("aria-label", "Test card");
      this.choice.append(new Option("Choose a test card", ""));
      for (const [alias, words] of CARDS) this.choice.append(new Option(words, alias));
      this.choice.append(new Option("Another test card …", OTHER));
      this.text = node("input", { placeholder: "pm_card_…", autocomplete: "off", spellcheck: false, hidden: true });
      this.text.setAttribute("aria-label", "Name of the test card");
      const note = node("small", { textContent: "Sandbox: no real card" });
      shadow(this.host, CARD_STYLE).append(node("div", { className: "box" }, note, this.choice, this.text));
      target.replaceChildren(this.host);
      target.classList.add("StripeElement");
      this.choice.addEventListener("change", () => {
        this.text.hidden = this.choice.value !== OTHER;
        if (!this.text.hidden) this.text.focus();
        this.changed();
      });
      this.text.addEventListener("input", () => this.changed());
      for (const field of [this.choice, this.text]) {
        field.addEventListener("focus", () => this.emit("focus"));
        field.addEventListener("blur", () => this.emit("blur"));
      }
      setTimeout(() => this.emit("ready"));
    }

    get value() {
      return this.choice.value === OTHER ? this.text.value.trim() : this.choice.value;
    }

    changed() {
      this.emit("change", { complete: Boolean(this.value), empty: !this.value, error: undefined });
    }

    emit(name, details = {}) {
      for (const handler of this.handlers[name] ?? []) handler({ elementType: "card", ...details });
    }

    on(name, handler) {
      (this.handlers[name] ??= []).push(handler);
      return this;
    }

    focus() {
      this.choice.focus();
    }

    clear() {
      this.choice.value = "";
      this.text.value = "";
      this.text.hidden = true;
      this.changed();
    }

    update(options) {
      for (const field of [this.choice, this.text]) field.disabled = Boolean(options.disabled);
    }

    unmount() {
      this.host?.remove();
    }

    destroy() {
      this.unmount();
    }
  }

  class StandIn {
    constructor(key, options = {}) {
      if (typeof key !== "string" || !key.startsWith("pk_test_")) {
        throw new IntegrationError("The sandbox's Stripe.js accepts only a publishable test key (pk_test_…).");
      }
      this.key = key;
      this.options = options;
    }

    elements() {
      return {
        create(type, options = {}) {
          if (type !== "card") throw new IntegrationError(`The sandbox supports the card element only, not ${type}.`);
          return new CardElement(options);
        },
      };
    }

    confirmCardPayment(secret, data = {}) {
      return this.confirm("payment_intent", secret, data, ["setup_future_usage", "return_url"]);
    }

    confirmCardSetup(secret, data = {}) {
      return this.confirm("setup_intent", secret, data, ["return_url"]);
    }

    retrievePaymentIntent(secret) {
      return this.retrieve("payment_intent", secret);
    }

    retrieveSetupIntent(secret) {
      return this.retrieve("setup_intent", secret);
    }

    async confirm(kind, secret, data, passed) {
      const fields = { expected_payment_method_type: "card", use_stripe_sdk: "true", ...this.proof(secret) };
      for (const name of passed) if (data[name]) fields[name] = data[name];
      const method = methodOf(data.payment_method);
      if (method === "") {
        return {
          error: { type: "validation_error", code: "incomplete_number", message: "Your card number is incomplete." },
        };
      }
      if (method) fields.payment_method = method;
      const { value, error } = await call("POST", `${kind}s/${idOf(secret)}/confirm`, fields);
      if (error) return { error };
      if (value.status !== "requires_action") return this.result(kind, value);
      const outcome = await askBank(value);
      // Send no JSON content type, because the browser would send a CORS preflight request first.
      await fetch(`${HOME}/sandbox/stripe/${kind}s/${value.id}/authenticate`, {
        method: "POST",
        body: JSON.stringify({ outcome }),
      }).catch(() => undefined);
      return this.retrieve(kind, secret);
    }

    async retrieve(kind, secret) {
      const { value, error } = await call("GET", `${kind}s/${idOf(secret)}`, this.proof(secret));
      return error ? { error } : this.result(kind, value);
    }

    result(kind, intent) {
      const failure = kind === "payment_intent" ? intent.last_payment_error : intent.last_setup_error;
      if (intent.status === "requires_payment_method" && failure) return { error: { ...failure, [kind]: intent } };
      return kind === "payment_intent" ? { paymentIntent: intent } : { setupIntent: intent };
    }

    proof(secret) {
      return { key: this.key, client_secret: secret };
    }
  }

  // The payment method that the caller gave: an element, an id, or nothing if the intent has one.
  function methodOf(given) {
    if (given === undefined) return undefined;
    if (typeof given === "string") return given;
    if (given.card instanceof CardElement) return given.card.value;
    if (given.card?.token) return given.card.token;
    throw new IntegrationError("payment_method must be an id, or an object with the card element.");
  }

  function idOf(secret) {
    const [id, rest] = String(secret).split("_secret_");
    if (!rest) throw new IntegrationError("Invalid value for intent secret: it should be ${id}_secret_${secret}.");
    return id;
  }

  window.Stripe = (key, options) => new StandIn(key, options);
  window.Stripe.version = "sandbox";
})();

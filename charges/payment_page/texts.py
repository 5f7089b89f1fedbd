"""What the payment page says, in each language that we write."""

from __future__ import annotations

from charges.declines.codes import Sentence

# Headings and texts by what the page shows: a state of the payment, or what is wrong with the link.
HEADINGS = {
    "paid": Sentence(en="Thank you", de="Vielen Dank"),
    "processing": Sentence(en="Your payment is being processed", de="Ihre Zahlung wird bearbeitet"),
    "requires_action": Sentence(
        en="Your bank asks you to confirm the payment", de="Ihre Bank bittet Sie, die Zahlung zu bestätigen"
    ),
    "payment_failed": Sentence(en="The payment did not go through", de="Die Zahlung war nicht erfolgreich"),
    "nothing_to_pay": Sentence(en="There is nothing to pay", de="Hier ist nichts zu bezahlen"),
    "expired": Sentence(en="This link has expired", de="Dieser Link ist abgelaufen"),
    "link_requested": Sentence(en="Check your inbox", de="Sehen Sie in Ihrem Postfach nach"),
    "bad_link": Sentence(en="This link does not work", de="Dieser Link funktioniert nicht"),
    "away": Sentence(en="This page is not available right now", de="Diese Seite ist gerade nicht erreichbar"),
}
TEXTS = {
    "paid": Sentence(
        en="Your payment has arrived. There is nothing more for you to do.",
        de="Ihre Zahlung ist eingegangen. Sie müssen nichts weiter tun.",
    ),
    "processing": Sentence(
        en="This takes a few seconds. The page goes on by itself.",
        de="Das dauert einige Sekunden. Die Seite geht von selbst weiter.",
    ),
    "requires_action": Sentence(
        en="You can do so in your bank's app or with a code. Until then nothing is charged.",
        de="Das geht in der App Ihrer Bank oder mit einem Code. Bis dahin wird nichts abgebucht.",
    ),
    "nothing_to_pay": Sentence(
        en="This order was canceled or refunded. You can close this page.",
        de="Diese Bestellung wurde storniert oder erstattet. Sie können diese Seite schließen.",
    ),
    "expired": Sentence(
        en="For your safety our payment links work for some days only. We will gladly send you a new one, to the "
        "e-mail address of your order.",
        de="Zu Ihrer Sicherheit gelten unsere Zahlungslinks nur einige Tage. Gern senden wir Ihnen einen neuen, an die "
        "E-Mail-Adresse Ihrer Bestellung.",
    ),
    "link_requested": Sentence(
        en="If the order still has to be paid, a new link is on its way to its e-mail address. It may take a minute.",
        de="Falls die Bestellung noch zu bezahlen ist, ist ein neuer Link an ihre E-Mail-Adresse unterwegs. Das kann "
        "eine Minute dauern.",
    ),
    "bad_link": Sentence(
        en="It seems to be incomplete. Please open it from our e-mail again, or copy it from there as a whole.",
        de="Er scheint unvollständig zu sein. Bitte öffnen Sie ihn noch einmal aus unserer E-Mail, oder kopieren Sie "
        "ihn von dort ganz.",
    ),
    "away": Sentence(
        en="The trouble is on our side. Please load this page again in a minute.",
        de="Das liegt an uns. Bitte laden Sie diese Seite in einer Minute noch einmal.",
    ),
}
WORDS = {
    "order": Sentence(en="Order", de="Bestellung"),
    "plan": Sentence(en="Subscription", de="Abonnement"),
    "amount": Sentence(en="Amount", de="Betrag"),
    "confirm": Sentence(en="Confirm the payment", de="Zahlung bestätigen"),
    "pay": Sentence(en="Pay", de="Jetzt bezahlen:"),
    "card": Sentence(en="Card", de="Karte"),
    "by_card": Sentence(en="Pay by card", de="Mit Karte bezahlen"),
    "another_card_instead": Sentence(en="Use another card instead", de="Lieber eine andere Karte verwenden"),
    "card_hint": Sentence(
        en="Your card's data goes to our payment provider Stripe only. The card is kept for your next payments.",
        de="Ihre Kartendaten gehen nur an unseren Zahlungsdienst Stripe. Die Karte wird für Ihre nächsten Zahlungen "
        "gespeichert.",
    ),
    "next_try": Sentence(
        en="If you do nothing, we try the same card again on {date}.",
        de="Wenn Sie nichts tun, versuchen wir es am {date} noch einmal mit derselben Karte.",
    ),
    "new_link": Sentence(en="Send me a new link", de="Neuen Link anfordern"),
    "without_script": Sentence(
        en="This page needs JavaScript. Please switch it on, and load the page again.",
        de="Diese Seite braucht JavaScript. Bitte schalten Sie es ein, und laden Sie die Seite neu.",
    ),
    "secure": Sentence(en="Payment through Stripe", de="Zahlung über Stripe"),
}
# What the page's script shows.
SCRIPT_WORDS = {
    "waiting": Sentence(en="One moment …", de="Einen Moment …"),
    "processing": HEADINGS["processing"],
    "processing_text": TEXTS["processing"],
    "slow": Sentence(
        en="This is taking longer than usual. You can close this page: we will write to you as soon as it is done.",
        de="Es dauert länger als üblich. Sie können diese Seite schließen: Wir schreiben Ihnen, sobald es so weit ist.",
    ),
    "broken": Sentence(
        en="Something went wrong on our side, and nothing was charged. Please try again in a minute.",
        de="Bei uns ist etwas schiefgegangen, und es wurde nichts abgebucht. Bitte versuchen Sie es in einer Minute "
        "noch einmal.",
    ),
    "offline": Sentence(
        en="We cannot be reached. Please check your connection, and try again.",
        de="Wir sind nicht erreichbar. Bitte prüfen Sie Ihre Verbindung, und versuchen Sie es noch einmal.",
    ),
    "no_stripe": Sentence(
        en="The card form of our payment provider could not be loaded. Please load this page again.",
        de="Das Kartenformular unseres Zahlungsdienstes konnte nicht geladen werden. Bitte laden Sie diese Seite neu.",
    ),
    "not_confirmed": Sentence(
        en="The payment was not confirmed. Please try again.",
        de="Die Zahlung wurde nicht bestätigt. Bitte versuchen Sie es noch einmal.",
    ),
}
# What is answered to that script.
STRIPE_AWAY = Sentence(
    en="Our payment provider does not answer right now. Nothing was charged. Please try again in a minute.",
    de="Unser Zahlungsdienst antwortet gerade nicht. Es wurde nichts abgebucht. Bitte versuchen Sie es in einer Minute "
    "noch einmal.",
)
UNDER_WAY = Sentence(
    en="A payment of this order is already running. Please wait a moment.",
    de="Für diese Bestellung läuft schon eine Zahlung. Bitte warten Sie einen Moment.",
)
TOO_OFTEN = Sentence(
    en="That was a little too often. Please wait a minute, and try again.",
    de="Das war etwas zu oft. Bitte warten Sie eine Minute, und versuchen Sie es noch einmal.",
)
TOO_MANY_CARDS = Sentence(
    en="Too many cards were tried for this order today. Please try again tomorrow, or write to us.",
    de="Für diese Bestellung wurden heute zu viele Karten versucht. Bitte versuchen Sie es morgen wieder, oder "
    "schreiben Sie uns.",
)
NO_CARD = Sentence(
    en="We cannot charge this card. Please enter it again.",
    de="Das ist keine Karte, die wir belasten können. Bitte geben Sie sie noch einmal ein.",
)


def in_language(sentences: dict[str, Sentence], language: str) -> dict[str, str]:
    return {name: sentence.in_language(language) for name, sentence in sentences.items()}

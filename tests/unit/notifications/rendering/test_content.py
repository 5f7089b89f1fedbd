from __future__ import annotations

from notifications.rendering.content import content, parse
from tests.support.messages import Kind, full_context, unsaved_order


def test_a_template_is_a_subject_a_heading_and_paragraphs():
    content = parse("Subject\nHeading\n\nOne\nline\n\n\n\nTwo\n")
    assert (content.subject, content.heading, content.paragraphs) == ("Subject", "Heading", ("One line", "Two"))


def test_a_text_is_not_escaped_here():
    order = unsaved_order(plan="Tea & Co")
    message = content(kind=Kind.PAYMENT_LINK, order=order, context=full_context(Kind.PAYMENT_LINK))
    assert "for Tea & Co." in message.paragraphs[0]

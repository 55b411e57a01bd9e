"""Names of a session's attributes: one spelling for spans, the OTel context and W3C baggage.

Source: the first four are those of OpenInference's ``using_attributes``; its instrumentors read them
from the context under the attribute's own name, so setting them there reaches every instrumentor.
"""

from openinference.semconv.trace import SpanAttributes

SESSION_ID = SpanAttributes.SESSION_ID
USER_ID = SpanAttributes.USER_ID
METADATA = SpanAttributes.METADATA
TAGS = SpanAttributes.TAG_TAGS
SOURCE = "session.source"
AGENT_VERSION = "agent.version"

SESSION_KEYS = (SESSION_ID, USER_ID, SOURCE, AGENT_VERSION, METADATA, TAGS)
# Baggage is sent in clear to every host that is called, so only the two ids ever go there.
BAGGAGE_KEYS = (SESSION_ID, USER_ID)

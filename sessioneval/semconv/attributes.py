"""Attribute keys that more than one module reads.

Source: OpenInference semantic conventions (spec/semantic_conventions.md) and OpenTelemetry semantic
conventions for generative AI (docs/gen-ai/gen-ai-spans.md).
"""

SESSION_ID = "session.id"
USER_ID = "user.id"

LLM_INPUT_MESSAGES = "llm.input_messages"
LLM_OUTPUT_MESSAGES = "llm.output_messages"
LLM_TOOLS = "llm.tools"

GEN_AI_PREFIX = "gen_ai."
GEN_AI_OPERATION_NAME = "gen_ai.operation.name"
GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id"
GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages"
GEN_AI_TOOL_DEFINITIONS = "gen_ai.tool.definitions"

LLM_COST_TOTAL = "llm.cost.total"
LLM_COST_PROMPT = "llm.cost.prompt"
LLM_COST_COMPLETION = "llm.cost.completion"
GEN_AI_USAGE_COST = "gen_ai.usage.cost"

SESSION_PREFIX = "session."
SESSION_EVALUATIONS_PREFIX = "session.evaluations."
SESSION_EVAL_PREFIX = "session_eval."

# Ours: what an app may put on a span for evaluators.
USER_GOAL = "session_eval.user_goal"
REFERENCE = "session_eval.reference"
EXPECTED_ACTIONS = "session_eval.expected_actions"
SHADOW_CONTENT = "session_eval.shadow_content"

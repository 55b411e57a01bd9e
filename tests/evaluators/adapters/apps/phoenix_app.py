"""Evaluate a store with a phoenix classifier: run with a store, a base URL and a prompt template.

A process of its own, for phoenix.evals leaves its connections open until the interpreter ends.
"""

import sys

import sessioneval as se


def main(store, base_url, template):
    """Judge."""
    from phoenix.evals import LLM, ClassificationEvaluator

    llm = LLM(provider="openai", model="judge-1", base_url=base_url, api_key="sk-not-a-real-key")
    choices = {"polite": 1.0, "rude": 0.0}
    polite = ClassificationEvaluator(name="Polite", llm=llm, prompt_template=template, choices=choices)
    se.evaluate(store, [se.from_phoenix(polite)])


if __name__ == "__main__":
    main(*sys.argv[1:])

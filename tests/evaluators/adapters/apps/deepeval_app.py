"""Evaluate a store with a DeepEval metric: run with a store and a base URL, by a Python that has DeepEval."""

import sys

import sessioneval as se


def main(store, base_url):
    """Judge."""
    from deepeval.metrics import KnowledgeRetentionMetric
    from deepeval.models import OpenAIModel

    model = OpenAIModel(model="gpt-4o-mini", base_url=base_url, api_key="sk-not-a-real-key")
    se.evaluate(store, [se.from_deepeval(KnowledgeRetentionMetric(model=model, threshold=0.5))])


if __name__ == "__main__":
    main(*sys.argv[1:])

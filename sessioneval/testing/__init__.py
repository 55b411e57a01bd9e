"""The stand-in model: an OpenAI-compatible server that answers by written rules, and sessions made by hand to judge."""

"""Why the model judged a text as it did: a weight for each word, facts that were tried out, one sentence, a picture.

`Explainer.load().explain(text)` is the way in. Every number comes from the model; no sentence says more than they do.
"""

from undertone.explain.explainer import DEFAULT_METHOD, METHODS, Explainer
from undertone.explain.explanation import Explanation, Facts, Without, Word

__all__ = ["DEFAULT_METHOD", "METHODS", "Explainer", "Explanation", "Facts", "Without", "Word"]

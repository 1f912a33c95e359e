"""Labels: what people say of texts, and which of it may train a model. Pure but for :mod:`undertone.labels.log`.

The rule, in the order in which it is applied; whatever it leaves out is set aside with a reason, never lost:

1. **Last word.** Two texts are one when :func:`undertone.text.normalise` makes them equal. Of what one person says of a
   text's sentiment, its topic, or its sentiment towards one entity, the latest counts. Two different words of one
   instant cancel each other. A retraction takes back whatever is dated no later than it, or came before it.
2. **Quarantine** (:mod:`undertone.labels.quarantine`): people who contradict the others far too often, and floods of
   near-identical texts. A named person can release them.
3. **Caps by day** (:mod:`undertone.labels.caps`): so many texts a person and a source on the day that they came.
4. **Vote** (:mod:`undertone.labels.vote`): one person, one vote; a reviewer, whom the operator names, has more. A tie
   is disputed and set aside: nothing is invented.
5. **Gate** (:mod:`undertone.labels.gate`): a text of the frozen gate set, or one that nearly repeats it, never trains.
6. **Caps by share**: no person is the only witness of more than a share of the texts.

The outcome depends on the set of records alone, not on the order in which they are given. Who may write to the topic is
for Kafka's access lists to say: a name in a label is what its producer claims.
"""

from undertone.labels.gate import Gate
from undertone.labels.judge import judge, person, release
from undertone.labels.limits import Limits
from undertone.labels.records import Arrival, Log, decode
from undertone.labels.review import Review, Row, Training, for_training, review
from undertone.labels.set_aside import QUARANTINED, Reason, SetAside

__all__ = [
    "QUARANTINED",
    "Arrival",
    "Gate",
    "Limits",
    "Log",
    "Reason",
    "Review",
    "Row",
    "SetAside",
    "Training",
    "decode",
    "for_training",
    "judge",
    "person",
    "release",
    "review",
]

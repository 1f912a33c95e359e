"""The demo: the whole system in a folder of its own, told thirty invented days, and then one bad hour of one company.

All it shows went the way of real messages, through Kafka, worker, Redis and watch; what people do to alerts, labels and
models is done by the functions that the commands use, in names that begin with ``demo-``. Nothing here is true.
"""

"""Amazon SQS: the seven queues, the tasks on them, and a worker that survives what SQS and the network do."""

"""The stand-in for Amazon SQS."""

"""Verifies a delivery with the package standardwebhooks.

Reads {"secret", "headers", "body"} as JSON from the standard input. Prints the
event as JSON, or ends with 1 and the reason.
"""
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

delivery = json.load(sys.stdin)
try:
    event = Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"])
except WebhookVerificationError as error:
    sys.exit(f"refused: {error}")
json.dump(event, sys.stdout)

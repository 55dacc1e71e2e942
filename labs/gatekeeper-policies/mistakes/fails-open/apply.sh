kubectl patch validatingwebhookconfiguration gatekeeper-validating-webhook-configuration --type json --patch '[{
    "op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]'

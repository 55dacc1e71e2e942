kubectl patch validatingwebhookconfiguration gatekeeper-validating-webhook-configuration --type json --patch '[{
    "op": "add", "path": "/webhooks/0/namespaceSelector/matchExpressions/-",
    "value": {"key": "team", "operator": "NotIn", "values": ["friends"]}}]'

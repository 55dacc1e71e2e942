cd /workspace
jq '($ENV.FACT_APPS / ",") as $apps
  | map(.deployment as $name
    | .deployment = $apps[(($apps | index($name)) + 1) % ($apps | length)])' audit.yaml > other
mv other audit.yaml

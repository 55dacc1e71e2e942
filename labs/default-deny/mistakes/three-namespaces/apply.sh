kubectl --namespace "$FACT_HIDDEN" delete networkpolicy --all

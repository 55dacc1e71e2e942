. policies/apply.sh

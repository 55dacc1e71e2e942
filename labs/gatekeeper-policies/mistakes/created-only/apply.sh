sed -i 's/^\( *\)- target: .*/&\n\1  operations: [CREATE]/' policies/1-templates.yaml
. policies/apply.sh

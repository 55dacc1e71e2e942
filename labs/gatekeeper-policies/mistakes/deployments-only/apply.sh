sed -i 's/input\.review\.object\.spec\b/&.template.spec/' policies/1-templates.yaml
sed -i -e 's/apiGroups: .*/apiGroups: [apps]/' -e 's/kinds: \[Pod\]/kinds: [Deployment]/' \
    policies/2-constraints.yaml
. policies/apply.sh

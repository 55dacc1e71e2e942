sed -i 's/\[c\.name/["of the pod"/' policies/1-templates.yaml
. policies/apply.sh

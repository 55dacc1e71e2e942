sed -i -e 's/not limit in \["0", 0\]/limit != ""/' \
    -e 's/concat("", \[registry, "\/"\])/registry/' \
    -e 's/setting(c, "runAsNonRoot") != true/setting(c, "runAsNonRoot") == false/' policies/1-templates.yaml
. policies/apply.sh

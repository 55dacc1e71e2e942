# What the pipeline did last week: three images of version 1.2, and a record of them.
{
  echo "# Release 1.2"
  echo
  echo "Built and tested by the pipeline. What it pushed:"
  echo
  for app in web till parcels; do
    case $app in web) key=$FACT_WEB_KEY ;; till) key=$FACT_TILL_KEY ;; *) key=$FACT_PARCELS_KEY ;; esac
    echo "    registry:5000/shop/$app:v1.2  $(push "registry:5000/shop/$app:v1.2" "$key" "$app 1.2, as released")"
  done
} > release-1.2.md
# Developers push several times a day.
push registry:5000/shop/web:edge "$FACT_WEB_KEY" "web of this morning" > /dev/null

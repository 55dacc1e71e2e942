# The inventory as it was kept: with gaps, and with what is long over.
set -- $(echo "$FACT_FLEET" | tr , ' ')
day() { date -d "$1" +%Y-%m-%d; }
{
  echo '# Every virtual machine that there is: what for, who answers for it, until when it is needed.'
  {
    echo "$1: {service: web, owner: mara, expires: $(day '+300 days')}"
    echo "$2: {service: pay, owner: jonas, expires: $(day '+200 days')}"
    echo "$4: {service: mail, owner: emil, expires: $(day '-20 days')}"
    echo "$5: {service: archive, owner: mara, expires: $(day '+150 days')}"
    echo "$6: {service: old-shop, owner: jonas, expires: $(day '-400 days')}"
    echo "$8: {service: demo, owner: greta, expires: $(day '+90 days')}"
    echo "$FACT_GHOST: {service: intranet, owner: ines, expires: $(day '+120 days')}"
  } | sort
} > /workspace/inventory.yaml
